"""Weights as safetensors; a model file's metadata alone rebuilds the network."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mnistcli.errors import RunError
from mnistcli.files import write_atomically
from mnistcli.network import PREPROCESSING, Layers, Params, Shape, flatten, from_json, output_shape, to_json, unflatten
from mnistcli.recipes import RECIPES

SCHEMA = "mnistcli.model/1"


@dataclass(frozen=True)
class StoredModel:
    """A network read from disk: its layers and their parameters, and what it was made for.

    Attributes:
        temperature: What to divide logits by so that probabilities mean what they say.
    """

    arch: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    layers: Layers
    params: Params
    temperature: float


def model_metadata(
    *,
    arch: str,
    image_shape: tuple[int, ...],
    class_names: tuple[str, ...],
    dataset: str,
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
        "preprocessing": PREPROCESSING,
        "layers": to_json(layers),
        "temperature": temperature,
    }


def save_tensors(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, Any]) -> None:
    """Write named arrays and JSON values beside them, whole or not at all."""
    content = save(tensors, {"mnistcli": json.dumps(metadata)})
    write_atomically(path, content)


def load_model(path: Path) -> StoredModel:
    """Read a model file.

    Raises:
        RunError: It is missing, damaged, or its parameters do not fit its layers.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = json.loads((file.metadata() or {})["mnistcli"])
            arch, image_shape, class_names = _identity(metadata)
            layers = from_json(metadata["layers"])
            temperature = _temperature(metadata)
            params = unflatten({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except FileNotFoundError as error:
        raise RunError(f"There is no weights file {str(path)!r}.") from error
    except (OSError, SafetensorError) as error:
        raise RunError(f"{str(path)!r} is not a whole safetensors file: {error}.") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RunError(f"{str(path)!r} is not a model of mnistcli's: its metadata lacks or garbles {error}.") from error
    _check_parameters(path, layers, params, image_shape, len(class_names))
    return StoredModel(arch, image_shape, class_names, layers, params, temperature)


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
    return arch, (height, width, channels), class_names


def _temperature(metadata: dict[str, Any]) -> float:
    temperature = float(metadata["temperature"])
    if not 0 < temperature < math.inf:
        raise ValueError(f"the temperature, {temperature}")
    return temperature


def _check_parameters(path: Path, layers: Layers, params: Params, image_shape: Shape, classes: int) -> None:
    for name, array in flatten(params).items():
        if array.dtype != np.float32:
            raise RunError(f"{str(path)!r}: expected {name} as float32, found {array.dtype}.")
    try:
        outputs = output_shape(layers, params, image_shape)
    except (ValueError, TypeError) as error:
        raise RunError(f"{str(path)!r} does not fit its layers: {error}.") from error
    if outputs != (classes,):
        raise RunError(f"{str(path)!r} does not fit its classes: expected logits {(classes,)}, found {outputs}.")
