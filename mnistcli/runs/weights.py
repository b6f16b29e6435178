"""Weights as safetensors; a model file's metadata alone rebuilds the network."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mnistcli.errors import RunError
from mnistcli.files import write_atomically
from mnistcli.models import PREPROCESSING, abstract, flatten, split, unflatten
from mnistcli.recipes import RECIPES

SCHEMA = "mnistcli.model/1"


@dataclass(frozen=True)
class StoredModel:
    """A network read from disk, ready for `models.predict_logits`."""

    arch: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    graph: Any
    params: dict[str, Any]

    @property
    def network(self) -> tuple[Any, dict[str, Any]]:
        """The network's definition and its parameters."""
        return self.graph, self.params


def model_metadata(
    *, arch: str, image_shape: tuple[int, ...], class_names: tuple[str, ...], dataset: str
) -> dict[str, Any]:
    """Return what a model file says of itself."""
    return {
        "schema": SCHEMA,
        "arch": arch,
        "image_shape": list(image_shape),
        "class_names": list(class_names),
        "dataset": dataset,
        "preprocessing": PREPROCESSING,
    }


def save_tensors(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, Any]) -> None:
    """Write named arrays and JSON values beside them, whole or not at all."""
    content = save(tensors, {"mnistcli": json.dumps(metadata)})
    write_atomically(path, content)


def load_model(path: Path) -> StoredModel:
    """Read a model file.

    Raises:
        RunError: It is missing, damaged, or does not fit the architecture that it names.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = json.loads((file.metadata() or {})["mnistcli"])
            arch, image_shape, class_names = _identity(metadata)
            graph, expected = split(abstract(arch, image_shape, len(class_names)))
            _check_shapes(path, file, flatten(expected))
            params = unflatten({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except FileNotFoundError as error:
        raise RunError(f"There is no weights file {str(path)!r}.") from error
    except (OSError, SafetensorError) as error:
        raise RunError(f"{str(path)!r} is not a whole safetensors file: {error}.") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise RunError(f"{str(path)!r} is not a model of mnistcli's: its metadata lacks or garbles {error}.") from error
    return StoredModel(arch, image_shape, class_names, graph, params)


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


def _check_shapes(path: Path, file: Any, expected: dict[str, Any]) -> None:
    found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    wanted = {name: tuple(leaf.shape) for name, leaf in expected.items()}
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            raise RunError(
                f"{str(path)!r} does not fit its architecture: expected {name} {wanted.get(name, 'not at all')}, "
                f"found {found.get(name, 'nothing')}."
            )
        if file.get_slice(name).get_dtype() != "F32":
            raise RunError(f"{str(path)!r}: expected {name} as float32, found {file.get_slice(name).get_dtype()}.")
