"""Write a network to an ONNX file that computes everything from pixels to calibrated probabilities."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mnistcli.inference.onnx_model import IMAGES, LOGITS, PROBABILITIES, SCHEMA, UNSEALED, seal
from mnistcli.models.language import Step
from mnistcli.models.layers import EPSILON, Activation, Conv, Dense, Dropout, Flatten, Mean, Norm, Pool, Residual, Shape

OPSET, IR_VERSION = 18, 8  # ONNX Runtime can read these since 1.14


def onnx_file(steps: Sequence[Step], arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> bytes:
    """Return the content of an ONNX file with the network.

    Its input is `images` uint8 [n, height, width, channels], any n; its outputs are `logits` and `probabilities`,
    float32 [n, classes]. Probabilities are the softmax of logits / temperature. A network that rejects has one more
    class, "none of these", with logit 0, whose probability is left out.

    Args:
        steps: The network's layers.
        arrays: Their variables by path, float32.
        metadata: The file's metadata, with "image_shape", "class_names", "temperature", and "rejects" if the network
            does. Values other than text are written as JSON.
    """
    graph = _Graph(arrays)
    x = graph.add("Cast", IMAGES, to=TensorProto.FLOAT)
    x = graph.add("Div", x, graph.constant("white", np.float32(255)))
    x = graph.add("Transpose", x, perm=(0, 3, 1, 2))  # ONNX wants channels before rows, until the images are flattened
    graph.add("Identity", _add_steps(graph, x, steps), output=LOGITS)
    calibrated = graph.add("Div", LOGITS, graph.constant("temperature", np.float32(metadata["temperature"])))
    if metadata.get("rejects"):
        one_more = graph.constant("one more", np.array([0, 0, 0, 1]))
        every = graph.add("Softmax", graph.add("Pad", calibrated, one_more), axis=1)
        first, last, axis = (graph.constant(f"number {at}", np.array([at])) for at in (0, -1, 1))
        graph.add("Slice", every, first, last, axis, output=PROBABILITIES)
    else:
        graph.add("Softmax", calibrated, output=PROBABILITIES, axis=1)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "network",
            [helper.make_tensor_value_info(IMAGES, TensorProto.UINT8, ["n", *metadata["image_shape"]])],
            [
                helper.make_tensor_value_info(each, TensorProto.FLOAT, ["n", len(metadata["class_names"])])
                for each in (LOGITS, PROBABILITIES)
            ],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="mnistcli",
    )
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    helper.set_model_props(model, {"schema": SCHEMA, "sha256": UNSEALED} | texts)
    onnx.checker.check_model(model, full_check=True)
    return seal(model.SerializeToString(deterministic=True))


class _Graph:
    """The nodes and constants of a graph, as they are added."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.arrays = arrays

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node and return its output's name."""
        output = output or f"{operator.lower()}-{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: np.ndarray | np.generic) -> str:
        """Add a constant, if there is none of that name, and return the name."""
        if all(each.name != name for each in self.constants):
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name))
        return name

    def variable(self, path: str, *axes: int) -> str:
        """Add a variable, with its axes transposed if given, and return its name."""
        array = self.arrays[path]
        return self.constant(path, array.transpose(axes) if axes else array)


def _add_steps(graph: _Graph, x: str, steps: Sequence[Step]) -> str:
    for step in steps:
        x = _add_step(graph, x, step)
    return x


def _add_step(graph: _Graph, x: str, step: Step) -> str:
    """Add one layer's nodes and return its output's name."""
    name = step.name
    match step.layer:
        case Conv(_, rows, columns, stride, padding, groups):
            kernel = graph.variable(f"{name}.kernel", 3, 2, 0, 1)
            sides, pads = (rows, columns), _pads(step.shape, (rows, columns), stride, padding)
            return graph.add(
                "Conv", x, kernel, graph.variable(f"{name}.bias"),
                kernel_shape=sides, strides=(stride, stride), group=groups, pads=pads,
            )  # fmt: skip
        case Dense():
            return graph.add("Gemm", x, graph.variable(f"{name}.kernel"), graph.variable(f"{name}.bias"), transB=1)
        case Norm():
            # The channels are axis 1 for vectors, too.
            own = [graph.variable(f"{name}.{each}") for each in ("scale", "bias", "mean", "variance")]
            return graph.add("BatchNormalization", x, *own, epsilon=EPSILON)
        case Activation(function):
            return ACTIVATIONS[function](graph, x)
        case Pool(rows, columns, stride, of, padding):
            operator = "MaxPool" if of == "max" else "AveragePool"
            pads = _pads(step.shape, (rows, columns), stride, padding)
            return graph.add(operator, x, kernel_shape=(rows, columns), strides=(stride, stride), pads=pads)
        case Mean():
            return graph.add("Flatten", graph.add("GlobalAveragePool", x), axis=1)
        case Flatten():
            if len(step.shape) == 3:
                x = graph.add("Transpose", x, perm=(0, 2, 3, 1))
            return graph.add("Flatten", x, axis=1)
        case Dropout():
            return x
        case Residual():
            return graph.add("Add", x, _add_steps(graph, x, step.inside))
    raise AssertionError(step.layer)


def _pads(shape: Shape, window: tuple[int, int], stride: int, padding: str) -> list[int]:
    """Return padding above, left, below and right; ONNX's automatic padding is wrong for large strides."""
    if padding == "valid":
        return [0, 0, 0, 0]
    missing = [
        max((-(-side // stride) - 1) * stride + length - side, 0) for side, length in zip(shape, window, strict=False)
    ]
    return [*(each // 2 for each in missing), *(each - each // 2 for each in missing)]


def _named(operator: str, **attributes: Any) -> Callable[[_Graph, str], str]:
    return lambda graph, x: graph.add(operator, x, **attributes)


def _clipped(low: float, high: float) -> Callable[[_Graph, str], str]:
    return lambda graph, x: graph.add("Clip", x, _number(graph, low), _number(graph, high))


def _number(graph: _Graph, value: float) -> str:
    return graph.constant(f"number {value:g}", np.float32(value))


def _log_sigmoid(graph: _Graph, x: str) -> str:
    return graph.add("Neg", graph.add("Softplus", graph.add("Neg", x)))


def _gelu(graph: _Graph, x: str) -> str:
    """Add jax.nn.gelu's default, the approximation by tanh."""
    cube = graph.add("Mul", graph.add("Mul", x, x), x)
    inner = graph.add("Add", x, graph.add("Mul", cube, _number(graph, 0.044715)))
    factor = graph.constant("gelu", np.float32(np.sqrt(2 / np.pi)))
    wave = graph.add("Tanh", graph.add("Mul", inner, factor))
    return graph.add("Mul", graph.add("Mul", x, _number(graph, 0.5)), graph.add("Add", wave, _number(graph, 1)))


def _squareplus(graph: _Graph, x: str) -> str:
    root = graph.add("Sqrt", graph.add("Add", graph.add("Mul", x, x), _number(graph, 4)))
    return graph.add("Mul", graph.add("Add", x, root), _number(graph, 0.5))


def _times(factor: Callable[[_Graph, str], str]) -> Callable[[_Graph, str], str]:
    return lambda graph, x: graph.add("Mul", x, factor(graph, x))


ACTIVATIONS: dict[str, Callable[[_Graph, str], str]] = {
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
