"""A network, layer by layer, and as a file for other programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class LayerSummary:
    """One layer: its output's shape without the batch, its parameters, multiply-accumulates for one image.

    Attributes:
        receptive_field: Rows and columns of the image that one number of its output follows from; empty: not known.
        depth: In how many residuals it is.
        adds: Of the end of a residual: how many layers, right before it, are inside.
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
    """An architecture, layer by layer; the first row is the input. `network` is its description, where it has one."""

    arch: str
    network: str | None
    layers: tuple[LayerSummary, ...]

    @property
    def parameters(self) -> int:
        """Trainable parameters in all."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_accumulates(self) -> int:
        """Multiply-accumulates for one image in all."""
        return sum(layer.multiply_accumulates for layer in self.layers)


@dataclass(frozen=True)
class Export:
    """A network's file for other programs, and how it answered.

    Attributes:
        size: Of the file, in bytes.
        images: How many test images prove it.
        same_answers: How many of them it reads as JAX does; None for a page, which compares itself when opened.
        largest_difference: Between one of its probabilities and that from JAX's logits; None for a page.
    """

    run: str
    file: str
    size: int
    images: int
    same_answers: int | None = None
    largest_difference: float | None = None


@dataclass(frozen=True)
class OfflineNetwork:
    """A network for a page that computes by itself, and what proves that it does.

    Attributes:
        run: The run's name.
        pictures: How a drawing becomes what the network reads, one of config.PICTURES.
        image_shape: Height, width and channels of that.
        class_names: The classes' names in the order of the logits.
        temperature: What to divide logits by.
        rejects: Whether it has one more class, "no digit", with the logit 0.
        layers: As of `inference.script.script_network`.
        images: Test images [n, height, width, channels] uint8.
        probabilities: JAX's for each, [n, classes].
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
