"""The catalogue of architectures: each one's name, and the recipe it is trained by.

`dense` and `cnn` are the two networks of the Keras study that the program reproduces. The recipe of dense is the
study's. The study trains the CNN at a constant rate of 0.01 (`--lr 0.01 --schedule constant --weight-decay 0`) and so
reads 98.75 % of the test images, in Keras 98.74 % (means of 5 seeds); the recipe here was chosen on validation, of
which it reads 98.87 % against 98.78 % (means of 5 seeds). No JAX here: help and completion read this file.
"""

import os
import re
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mnistcli.config import OPTIMIZERS, DataChoice, TrainConfig, find_optimizer
from mnistcli.errors import UsageError, suggestion


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What an architecture is, in the one-line language, and how it is trained when no flag says otherwise.

    The learning rate and the weight decay are for its optimizer; None is the optimizer's own.
    """

    network: str | None
    optimizer: str
    learning_rate: float | None = None
    weight_decay: float | None = None
    epochs: int = 12
    batch_size: int = 32
    patience: int = 1
    schedule: str = "constant"
    label_smoothing: float = 0.0
    augment: bool = False


RECIPES = {
    "linear": Recipe(network="init glorot, flatten", optimizer="sgd"),
    "dense": Recipe(network="init glorot, dense 512, relu", optimizer="rmsprop"),
    "cnn": Recipe(
        network="conv 32 3x3, relu, pool 2, dense 100, relu",
        optimizer="sgd",
        learning_rate=0.05,
        weight_decay=5e-4,
        schedule="cosine",
    ),
    "fast": Recipe(
        network="dct 24 5x5 stride 2, relu, conv 32 3x3 stride 2, relu, dense 128, relu",
        optimizer="rmsprop",
        learning_rate=0.007,
        epochs=2,
        batch_size=64,
        patience=0,
        schedule="one-cycle",
        label_smoothing=0.1,
    ),
    "convnet": Recipe(
        network="conv 32 5x5, relu, pool 2, conv 64 5x5, relu, pool 2, dense 128, relu",
        optimizer="adamw",
        epochs=30,
        batch_size=64,
        patience=0,
        schedule="cosine",
        augment=True,
    ),
}


LONGEST_NAME = 40  # characters of a class's name that a run's has
# Of networks of the user's own.
OWN = Recipe(network=None, optimizer="adamw", batch_size=64, patience=0, schedule="cosine")


def is_flax(arch: str) -> bool:
    """Whether an architecture is written FILE.py:CLASS."""
    return re.fullmatch(r".+\.py:[A-Za-z_][A-Za-z_0-9]*", arch) is not None


def find_recipe(arch: str) -> Recipe:
    """Return the recipe of an architecture: its name, a description in the one-line language, or FILE.py:CLASS.

    Raises:
        UsageError: There is no such architecture.
    """
    if arch in RECIPES:
        return RECIPES[arch]
    if is_flax(arch):
        return OWN
    from mnistcli.models.language import canonical, parse
    from mnistcli.models.layers import USAGES

    if arch.isidentifier() and arch not in USAGES:
        near = suggestion(arch, [*RECIPES, *USAGES])
        raise UsageError(
            f"Unknown architecture {arch!r}: expected {', '.join(RECIPES)}, or layers in one line (see 'mnistcli help "
            f"arch'){near}"
        )
    if ".py" in arch and not re.search("[ ,(]", arch):
        raise UsageError(f"A network in Flax is named with its class, as in net.py:Net, not {arch!r}.")
    return replace(OWN, network=canonical(parse(arch)))


def is_architecture(text: str) -> bool:
    """Whether the text is an architecture's name or a description, and not a run's name or path."""
    if text in RECIPES or is_flax(text):
        return True
    from mnistcli.models.layers import USAGES

    return re.split("[ ,(]", text)[0] in USAGES and not os.path.lexists(text)


def arch_key(arch: str) -> str:
    """Return what a run records as its architecture: the name, or the description as the program writes it.

    Of FILE.py:CLASS the folder is left out.

    Raises:
        UsageError: There is no such architecture.
    """
    return find_recipe(arch).network or Path(arch).name if arch not in RECIPES else arch


def run_prefix(arch: str) -> str:
    """Return what runs of an architecture are called, but for their numbers: "cnn", or "conv32-relu-pool2"."""
    if arch in RECIPES:
        return arch
    if is_flax(arch):
        name = arch.rpartition(":")[2].strip("_").lower()[:LONGEST_NAME] or "network"
        return f"{name}-class" if name in {"latest", "builtin", *RECIPES} else name
    from mnistcli.models.language import parse, short_form

    return short_form(parse(arch))


def description(arch: str) -> str | None:
    """Return the network of an architecture in the one-line language; None: it is a class in a file.

    Raises:
        UsageError: There is no such architecture.
    """
    return find_recipe(arch).network


def recipe_for(arch: str, data: DataChoice) -> Recipe:
    """Return the recipe of an architecture on a data set.

    A constant learning rate is for MNIST, as the study has it. Elsewhere it falls: dense then reads 89.4 % of
    Fashion-MNIST's test images instead of 87.9 % (means of seeds 0 to 2, and of 0 and 1).

    Raises:
        UsageError: There is no such architecture.
    """
    recipe = find_recipe(arch)
    if data.dataset == DataChoice.dataset or recipe.schedule != "constant":
        return recipe
    return replace(recipe, schedule="cosine")


def recipe_default(name: str) -> str:
    """Return what help says of a hyper-parameter's default: the commonest value, and where it is another."""
    recipes = {arch: getattr(recipe, name) for arch, recipe in (RECIPES | {"your own": OWN}).items()}
    if None in recipes.values():  # where a recipe gives none, its optimizer does
        optimizers = {each: getattr(choice, name) for each, choice in OPTIMIZERS.items()}
        recipes = optimizers | {arch: value for arch, value in recipes.items() if value is not None}
    (common, _), *_ = Counter(recipes.values()).most_common()
    others = [f"{key} {as_written(value)}" for key, value in recipes.items() if value != common]
    return as_written(common) + (f", but {', '.join(others)}" if others else "")


