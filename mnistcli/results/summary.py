"""The results of `summary` and `export`: a network layer by layer, and as a file for other programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class LayerSummary:
    """One layer: the shape of its output for one image, its parameters, its multiply-accumulates for one image.

    Attributes:
        receptive_field: Rows and columns of the image that one of its outputs depends on; empty if unknown.
        depth: The number of residuals around it.
        adds: For the end of a residual: the number of layers right before it that are inside.
    """

    name: str
    kind: str
    detail: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_accumulates: int
    receptive_field: tuple[int, ...]
    depth: int = 0
    adds: int = 0


@dataclass(frozen=True)
class ModelSummary:
    """An architecture, layer by layer; the first row is the input. `network` is its description if it has one."""

    arch: str
    network: str | None
    layers: tuple[LayerSummary, ...]

    @property
    def parameters(self) -> int:
        """The total number of trainable parameters."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_accumulates(self) -> int:
        """The total number of multiply-accumulates for one image."""
        return sum(layer.multiply_accumulates for layer in self.layers)


@dataclass(frozen=True)
class Export:
    """A network's file for other programs, and how its answers compare with JAX's.

    Attributes:
        size: The file's size in bytes.
        images: The number of test images that were compared.
        same_answers: How many of them have the same answer; None for a page, which compares itself when opened.
        largest_difference: The largest difference of a probability; None for a page.
    """

    run: str
    file: str
    size: int
    images: int
    same_answers: int | None = None
    largest_difference: float | None = None


@dataclass(frozen=True)
class OfflineNetwork:
    """A network for a page that computes it offline, with test images to check that it does.

    Attributes:
        run: The run's name.
        pictures: How to turn a drawing into the network's input, one of config.PICTURES.
        image_shape: Height, width and channels of the input.
        class_names: The classes' names in the order of the logits.
        temperature: The number to divide logits by.
        rejects: Whether it has one more class, "no digit", with logit 0.
        layers: The result of `inference.script.script_network`.
        images: Test images [n, height, width, channels] uint8.
        probabilities: JAX's probabilities for them, [n, classes].
    """

    run: str
    pictures: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    temperature: float
    rejects: bool
    layers: dict[str, Any] = field(repr=False)
    images: np.ndarray = field(repr=False, compare=False)
    probabilities: np.ndarray = field(repr=False, compare=False)
