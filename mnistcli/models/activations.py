"""The activations: jax.nn's functions of each number by itself, by name, each with its translation into ONNX.

A further one is an entry here and in `network.js`. The ONNX file itself is made in `mnistcli.inference.onnx_file`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol


class Graph(Protocol):
    """An ONNX file under way: what a layer adds to it, by the names of inputs and outputs."""

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return its output's name."""
        ...

    def number(self, value: float, name: str | None = None) -> str:
        """Add a constant float32, once, and return its name."""
        ...

    def variable(self, path: str, *axes: int) -> str:
        """Add one of the network's arrays, with its axes in that order, and return its name."""
        ...


Translate = Callable[[Graph, str], str]  # of an input's name, adds nodes and returns their output's name


def _named(operator: str, **attributes: Any) -> Translate:
    return lambda graph, x: graph.add(operator, x, **attributes)


def _clipped(low: float, high: float) -> Translate:
    return lambda graph, x: graph.add("Clip", x, graph.number(low), graph.number(high))


def _log_sigmoid(graph: Graph, x: str) -> str:
    return graph.add("Neg", graph.add("Softplus", graph.add("Neg", x)))


def _gelu(graph: Graph, x: str) -> str:
    """jax.nn.gelu's default, by tanh."""
    cube = graph.add("Mul", graph.add("Mul", x, x), x)
    inner = graph.add("Add", x, graph.add("Mul", cube, graph.number(0.044715)))
    wave = graph.add("Tanh", graph.add("Mul", inner, graph.number(math.sqrt(2 / math.pi), "gelu")))
    return graph.add("Mul", graph.add("Mul", x, graph.number(0.5)), graph.add("Add", wave, graph.number(1)))


def _squareplus(graph: Graph, x: str) -> str:
    root = graph.add("Sqrt", graph.add("Add", graph.add("Mul", x, x), graph.number(4)))
    return graph.add("Mul", graph.add("Add", x, root), graph.number(0.5))


def _times(factor: Translate) -> Translate:
    return lambda graph, x: graph.add("Mul", x, factor(graph, x))


ACTIVATIONS: dict[str, Translate] = {
    "relu": _named("Relu"),
    "relu6": _clipped(0, 6),
    "leaky_relu": _named("LeakyRelu", alpha=0.01),
    "elu": _named("Elu"),
    "celu": _named("Celu"),
    "selu": _named("Selu"),
    "gelu": _gelu,
    "silu": _times(_named("Sigmoid")),
    "swish": _times(_named("Sigmoid")),
    "mish": _named("Mish"),
    "squareplus": _squareplus,
    "softplus": _named("Softplus"),
    "soft_sign": _named("Softsign"),
    "sigmoid": _named("Sigmoid"),
    "log_sigmoid": _log_sigmoid,
    "tanh": _named("Tanh"),
    "hard_tanh": _clipped(-1, 1),
    "hard_sigmoid": _named("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hard_silu": _named("HardSwish"),
    "hard_swish": _named("HardSwish"),
}
