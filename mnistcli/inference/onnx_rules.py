"""What an ONNX file must be so that it is harmless to run.

It reads no other file, brings no code of its own, and takes no more memory than its shapes show: every value that it
makes must be a tensor of numbers whose size follows from the number of images alone. Sizes are inferred for the very
numbers of images that `onnx_model` runs together, so none can grow between them.
"""

import math
from collections.abc import Iterator
from typing import Any

import onnx

from mnistcli.inference.onnx_model import TOGETHER, first_line

# That all values of a run together take. It leaves 21,000 numbers for each pixel of 16 of MNIST's images, where our own
# language allows 256, and their sum is more than ever lies in memory at a time.
MOST_BYTES = 2**30
MOST_NODES = 20_000
LONGEST_NAME = 500  # characters
NOTES = {"doc_string", "metadata_props"}
DOMAINS = {"", "ai.onnx"}
# What takes memory that the sizes of its inputs and outputs do not show, and no classifier of images needs.
UNBOUNDED = {"Einsum", "ImageDecoder"}
STATISTICS = 3  # the first of a BatchNormalization's inputs that are not trained


def check(content: bytes) -> None:
    """Refuse a file that could do harm.

    Raises:
        ValueError: What is wrong with it, a sentence without its subject and full stop.
    """
    try:
        model = onnx.ModelProto.FromString(content)
    except Exception as error:
        raise ValueError("is not an ONNX file, or not a whole one") from error
    if not (model.ir_version and model.graph.node and model.graph.output):
        raise ValueError("is not an ONNX file, or holds no network")
    if len(model.graph.node) > MOST_NODES:
        raise ValueError(f"has {len(model.graph.node):,} operators: at most {MOST_NODES:,} are run")
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
    """Return how many trained numbers an ONNX file holds: those of its arrays of floats, without batch statistics."""
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
    names = [*_names(model)]
    for text in (*names, *(text for each in model.metadata_props for text in (each.key, each.value))):
        if not isinstance(text, str) or not text.isprintable():  # what is not UTF-8 comes as bytes
            raise ValueError(f"holds text that could steer a terminal: {text[:LONGEST_NAME]!r}")
    longest = max(map(len, names), default=0)
    if longest > LONGEST_NAME:
        raise ValueError(f"holds a name of {longest:,} characters: expected at most {LONGEST_NAME}")


def _names(message: Any) -> Iterator[str | bytes]:
    """Yield every text in a message of protobuf and below, but for notes, which nobody is shown."""
    for descriptor, value in message.ListFields():
        if descriptor.name in NOTES:
            continue
        if descriptor.type == descriptor.TYPE_MESSAGE:
            for each in [value] if hasattr(value, "ListFields") else value:
                yield from _names(each)
        elif descriptor.type == descriptor.TYPE_STRING:
            yield from [value] if isinstance(value, str | bytes) else value


def _check_operators(model: onnx.ModelProto) -> None:
    if model.functions:
        raise ValueError(f"defines an operator of its own, {model.functions[0].name!r}: only standard ones are run")
    for node in model.graph.node:
        if node.domain not in DOMAINS:
            raise ValueError(f"uses the operator {node.domain}.{node.op_type}: only standard ones of ONNX are run")
        if any(each.HasField("g") or each.graphs for each in node.attribute):
            raise ValueError(f"uses {node.op_type}, which runs a network inside the network: that is not run")
        if node.op_type in UNBOUNDED:
            raise ValueError(f"uses {node.op_type}, whose need of memory cannot be told beforehand: that is not run")


def _check_tensors(model: onnx.ModelProto) -> None:
    attributes = [each for node in model.graph.node for each in node.attribute]
    if model.graph.sparse_initializer or any(
        each.HasField("sparse_tensor") or each.sparse_tensors for each in attributes
    ):
        raise ValueError("holds sparse arrays, which are not read")
    inside = (tensor for each in attributes for tensor in (*([each.t] if each.HasField("t") else []), *each.tensors))
    for tensor in (*model.graph.initializer, *inside):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise ValueError(f"keeps its array {tensor.name!r} in another file, which is not read: save it as one file")


def _check_input(model: onnx.ModelProto) -> None:
    inputs = _inputs(model)
    if len(inputs) != 1:
        raise ValueError(f"has {len(inputs)} inputs: expected one, of images")
    sides = inputs[0].type.tensor_type.shape.dim[1:]
    if not sides or not all(side.dim_value > 0 for side in sides):
        raise ValueError("does not fix the size of the images that it reads: expected height, width and channels")


def _inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    own = {each.name for each in model.graph.initializer}
    return [each for each in model.graph.input if each.name not in own]


def _images_together(model: onnx.ModelProto) -> tuple[int, ...]:
    fixed = _inputs(model)[0].type.tensor_type.shape.dim[0].dim_value
    return (fixed,) if fixed > 0 else TOGETHER


def _check_sizes(model: onnx.ModelProto, images: int) -> None:
    """Check that every value's size is known for so many images, and that all fit into memory."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    _inputs(copy)[0].type.tensor_type.shape.dim[0].dim_value = images
    del copy.graph.value_info[:]  # what a file says of itself is not believed
    for each in copy.graph.output:
        each.type.tensor_type.ClearField("shape")
    try:
        inferred = onnx.shape_inference.infer_shapes(copy, check_type=True, strict_mode=True, data_prop=True).graph
    except onnx.shape_inference.InferenceError as error:
        raise ValueError(f"has sizes that do not fit each other for {images} images: {first_line(error)}") from error
    sizes = {each.name: _bytes(each) for each in (*inferred.value_info, *inferred.output, *_inputs(copy))}
    made = [_inputs(copy)[0].name, *(name for node in inferred.node for name in node.output if name)]
    for name in made:
        if sizes.get(name) is None:
            raise ValueError(f"makes a value, {name!r}, whose size cannot be told before it runs: that is not run")
    total = sum(sizes[name] or 0 for name in made)
    if total > MOST_BYTES:
        raise ValueError(f"is too large: {images} images take {total / 1e9:,.1f} GB in it, and at most "
                         f"{MOST_BYTES / 1e9:.1f} GB are allowed")  # fmt: skip


def _bytes(value: onnx.ValueInfoProto) -> int | None:
    """Return how many bytes a value takes; None where that is open, or it is not a tensor of numbers."""
    kind = value.type.tensor_type
    known = value.type.HasField("tensor_type") and kind.HasField("shape")
    if not known or kind.elem_type in (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING):
        return None
    if not all(each.HasField("dim_value") and each.dim_value >= 0 for each in kind.shape.dim):
        return None
    return math.prod(each.dim_value for each in kind.shape.dim) * int(
        onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).itemsize
    )
