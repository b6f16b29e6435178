"""What a network computes for one picture: its answer, and the output of each layer."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mnistcli.commands.classifier import network_of, probabilities_of
from mnistcli.commands.predict import interpretations_for, surest
from mnistcli.inference.activations import activations
from mnistcli.models.language import OUTPUT, describe
from mnistcli.results.inspect import LayerOutput
from mnistcli.runs import StoredModel
from mnistcli.vision import Steps


@dataclass(frozen=True)
class Look:
    """What a network saw and what it computed.

    Attributes:
        seen: [height, width, channels] uint8.
        probabilities: The calibrated probability of each class.
        layers: The outputs of the layers that `summary` shows.
    """

    seen: np.ndarray
    probabilities: tuple[float, ...]
    layers: tuple[LayerOutput, ...]


def look(model: StoredModel, seen: np.ndarray) -> Look:
    """Show a network an image [height, width, channels] uint8."""
    outputs = activations(*network_of(model), seen)
    probabilities = probabilities_of(model, outputs[OUTPUT][None])[0].tolist()
    return Look(seen, tuple(probabilities), _by_layer(outputs, model))


def look_at_picture(model: StoredModel, pixels: np.ndarray) -> tuple[Look, Steps]:
    """Show a network a picture [height, width, 1 or 3] uint8 as `predict` does; return its interpretation, too.

    Raises:
        ImageError: The picture is blank.
    """
    found = interpretations_for(model.pictures, model.image_shape, pixels, invert="auto")
    looks = [look(model, steps[-1][1]) for steps in found]
    best = surest([each.probabilities for each in looks])
    return looks[best], found[best]


def _by_layer(outputs: Mapping[str, np.ndarray], model: StoredModel) -> tuple[LayerOutput, ...]:
    """Return the outputs of the layers that `summary` shows: an activation replaces the layer before it."""
    rows = describe(model.arch, model.description, model.image_shape, len(model.class_names)).layers
    kinds = {row.name: row.kind for row in rows}
    layers: dict[str, LayerOutput] = {}
    name = ""
    for step, values in outputs.items():
        name = step if step in kinds else name
        layers[name] = LayerOutput(name, kinds[name], values)
    return tuple(layers.values())
