"""The catalogue of architectures: each one's name, and the recipe it is trained by.

`dense` and `cnn` are the two networks of the Keras study that the program reproduces. The recipe of dense is the
study's. The study trains the CNN at a constant rate of 0.01 (`--lr 0.01 --schedule constant --weight-decay 0`) and so
reads 98.75 % of the test images, in Keras 98.74 % (means of 5 seeds); the recipe here was chosen on validation, of
which it reads 98.87 % against 98.78 % (means of 5 seeds). No JAX here: help and completion read this file.
"""

import os
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mnistcli.config import RATES, DataChoice, Hyper, TrainConfig
from mnistcli.declaration import declared
from mnistcli.errors import UsageError, suggestion
from mnistcli.optimizers import OPTIMIZERS


@dataclass(frozen=True)
class Recipe:
    """What an architecture is, in the one-line language, and how it is trained when no flag says otherwise."""

    network: str | None
    hyper: Hyper


RECIPES = {
    "linear": Recipe("init glorot, flatten", Hyper(optimizer="sgd")),
    "dense": Recipe("init glorot, dense 512, relu", Hyper(optimizer="rmsprop")),
    "cnn": Recipe(
        "conv 32 3x3, relu, pool 2, dense 100, relu",
        Hyper(optimizer="sgd", learning_rate=0.05, weight_decay=5e-4, schedule="cosine"),
    ),
    "fast": Recipe(
        "dct 24 5x5 stride 2, relu, conv 32 3x3 stride 2, relu, dense 128, relu",
        Hyper(
            optimizer="rmsprop",
            learning_rate=0.007,
            epochs=2,
            batch_size=64,
            patience=0,
            schedule="one-cycle",
            label_smoothing=0.1,
        ),
    ),
    "convnet": Recipe(
        "conv 32 5x5, relu, pool 2, conv 64 5x5, relu, pool 2, dense 128, relu",
        Hyper(optimizer="adamw", epochs=30, batch_size=64, patience=0, schedule="cosine", augment=True),
    ),
}


LONGEST_NAME = 40  # characters of a class's name that a run's has
# Of networks of the user's own.
OWN = Recipe(None, Hyper(optimizer="adamw", batch_size=64, patience=0, schedule="cosine"))


def is_flax(arch: str) -> bool:
    """Whether an architecture is written FILE.py:CLASS."""
    return re.fullmatch(r".+\.py:[A-Za-z_][A-Za-z_0-9]*", arch) is not None


def find_recipe(arch: str) -> Recipe:
    """Return the recipe of an architecture: its name, a description in the one-line language, or FILE.py:CLASS.

    Raises:
        UsageError: The architecture is unknown.
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
        UsageError: The architecture is unknown.
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
        UsageError: The architecture is unknown.
    """
    return find_recipe(arch).network


def recipe_for(arch: str, data: DataChoice) -> Recipe:
    """Return the recipe of an architecture on a data set.

    A constant learning rate is for MNIST, as the study has it. Elsewhere it falls: dense then reads 89.4 % of
    Fashion-MNIST's test images instead of 87.9 % (means of seeds 0 to 2, and of 0 and 1).

    Raises:
        UsageError: The architecture is unknown.
    """
    recipe = find_recipe(arch)
    if data.dataset == DataChoice.dataset or recipe.hyper.schedule != "constant":
        return recipe
    return replace(recipe, hyper=replace(recipe.hyper, schedule="cosine"))


def recipe_default(name: str) -> str:
    """Return what help says of a hyper-parameter's default: the commonest value, and where it is another."""
    recipes = {arch: recipe.hyper for arch, recipe in (RECIPES | {"your own": OWN}).items()}
    defaults = {arch: getattr(hyper, name) for arch, hyper in recipes.items()}
    if name in RATES:  # where a recipe gives none, its optimizer does
        own = {each: getattr(optimizer, name) for each, optimizer in OPTIMIZERS.items()}
        defaults = own | {arch: rate for arch, rate in defaults.items() if rate != own[recipes[arch].optimizer]}
    (common, _), *_ = Counter(defaults.values()).most_common()
    others = [f"{key} {as_written(value)}" for key, value in defaults.items() if value != common]
    elsewhere = "; cosine on other data than mnist" if name == "schedule" else ""
    return as_written(common) + (f", but {', '.join(others)}" if others else "") + elsewhere


def as_written(value: object) -> str:
    """Return a setting's value as a person types it: "on" or "off", 0.001, a word."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def configure(arch: str, *, data: DataChoice | None = None, **given: Any) -> TrainConfig:
    """Return the architecture's recipe with what is given, by attribute of `Hyper` and `TrainConfig`, in its place.

    None is what is not given. Another optimizer than the recipe's brings its own learning rate and weight decay.

    Raises:
        UsageError: An unknown architecture or optimizer, or a value out of its range.
    """
    data = data or DataChoice()
    given = {name: value for name, value in given.items() if value is not None}
    hyper = {name: given.pop(name) for name in declared(Hyper) if name in given}
    return TrainConfig(
        arch=arch_key(arch),
        data=data,
        hyper=recipe_for(arch, data).hyper.changed(hyper),
        source_sha256=_source_sha256(arch) if is_flax(arch) else None,
        **given,
    )


def _source_sha256(arch: str) -> str:
    from mnistcli.models.flax_file import read_source

    return read_source(arch).sha256
