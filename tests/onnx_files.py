"""ONNX files as other programs could make them, by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

SHAPES = {"nhwc": (28, 28, 1), "nchw": (1, 28, 28), "nhw": (28, 28)}
PIXELS = 784


def make(
    nodes: Sequence[NodeProto],
    arrays: dict[str, np.ndarray] | None = None,
    *,
    shape: Sequence[int | str] = ("n", 28, 28, 1),
    kind: int = TensorProto.FLOAT,
    opsets: Sequence[str] = ("",),
    metadata: dict[str, str] | None = None,
) -> onnx.ModelProto:
    """A network from "x" to "y" of these operators."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", "classes"])],
        [numpy_helper.from_array(array, name) for name, array in (arrays or {}).items()],
    )
    imports = [helper.make_opsetid(domain, 18 if domain == "" else 1) for domain in opsets]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    helper.set_model_props(model, metadata or {})
    return model


def linear(
    kernel: np.ndarray,
    bias: np.ndarray,
    *,
    layout: str = "nhwc",
    floats: bool = True,
    softmax: bool = False,
    batch: int | str = "n",
    **options: Any,
) -> onnx.ModelProto:
    """A linear classifier of MNIST's images with that kernel [784, 10] of pixels from 0 to 1, and bias [10]."""
    nodes, last = [], "x"
    if not floats:
        nodes += [
            helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
            helper.make_node("Div", ["f", "255"], ["p"]),
        ]
        last = "p"
    nodes += [
        helper.make_node("Flatten", [last], ["row"]),
        helper.make_node("Gemm", ["row", "kernel", "bias"], ["logits"]),
        helper.make_node("Softmax" if softmax else "Identity", ["logits"], ["y"]),
    ]
    arrays = {"kernel": kernel, "bias": bias} | ({} if floats else {"255": np.float32(255)})
    kind = TensorProto.FLOAT if floats else TensorProto.UINT8
    return make(
        nodes, {k: np.asarray(v) for k, v in arrays.items()}, shape=(batch, *SHAPES[layout]), kind=kind, **options
    )


def plain(**options: Any) -> onnx.ModelProto:
    """A linear classifier of zeros."""
    return linear(np.zeros((PIXELS, 10), np.float32), np.zeros(10, np.float32), **options)


def save(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path