def as_written(value: object) -> str:
    """Return a setting's value as a person types it: "on" or "off", 0.001, a word."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def configure(
    arch: str,
    *,
    data: DataChoice | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    optimizer: str | None = None,
    learning_rate: float | None = None,
    weight_decay: float | None = None,
    patience: int | None = None,
    schedule: str | None = None,
    label_smoothing: float | None = None,
    augment: bool | None = None,
    precision: str = TrainConfig.precision,
    seed: int = TrainConfig.seed,
    limit: int | None = None,
    start: str | None = None,
    freeze: tuple[str, ...] = (),
) -> TrainConfig:
    """Return the architecture's recipe with what is given put in its place.

    Another optimizer than the recipe's brings its own learning rate and weight decay.

    Raises:
        UsageError: An unknown architecture or optimizer, or a value out of its range.
    """
    data = data or DataChoice()
    recipe = recipe_for(arch, data)
    optimizer = optimizer or recipe.optimizer
    rate, decay = rates_of(recipe, optimizer)
    return TrainConfig(
        **asdict(data),
        arch=arch_key(arch),
        optimizer=optimizer,
        learning_rate=rate if learning_rate is None else learning_rate,
        weight_decay=decay if weight_decay is None else weight_decay,
        epochs=recipe.epochs if epochs is None else epochs,
        batch_size=recipe.batch_size if batch_size is None else batch_size,
        patience=recipe.patience if patience is None else patience,
        schedule=recipe.schedule if schedule is None else schedule,
        label_smoothing=recipe.label_smoothing if label_smoothing is None else label_smoothing,
        augment=recipe.augment if augment is None else augment,
        precision=precision,
        seed=seed,
        limit=limit,
        start=start,
        freeze=freeze,
        source_sha256=_source_sha256(arch) if is_flax(arch) else None,
    )


def rates_of(recipe: Recipe, optimizer: str) -> tuple[float, float]:
    """Return the learning rate and the weight decay that a recipe has with an optimizer, perhaps another than its own.

    Raises:
        UsageError: There is no such optimizer.
    """
    own = find_optimizer(optimizer)
    if optimizer != recipe.optimizer:
        return own.learning_rate, own.weight_decay
    return (
        own.learning_rate if recipe.learning_rate is None else recipe.learning_rate,
        own.weight_decay if recipe.weight_decay is None else recipe.weight_decay,
    )


def _source_sha256(arch: str) -> str:
    from mnistcli.models.flax_file import read_source

    return read_source(arch).sha256
