"""Rules that an ONNX file must follow so that it is harmless to run.

It may not read other files or contain code, and it may not take more memory than its shapes show: every value must be a
tensor of numbers, and its size may depend only on the number of images. Sizes are inferred for exactly the batch sizes
that `onnx_model` uses.
"""

import math
from collections.abc import Iterator
from typing import Any

import onnx

from mnistcli.inference.onnx_model import TOGETHER, first_line

# For all values together; fewer are in memory at the same time. It allows 21,000 numbers for each pixel of 16 of
# MNIST's images; our own language allows 256.
MOST_BYTES = 2**30
MOST_NODES = 20_000
LONGEST_NAME = 500  # characters
NOTES = {"doc_string", "metadata_props"}
DOMAINS = {"", "ai.onnx"}
# Operators that use more memory than their inputs and outputs show; image classifiers do not need them.
UNBOUNDED = {"Einsum", "ImageDecoder"}
STATISTICS = 3  # index of the first input of BatchNormalization that is not trained


def check(content: bytes) -> None:
    """Check that a file can do no harm.

    Raises:
        ValueError: The problem, as a sentence without its subject and full stop.
    """
    try:
        model = onnx.ModelProto.FromString(content)
    except Exception as error:
        raise ValueError("is not an ONNX file, or is incomplete") from error
    if not (model.ir_version and model.graph.node and model.graph.output):
        raise ValueError("is not an ONNX file, or has no network")
    if len(model.graph.node) > MOST_NODES:
        raise ValueError(f"has {len(model.graph.node):,} operators: expected at most {MOST_NODES:,}")
    _check_texts(model)
    _check_operators(model)
    _check_tensors(model)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ValueError(f"breaks the rules of ONNX: {first_line(error)}") from error
    _check_input(model)
    for images in _images_together(model):
        _check_sizes(model, images)


def count_parameters(content: bytes) -> int:
    """Return the number of trained parameters in an ONNX file: all floats except batch statistics."""
    graph = onnx.ModelProto.FromString(content).graph
    statistics = {
        each for node in graph.node if node.op_type == "BatchNormalization" for each in node.input[STATISTICS:]
    }
    floats = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE}
    return sum(
        math.prod(each.dims)
        for each in graph.initializer
        if each.data_type in floats and each.dims and each.name not in statistics
    )


def _check_texts(model: onnx.ModelProto) -> None:
    names = [*_texts(model)]
    for text in (*names, *(text for each in model.metadata_props for text in (each.key, each.value))):
        if not isinstance(text, str) or not text.isprintable():  # text that is not UTF-8 arrives as bytes
            raise ValueError(f"contains text with control characters: {text[:LONGEST_NAME]!r}")
    longest = max(map(len, names), default=0)
    if longest > LONGEST_NAME:
        raise ValueError(f"contains a name of {longest:,} characters: expected at most {LONGEST_NAME}")


def _texts(message: Any) -> Iterator[str | bytes]:
    """Yield all texts in a protobuf message and its parts, except notes, which are never shown."""
    for descriptor, value in message.ListFields():
        if descriptor.name in NOTES:
            continue
        if descriptor.type == descriptor.TYPE_MESSAGE:
            for each in [value] if hasattr(value, "ListFields") else value:
                yield from _texts(each)
        elif descriptor.type == descriptor.TYPE_STRING:
            yield from [value] if isinstance(value, str | bytes) else value


def _check_operators(model: onnx.ModelProto) -> None:
    if model.functions:
        raise ValueError(f"defines an operator, {model.functions[0].name!r}: only standard operators are allowed")
    for node in model.graph.node:
        if node.domain not in DOMAINS:
            raise ValueError(f"uses the operator {node.domain}.{node.op_type}: only standard operators are allowed")
        if any(each.HasField("g") or each.graphs for each in node.attribute):
            raise ValueError(f"uses {node.op_type}, which contains another network: that is not allowed")
        if node.op_type in UNBOUNDED:
            raise ValueError(f"uses {node.op_type}: it is not allowed, because its use of memory cannot be predicted")


def _check_tensors(model: onnx.ModelProto) -> None:
    attributes = [each for node in model.graph.node for each in node.attribute]
    if model.graph.sparse_initializer or any(
        each.HasField("sparse_tensor") or each.sparse_tensors for each in attributes
    ):
        raise ValueError("contains sparse arrays, which are not supported")
    inside = (tensor for each in attributes for tensor in (*([each.t] if each.HasField("t") else []), *each.tensors))
    for tensor in (*model.graph.initializer, *inside):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise ValueError(f"keeps its array {tensor.name!r} in another file, which is not read: save it as one file")


def _check_input(model: onnx.ModelProto) -> None:
    inputs = _inputs(model)
    if len(inputs) != 1:
        raise ValueError(f"has {len(inputs)} inputs: expected one, for images")
    sides = inputs[0].type.tensor_type.shape.dim[1:]
    if not sides or not all(side.dim_value > 0 for side in sides):
        raise ValueError("does not specify the size of its images: expected height, width and channels")


def _inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    own = {each.name for each in model.graph.initializer}
    return [each for each in model.graph.input if each.name not in own]


def _images_together(model: onnx.ModelProto) -> tuple[int, ...]:
    fixed = _inputs(model)[0].type.tensor_type.shape.dim[0].dim_value
    return (fixed,) if fixed > 0 else TOGETHER


def _check_sizes(model: onnx.ModelProto, images: int) -> None:
    """Check that the sizes of all values are known for this number of images, and that they fit into memory."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    _inputs(copy)[0].type.tensor_type.shape.dim[0].dim_value = images
    del copy.graph.value_info[:]  # do not trust the file's own statements
    for each in copy.graph.output:
        each.type.tensor_type.ClearField("shape")
    try:
        inferred = onnx.shape_inference.infer_shapes(copy, check_type=True, strict_mode=True, data_prop=True).graph
    except onnx.shape_inference.InferenceError as error:
        raise ValueError(f"has sizes that do not match for {images} images: {first_line(error)}") from error
    sizes = {each.name: _bytes(each) for each in (*inferred.value_info, *inferred.output, *_inputs(copy))}
    made = [_inputs(copy)[0].name, *(name for node in inferred.node for name in node.output if name)]
    for name in made:
        if sizes.get(name) is None:
            raise ValueError(f"has a value, {name!r}, of a size that cannot be predicted: that is not allowed")
    total = sum(sizes[name] or 0 for name in made)
    if total > MOST_BYTES:
        raise ValueError(f"is too large: it takes {total / 1e9:,.1f} GB for {images} images, and at most "
                         f"{MOST_BYTES / 1e9:.1f} GB are allowed")  # fmt: skip


def _bytes(value: onnx.ValueInfoProto) -> int | None:
    """Return a value's size in bytes; None if it is unknown, or the value is not a tensor of numbers."""
    kind = value.type.tensor_type
    known = value.type.HasField("tensor_type") and kind.HasField("shape")
    if not known or kind.elem_type in (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING):
        return None
    if not all(each.HasField("dim_value") and each.dim_value >= 0 for each in kind.shape.dim):
        return None
    return math.prod(each.dim_value for each in kind.shape.dim) * int(
        onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).itemsize
    )
