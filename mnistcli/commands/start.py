"""Start from another run's weights: find the layers that fit, and those to freeze."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mnistcli.errors import UsageError
from mnistcli.models import description
from mnistcli.models.language import expected_variables, parse, plan
from mnistcli.models.network import Definition, flatten, is_in
from mnistcli.runs import StoredModel
from mnistcli.runs.tensors import Tensors


@dataclass(frozen=True)
class Start:
    """The weights that a run starts with.

    Attributes:
        arrays: The other run's arrays that fit, by path.
        taken: The names of the layers that are taken from it.
        anew: The names of the layers that start from random weights.
    """

    arrays: Tensors
    taken: tuple[str, ...]
    anew: tuple[str, ...]


def take_weights(model: StoredModel, definition: Definition, layers: Sequence[str], *, same_classes: bool) -> Start:
    """Return the arrays of a model that a network starts with: those of layers with the same name and shapes.

    The last layer is taken only if the classes are the same.

    Raises:
        UsageError: No layer fits.
    """
    wanted = {path: leaf.shape for path, leaf in _variables(definition).items()}
    taken: list[str] = []
    anew: list[str] = []
    for layer in layers:
        paths = [path for path in wanted if _layer(path) == layer]
        fits = all(path in model.arrays and model.arrays[path].shape == wanted[path] for path in paths)
        (taken if fits and (same_classes or layer != "output") else anew).append(layer)
    if not taken:
        raise UsageError(
            f"No layer of {model.arch} fits the network: --from takes layers with the same name and shapes."
        )
    arrays = {path: array for path, array in model.arrays.items() if _layer(path) in taken}
    return Start(arrays, tuple(taken), tuple(anew))


def frozen_layers(freeze: str, layers: Sequence[str], *, ordered: bool) -> tuple[str, ...]:
    """Return the layers that `--freeze` names: the first N, or names separated by commas.

    A name such as "residual1" includes all layers inside. `ordered` is whether `layers` are in the network's order.

    Raises:
        UsageError: A layer does not exist, or every layer would be frozen.
    """
    if freeze.isdecimal() and not ordered:
        raise UsageError(f"--freeze {freeze}: a class in Flax needs the names of layers, such as {layers[0]}.")
    if freeze.isdecimal():
        chosen = layers[: int(freeze)] if len(freeze) < 9 else layers
    else:
        names = [name.strip() for name in freeze.split(",")]
        chosen = [layer for layer in layers if is_in(f"{layer}.", names)]
        for name in names:
            if not any(is_in(f"{layer}.", [name]) for layer in layers):
                raise UsageError(f"--freeze names {name!r}, but the layers to train are {', '.join(layers)}.")
    if not chosen:
        raise UsageError(f"--freeze takes a number of layers, at least 1, or names, not {freeze!r}.")
    if len(chosen) == len(layers):
        raise UsageError("--freeze leaves no layer to train: freeze fewer layers.")
    return tuple(chosen)


def layers_of(arch: str, definition: Definition, image_shape: tuple[int, ...], classes: int) -> list[str]:
    """Return the layers with variables, in the network's order; for a class in Flax, sorted by name."""
    network = description(arch)
    steps = plan(parse(network), image_shape, classes) if network is not None else ()
    paths = expected_variables(steps) or flatten(definition.parts.params)
    return [*dict.fromkeys(_layer(path) for path in paths)]


def trained_layers(definition: Definition, layers: Sequence[str]) -> list[str]:
    """Return the layers that have trainable parameters."""
    trained = {_layer(path) for path in flatten(definition.parts.params)}
    return [layer for layer in layers if layer in trained]


def _layer(path: str) -> str:
    return path.rpartition(".")[0] or path


def _variables(definition: Definition) -> dict[str, Any]:
    return flatten(definition.parts.params) | flatten(definition.parts.rest)
