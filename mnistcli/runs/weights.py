"""Weights as safetensors; a model file's metadata alone rebuilds the network."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mnistcli.config import PICTURES
from mnistcli.errors import RunError
from mnistcli.network import PREPROCESSING, Layers, Params, Shape, from_json, output_shape, to_json, unflatten
from mnistcli.recipes import RECIPES
from mnistcli.runs.tensors import Metadata, Shapes, load_tensors

SCHEMA = "mnistcli.model/1"
MOST_BYTES = 2**29  # of parameters


@dataclass(frozen=True)
class StoredModel:
    """A network read from disk: its layers and their parameters, and what it was made for.

    Attributes:
        data_fingerprint: Of the data set that it was trained on.
        pictures: How `predict` makes a picture what the network reads, one of PICTURES.
        temperature: What to divide logits by so that probabilities mean what they say.
    """

    arch: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    data_fingerprint: str
    pictures: str
    layers: Layers
    params: Params
    temperature: float


def model_metadata(
    *,
    arch: str,
    image_shape: tuple[int, ...],
    class_names: tuple[str, ...],
    dataset: str,
    data_fingerprint: str,
    pictures: str,
    layers: Layers,
    temperature: float,
) -> dict[str, Any]:
    """Return what a model file says of itself."""
    return {
        "schema": SCHEMA,
        "arch": arch,
        "image_shape": list(image_shape),
        "class_names": list(class_names),
        "dataset": dataset,
        "data_fingerprint": data_fingerprint,
        "pictures": pictures,
        "preprocessing": PREPROCESSING,
        "layers": to_json(layers),
        "temperature": temperature,
    }


def load_model(path: Path) -> StoredModel:
    """Read a model file.

    Raises:
        RunError: It is missing, damaged, or its parameters do not fit its layers.
    """
    stored: list[Callable[[Params], StoredModel]] = []

    def check(metadata: Metadata, shapes: Shapes) -> None:
        try:
            arch, image_shape, class_names = _identity(metadata)
            layers, temperature = from_json(metadata["layers"]), _temperature(metadata)
            fingerprint, pictures = str(metadata["data_fingerprint"]), _pictures(metadata)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
            raise RunError(
                f"{str(path)!r} is not a mnistcli model; wrong or missing in its metadata: {error}."
            ) from error
        _check_parameters(path, layers, shapes, image_shape, len(class_names))
        stored.append(
            lambda params: StoredModel(
                arch, image_shape, class_names, fingerprint, pictures, layers, params, temperature
            )
        )

    tensors, _ = load_tensors(path, check=check)
    return stored[0](unflatten(tensors))


def _identity(metadata: dict[str, Any]) -> tuple[str, tuple[int, int, int], tuple[str, ...]]:
    if metadata["schema"] != SCHEMA:
        raise ValueError(f"the schema {SCHEMA}")
    arch = metadata["arch"]
    if arch not in RECIPES:
        raise ValueError(f"the architecture, {arch!r}")
    if metadata["preprocessing"] != PREPROCESSING:
        raise ValueError(f"the preprocessing, {PREPROCESSING}")
    height, width, channels = (int(side) for side in metadata["image_shape"])
    if not all(0 < side <= 4096 for side in (height, width, channels)):
        raise ValueError("the image's shape")
    class_names = tuple(str(name) for name in metadata["class_names"])
    if not all(name.isprintable() for name in class_names):
        raise ValueError("a class's name, which could steer a terminal")
    return arch, (height, width, channels), class_names


def _pictures(metadata: dict[str, Any]) -> str:
    if metadata["pictures"] not in PICTURES:
        raise ValueError(f"how pictures are read, {metadata['pictures']!r}")
    return str(metadata["pictures"])


def _temperature(metadata: dict[str, Any]) -> float:
    temperature = float(metadata["temperature"])
    if not 0 < temperature < math.inf:
        raise ValueError(f"the temperature, {temperature}")
    return temperature


def _check_parameters(path: Path, layers: Layers, shapes: Shapes, image_shape: Shape, classes: int) -> None:
    for name, (dtype, _) in shapes.items():
        if dtype != "F32":
            raise RunError(f"{str(path)!r}: expected {name} as F32, found {dtype}.")
    size = sum(math.prod(shape) for _, shape in shapes.values()) * np.dtype(np.float32).itemsize
    if size > MOST_BYTES:
        raise RunError(f"{str(path)!r}: expected {MOST_BYTES:,} bytes of parameters at most, found {size:,}.")
    promised = {name: np.broadcast_to(np.float32(0), shape) for name, (_, shape) in shapes.items()}
    try:
        outputs = output_shape(layers, unflatten(promised), image_shape)
    except (ValueError, TypeError, AttributeError) as error:
        raise RunError(f"{str(path)!r} does not fit its layers: {error}.") from error
    if outputs != (classes,):
        raise RunError(f"{str(path)!r} does not fit its classes: expected logits {(classes,)}, found {outputs}.")
