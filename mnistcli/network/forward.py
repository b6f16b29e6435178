"""A network's forward pass, as data that a file can hold and as a function."""

from dataclasses import asdict
from math import prod
from typing import Any

import numpy as np

from mnistcli.network.arrays import Array
from mnistcli.network.operations import ConvReluPool, Dense, Flatten, Operation, Shape
from mnistcli.network.parameters import Params, flatten

Layers = tuple[tuple[str, Operation], ...]  # names and what is done, in order
OPERATIONS: dict[str, type[Operation]] = {"flatten": Flatten, "dense": Dense, "conv_relu_pool": ConvReluPool}
PREPROCESSING = "pixel / 255"
MOST_PER_PIXEL, FEWEST_PIXELS = 256, 28 * 28  # numbers that all layers together make of an image: ours make 1 to 10


def scale(images: Array) -> Array:
    """Return what the first layer sees, float32 from 0 to 1, of images uint8."""
    return images.astype(np.float32) / 255


def logits(layers: Layers, params: Params, images: Array) -> Array:
    """Return logits [n, classes] float32 of images [n, height, width, channels] uint8, in NumPy or in JAX."""
    x = scale(images)
    for name, operation in layers:
        x = operation(x, params.get(name, {}))
    return x


def output_shape(layers: Layers, params: Params, image_shape: Shape) -> Shape:
    """Return the shape of one image's logits, having checked that every parameter fits.

    Raises:
        ValueError: One is missing, superfluous, or of another shape than its layer needs; or the layers make so much
            of an image that a batch would fill the memory.
    """
    shapes = {name: tuple(array.shape) for name, array in flatten(params).items()}
    shape, room = image_shape, MOST_PER_PIXEL * max(prod(image_shape), FEWEST_PIXELS)
    for name, operation in layers:
        own = {path.removeprefix(f"{name}."): shapes.pop(path) for path in [*shapes] if path.startswith(f"{name}.")}
        try:
            shape = operation.output_shape(shape, own)
        except KeyError as error:
            raise ValueError(f"expected {name}.{error.args[0]}, found none") from error
        except ValueError as error:
            raise ValueError(f"expected {name}.{error}") from error
        room -= prod(shape)
        if room < 0:
            raise ValueError(f"expected up to {MOST_PER_PIXEL} numbers a pixel, found more at {name}, {shape}")
    if shapes:
        raise ValueError(f"expected no {', '.join(shapes)}")
    return shape


def to_json(layers: Layers) -> list[dict[str, Any]]:
    """Return layers as JSON values."""
    kinds = {operation: kind for kind, operation in OPERATIONS.items()}
    return [{"name": name, "operation": kinds[type(each)], **asdict(each)} for name, each in layers]


def from_json(values: list[dict[str, Any]]) -> Layers:
    """Undo `to_json`.

    Raises:
        KeyError, TypeError, AttributeError, ValueError: These are not layers.
    """
    return tuple((str(each["name"]), _operation(**each)) for each in values)


def _operation(*, name: str, operation: str, **settings: Any) -> Operation:  # noqa: ARG001  (the name is its caller's)
    return OPERATIONS[operation](**settings)
