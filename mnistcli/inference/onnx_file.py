"""A network as an ONNX file that answers alone, from pixels to calibrated probabilities, and ONNX Runtime to run it."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mnistcli.network import ConvReluPool, Dense, Flatten, Layers, Operation, Params

SCHEMA = "mnistcli.onnx/1"
OPSET, IR_VERSION = 17, 8  # which ONNX Runtime reads since 1.12
IMAGES, LOGITS, PROBABILITIES = "images", "logits", "probabilities"
BATCH = 250  # images that ONNX Runtime gets at a time


def onnx_file(
    layers: Layers,
    params: Params,
    *,
    image_shape: tuple[int, int, int],
    classes: int,
    temperature: float,
    metadata: Mapping[str, Any],
) -> bytes:
    """Return an ONNX file of the network.

    Its input is `images` uint8 [n, height, width, channels], any n; its outputs are `logits` and `probabilities`,
    float32 [n, classes]. Probabilities are the softmax of logits / temperature.

    Args:
        layers: The network's layers.
        params: Their parameters, float32.
        image_shape: Of one image: height, width, channels.
        classes: How many logits there are.
        temperature: What to divide logits by so that probabilities mean what they say.
        metadata: What the file says of itself: text stays, all else becomes JSON.
    """
    graph = _Graph()
    x = graph.add("Cast", IMAGES, to=TensorProto.FLOAT)
    x = graph.add("Div", x, graph.constant("white", np.float32(255)))
    for name, operation in layers:
        x = _add_layer(graph, x, name, operation, params.get(name, {}))
    graph.add("Identity", x, output=LOGITS)
    calibrated = graph.add("Div", LOGITS, graph.constant("temperature", np.float32(temperature)))
    graph.add("Softmax", calibrated, output=PROBABILITIES, axis=1)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            str(metadata.get("arch", "network")),
            [helper.make_tensor_value_info(IMAGES, TensorProto.UINT8, ["n", *image_shape])],
            [
                helper.make_tensor_value_info(each, TensorProto.FLOAT, ["n", classes])
                for each in (LOGITS, PROBABILITIES)
            ],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="mnistcli",
    )
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    helper.set_model_props(model, {"schema": SCHEMA} | texts)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def run_onnx(content: bytes, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return logits and probabilities, float32 [n, classes], that ONNX Runtime computes of images uint8, any n."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    parts = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    logits, probabilities = zip(*(session.run([LOGITS, PROBABILITIES], {IMAGES: part}) for part in parts), strict=True)
    return np.concatenate(logits), np.concatenate(probabilities)


class _Graph:
    """Nodes and constants, each named as it is made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node and return its output's name."""
        output = output or f"{operator.lower()}-{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: np.ndarray | np.generic) -> str:
        """Add a constant and return its name."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name))
        return name


def _add_layer(graph: _Graph, x: str, name: str, operation: Operation, params: Mapping[str, Any]) -> str:
    """Add one layer's nodes and return its output's name."""

    def weight(parameter: str, *axes: int) -> str:
        array = np.asarray(params[parameter])
        return graph.constant(f"{name}.{parameter}", array.transpose(axes or range(array.ndim)))

    match operation:
        case Flatten():
            return graph.add("Flatten", x, axis=1)
        case Dense(activation):
            x = graph.add("Gemm", x, weight("kernel"), weight("bias"), transB=1)
            return x if activation is None else graph.add("Relu", x)
        case ConvReluPool(pool):
            x = graph.add("Transpose", x, perm=(0, 3, 1, 2))  # ONNX has channels before rows
            x = graph.add("Conv", x, weight("kernel", 3, 2, 0, 1), weight("bias"))
            x = graph.add("MaxPool", graph.add("Relu", x), kernel_shape=(pool, pool), strides=(pool, pool))
            return graph.add("Transpose", x, perm=(0, 2, 3, 1))
