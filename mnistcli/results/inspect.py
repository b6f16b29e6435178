"""A look inside a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Filters:
    """What a network's first layer with a kernel looks for.

    Attributes:
        layer: The layer's name.
        kind: "filter": a convolution's kernel; "template": a dense layer's weights, one for each number it gets.
        names: Of each: its class where the layer makes the logits, else its number, from 1.
        values: [k, rows, columns, channels] float32.
    """

    layer: str
    kind: str
    names: tuple[str, ...]
    values: np.ndarray = field(compare=False, repr=False)


@dataclass(frozen=True)
class LayerOutput:
    """What one layer makes of an image, after the activation that `summary` tells with it: [*shape] float32."""

    name: str
    kind: str
    values: np.ndarray = field(compare=False, repr=False)


@dataclass(frozen=True)
class InspectedImage:
    """The image that a network was shown.

    Attributes:
        name: The file's name, or the image's place in the test split.
        label: Its class, None where nobody knows.
        predicted: The network's answer.
        picture: What the network saw, [height, width, channels] uint8.
    """

    name: str
    label: str | None
    predicted: str
    picture: np.ndarray = field(compare=False, repr=False)


@dataclass(frozen=True)
class FeatureMap:
    """Test images in the plane of the two directions in which the penultimate layer's output varies most (PCA).

    Attributes:
        layer: The penultimate layer's name.
        points: [n, 2] float64, centred.
        explained: The share of the variance along each axis.
        labels: The number of each image's class, [n].
        predicted: The number of the class that the network answers, [n].
    """

    layer: str
    points: np.ndarray = field(compare=False, repr=False)
    explained: tuple[float, float]
    labels: np.ndarray = field(compare=False, repr=False)
    predicted: np.ndarray = field(compare=False, repr=False)

    @property
    def wrong(self) -> np.ndarray:
        """Which images the network reads wrong, [n] bool."""
        return self.labels != self.predicted


@dataclass(frozen=True)
class Inspection:
    """A look inside a network: its first layer's filters, what each layer makes of one image, a map of many."""

    run: str
    arch: str
    class_names: tuple[str, ...]
    image: InspectedImage
    filters: Filters
    layers: tuple[LayerOutput, ...]
    map: FeatureMap


@dataclass(frozen=True)
class Filmstrip:
    """The first layer's filters at the ends of epochs, in their order; all `frames` have the same names."""

    run: str
    arch: str
    epochs: tuple[int, ...]
    frames: tuple[Filters, ...]
