"""The results of `inspect`: a look inside a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Filters:
    """The kernel of a network's first layer that has one.

    Attributes:
        layer: The layer's name.
        kind: "filter" for a convolution's kernel, "template" for a dense layer's weights.
        names: The name of each: its class if the layer's outputs are the logits, else its number, from 1.
        values: [k, rows, columns, channels] float32.
    """

    layer: str
    kind: str
    names: tuple[str, ...]
    values: np.ndarray = field(compare=False, repr=False)


@dataclass(frozen=True)
class LayerOutput:
    """One layer's output for an image, [*shape] float32, after the activation that `summary` shows with it."""

    name: str
    kind: str
    values: np.ndarray = field(compare=False, repr=False)


@dataclass(frozen=True)
class InspectedImage:
    """The image that a network was shown.

    Attributes:
        name: The file's name, or the image's place in the test split.
        label: Its class; None if unknown.
        predicted: The network's answer.
        picture: The network's input, [height, width, channels] uint8.
    """

    name: str
    label: str | None
    predicted: str
    picture: np.ndarray = field(compare=False, repr=False)


@dataclass(frozen=True)
class FeatureMap:
    """Test images in the plane in which the penultimate layer's output varies most (PCA).

    Attributes:
        layer: The penultimate layer's name.
        points: [n, 2] float64, centred.
        explained: The fraction of the variance along each axis.
        labels: The number of each image's class, [n] integers.
        predicted: The number of each predicted class, [n] integers.
    """

    layer: str
    points: np.ndarray = field(compare=False, repr=False)
    explained: tuple[float, float]
    labels: np.ndarray = field(compare=False, repr=False)
    predicted: np.ndarray = field(compare=False, repr=False)

    @property
    def wrong(self) -> np.ndarray:
        """Which images the network misreads, [n] bool."""
        return self.labels != self.predicted


@dataclass(frozen=True)
class Inspection:
    """A look inside a network: its first layer's filters, each layer's output for one image, a map of many images."""

    run: str
    arch: str
    class_names: tuple[str, ...]
    image: InspectedImage
    filters: Filters
    layers: tuple[LayerOutput, ...]
    map: FeatureMap


@dataclass(frozen=True)
class Filmstrip:
    """The first layer's filters at the end of each epoch, in order; all `frames` have the same names."""

    run: str
    arch: str
    epochs: tuple[int, ...]
    frames: tuple[Filters, ...]
