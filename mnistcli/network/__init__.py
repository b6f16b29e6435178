"""A network as data: its layers, its parameters, its forward pass, the same for NumPy and JAX. Imports no JAX."""

from mnistcli.network.forward import PREPROCESSING, Layers, from_json, logits, output_shape, scale, to_json
from mnistcli.network.metrics import accuracy, calibration_error, cross_entropy, fit_temperature, softmax
from mnistcli.network.operations import ConvReluPool, Dense, Flatten, Operation, Shape
from mnistcli.network.parameters import Params, count, flatten, unflatten

__all__ = [
    "PREPROCESSING",
    "ConvReluPool",
    "Dense",
    "Flatten",
    "Layers",
    "Operation",
    "Params",
    "Shape",
    "accuracy",
    "calibration_error",
    "count",
    "cross_entropy",
    "fit_temperature",
    "flatten",
    "from_json",
    "logits",
    "output_shape",
    "scale",
    "softmax",
    "to_json",
    "unflatten",
]
