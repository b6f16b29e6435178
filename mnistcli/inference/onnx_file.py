"""Write a network to an ONNX file that computes everything from pixels to calibrated probabilities."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mnistcli.inference.onnx_model import IMAGES, LOGITS, PROBABILITIES, SCHEMA, UNSEALED, seal
from mnistcli.models.language import Step
from mnistcli.models.layers import Residual

OPSET, IR_VERSION = 18, 8  # ONNX Runtime can read these since 1.14


def onnx_file(steps: Sequence[Step], arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> bytes:
    """Return the content of an ONNX file with the network.

    Its input is `images` uint8 [n, height, width, channels], any n; its outputs are `logits` and `probabilities`,
    float32 [n, classes]. Probabilities are the softmax of logits / temperature. A network that rejects has one more
    class, "none of these", with logit 0; its probability is left out.

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
    _add_probabilities(graph, temperature=metadata["temperature"], rejects=metadata.get("rejects", False))
    model = _make_model(graph, metadata["image_shape"], len(metadata["class_names"]))
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

    def number(self, value: float, name: str | None = None) -> str:
        """Add a constant float32, once, and return its name."""
        return self.constant(name or f"number {value:g}", np.float32(value))

    def variable(self, path: str, *axes: int) -> str:
        """Add a variable, with its axes transposed if given, and return its name."""
        array = self.arrays[path]
        return self.constant(path, array.transpose(axes) if axes else array)


def _add_steps(graph: _Graph, x: str, steps: Sequence[Step]) -> str:
    """Add the steps' nodes and return the last output's name."""
    for step in steps:
        if isinstance(step.layer, Residual):
            x = graph.add("Add", x, _add_steps(graph, x, step.inside))
        else:
            x = step.layer.to_onnx(graph, x, step.name, step.shape)
    return x


def _add_probabilities(graph: _Graph, *, temperature: float, rejects: bool) -> None:
    calibrated = graph.add("Div", LOGITS, graph.constant("temperature", np.float32(temperature)))
    if rejects:
        one_more = graph.constant("one more", np.array([0, 0, 0, 1]))
        every = graph.add("Softmax", graph.add("Pad", calibrated, one_more), axis=1)
        first, last, axis = (graph.constant(f"number {at}", np.array([at])) for at in (0, -1, 1))
        graph.add("Slice", every, first, last, axis, output=PROBABILITIES)
    else:
        graph.add("Softmax", calibrated, output=PROBABILITIES, axis=1)


def _make_model(graph: _Graph, image_shape: Sequence[int], classes: int) -> onnx.ModelProto:
    images = helper.make_tensor_value_info(IMAGES, TensorProto.UINT8, ["n", *image_shape])
    outputs = [
        helper.make_tensor_value_info(each, TensorProto.FLOAT, ["n", classes]) for each in (LOGITS, PROBABILITIES)
    ]
    return helper.make_model(
        helper.make_graph(graph.nodes, "network", [images], outputs, graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="mnistcli",
    )
