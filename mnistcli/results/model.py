"""A network, layer by layer, and as a file for other programs."""

from __future__ import annotations

from dataclasses import dataclass


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
        images: How many test images it was given.
        same_answers: How many of them it reads as JAX does.
        largest_difference: Between a probability of its and the one that follows from JAX's logits.
    """

    run: str
    file: str
    size: int
    images: int
    same_answers: int
    largest_difference: float
