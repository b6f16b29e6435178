"""The layers that architectures are made of: parameters around an operation, and what it does to a shape and costs."""

import math
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn.initializers import Initializer

from mnistcli import network
from mnistcli.network import Shape
from mnistcli.results import LayerSummary


class Flatten(nnx.Module):
    """[n, …] → [n, product of the rest]."""

    def __init__(self) -> None:
        self.operation = network.Flatten()

    def __call__(self, x: jax.Array) -> jax.Array:
        """Apply the layer to a batch."""
        return self.operation(x, {})

    def summarize(self, name: str, shape: Shape) -> list[LayerSummary]:
        """Describe the layer for one image of that shape."""
        return [LayerSummary(name, "flatten", "", (math.prod(shape),), 0, 0)]


class Dense(nnx.Module):
    """A kernel, a bias, an activation: [n, inputs] → [n, outputs]."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel_init: Initializer,
        activation: Literal["relu"] | None = None,
        rngs: nnx.Rngs,
    ) -> None:
        self.kernel = nnx.Param(kernel_init(rngs.params(), (inputs, outputs)).T)
        self.bias = nnx.Param(jnp.zeros(outputs))
        self.operation = network.Dense(activation)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Apply the layer to a batch."""
        return self.operation(x, {"kernel": self.kernel[...], "bias": self.bias[...]})

    def summarize(self, name: str, shape: Shape) -> list[LayerSummary]:
        """Describe the layer for one image's row of numbers."""
        (inputs,), outputs = shape, self.bias.shape[0]
        products = inputs * outputs
        return [LayerSummary(name, "dense", self.operation.activation or "", (outputs,), products + outputs, products)]


class ConvReluPool(nnx.Module):
    """Filters and their biases: [n, h, w, channels] → [n, h', w', filters]."""

    def __init__(
        self,
        channels: int,
        filters: int,
        *,
        kernel_size: int,
        pool: int,
        kernel_init: Initializer,
        rngs: nnx.Rngs,
    ) -> None:
        self.kernel = nnx.Param(kernel_init(rngs.params(), (kernel_size, kernel_size, channels, filters)))
        self.bias = nnx.Param(jnp.zeros(filters))
        self.operation = network.ConvReluPool(pool)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Apply the layer to a batch."""
        return self.operation(x, {"kernel": self.kernel[...], "bias": self.bias[...]})

    def summarize(self, name: str, shape: Shape) -> list[LayerSummary]:
        """Describe the convolution and the pooling, a row each."""
        side, _, channels, filters = self.kernel.shape
        pool = self.operation.pool
        convolved = (shape[0] - side + 1, shape[1] - side + 1, filters)
        weights = side * side * channels * filters
        products = convolved[0] * convolved[1] * weights
        return [
            LayerSummary(name, "conv", f"{side}×{side}, valid, relu", convolved, weights + filters, products),
            LayerSummary(f"{name}.pool", "max-pool", f"{pool}×{pool}", self.output_shape(shape), 0, 0),
        ]

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of one image's output."""
        return self.operation.output_shape(shape, {"kernel": self.kernel.shape, "bias": self.bias.shape})
