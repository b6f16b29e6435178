"""Weights as safetensors files; their metadata is enough to rebuild the network."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnistcli.config import PICTURES
from mnistcli.errors import RunError, UsageError, metadata_problem
from mnistcli.runs.tensors import Metadata, Shapes, Tensors, load_tensors

if TYPE_CHECKING:
    from mnistcli.models.language import Step

SCHEMA = "mnistcli.model/2"
PREPROCESSING = "pixel / 255"
LARGEST_SIDE = 4096
ONNX_SUFFIX = ".onnx"


@dataclass(frozen=True)
class StoredModel:
    """A network read from disk: its layers, their variables, and what it was trained for.

    Attributes:
        arch: Its architecture: a name from the catalogue, or its description.
        network: Its description in the one-line language; None for a class in Flax: its code is not stored.
        data_fingerprint: The fingerprint of the data set that it was trained on.
        pictures: How `predict` turns a picture into the network's input, one of PICTURES.
        temperature: The number to divide logits by, so that probabilities are calibrated.
        rejects: Whether it has one more class, "none of these", with logit 0.
        trained: The paths of the arrays that are parameters.
        arrays: Parameters and batch statistics by path.
        path: The file's path.
    """

    arch: str
    network: str | None
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    data_fingerprint: str
    pictures: str
    temperature: float
    rejects: bool
    trained: tuple[str, ...]
    arrays: Tensors
    path: Path

    @property
    def parameters(self) -> int:
        """The number of its trainable parameters."""
        return sum(self.arrays[path].size for path in self.trained)

    @property
    def description(self) -> str:
        """Its network in the one-line language, for commands that need it.

        Raises:
            RunError: It is a class in Flax.
        """
        if self.network is None:
            raise RunError(
                f"{str(self.path)!r} is {self.arch}, a class in Flax: this needs a network described in one line."
            )
        return self.network

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The layers with their names and shapes.

        Raises:
            RunError: It is a class in Flax.
        """
        return _plan(self.description, self.image_shape, len(self.class_names))


def model_metadata(
    *,
    arch: str,
    network: str | None,
    image_shape: tuple[int, ...],
    class_names: tuple[str, ...],
    dataset: str,
    data_fingerprint: str,
    pictures: str,
    temperature: float,
    trained: Iterable[str],
    rejects: bool = False,
) -> dict[str, Any]:
    """Return the metadata of a model file."""
    return {
        "schema": SCHEMA,
        "arch": arch,
        "network": network,
        "image_shape": list(image_shape),
        "class_names": list(class_names),
        "dataset": dataset,
        "data_fingerprint": data_fingerprint,
        "pictures": pictures,
        "preprocessing": PREPROCESSING,
        "temperature": temperature,
        "rejects": rejects,
        "trained": sorted(trained),
    }


def load_model(path: Path) -> StoredModel:
    """Read a model file.

    Raises:
        RunError: It is missing, damaged, an ONNX file, or its arrays do not fit its layers.
    """
    if path.suffix.lower() == ONNX_SUFFIX:
        raise RunError(
            f"{str(path)!r} is an ONNX file, which only evaluate, compare, predict and data can use: name a "
            "mnistcli run instead."
        )
    parsed: dict[str, Any] = {}
    tensors, _ = load_tensors(path, check=lambda metadata, shapes: parsed.update(_parse(path, metadata, shapes)))
    return StoredModel(**parsed, arrays=tensors, path=path)


def _parse(path: Path, metadata: Metadata, shapes: Shapes) -> dict[str, Any]:
    """Return the attributes of a StoredModel that a file's metadata gives, checked against its arrays' shapes.

    Raises:
        RunError: The metadata is wrong, or the arrays do not fit the layers.
    """
    try:
        image_shape, class_names = _identity(metadata)
        arch, network = _printable(metadata["arch"]), metadata["network"]
        if network is not None:
            _check_arrays(path, _plan(_printable(network), image_shape, len(class_names)), shapes)
        trained = tuple(_printable(name) for name in metadata["trained"])
        if not shapes.keys() >= {*trained}:
            raise ValueError("a parameter has no array")
        return {
            "arch": arch,
            "network": network,
            "image_shape": image_shape,
            "class_names": class_names,
            "data_fingerprint": str(metadata["data_fingerprint"]),
            "pictures": _pictures(metadata),
            "temperature": _temperature(metadata),
            "rejects": metadata.get("rejects", False) is True,
            "trained": trained,
        }
    except UsageError as error:
        raise RunError(f"{str(path)!r} has an invalid network: {error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise RunError(f"{str(path)!r} is not a mnistcli model: {metadata_problem(error)}.") from error


def _plan(network: str, image_shape: tuple[int, ...], classes: int) -> tuple[Step, ...]:
    from mnistcli.models.language import parse, plan  # takes 10 ms, and predicting by ONNX Runtime does not need it

    return plan(parse(network), image_shape, classes)


def _identity(metadata: dict[str, Any]) -> tuple[tuple[int, int, int], tuple[str, ...]]:
    if metadata["schema"] != SCHEMA:
        raise ValueError(f"expected schema {SCHEMA}, found {metadata['schema']!r}")
    if metadata["preprocessing"] != PREPROCESSING:
        raise ValueError(f"expected preprocessing {PREPROCESSING}, found {metadata['preprocessing']!r}")
    height, width, channels = (int(side) for side in metadata["image_shape"])
    if not all(0 < side <= LARGEST_SIDE for side in (height, width, channels)):
        raise ValueError(f"an image shape of {metadata['image_shape']} is out of range")
    return (height, width, channels), tuple(_printable(name) for name in metadata["class_names"])


def _printable(text: object) -> str:
    if not isinstance(text, str) or not text.isprintable():
        raise ValueError(f"{text!r} is not printable text")
    return text


def _pictures(metadata: dict[str, Any]) -> str:
    if metadata["pictures"] not in PICTURES:
        raise ValueError(f"expected pictures {' or '.join(PICTURES)}, found {metadata['pictures']!r}")
    return str(metadata["pictures"])


def _temperature(metadata: dict[str, Any]) -> float:
    temperature = float(metadata["temperature"])
    if not 0 < temperature < math.inf:
        raise ValueError(f"a temperature of {temperature} is out of range")
    return temperature


def _check_arrays(path: Path, steps: tuple[Step, ...], shapes: Shapes) -> None:
    from mnistcli.models.language import expected_variables

    expected = {name: ("F32", each.shape) for name, each in expected_variables(steps).items()}
    for name in sorted(expected.keys() | shapes.keys()):
        if expected.get(name) != shapes.get(name):
            required, found = (_text(each.get(name)) for each in (expected, shapes))
            raise RunError(f"{str(path)!r} does not fit its network: expected {name} as {required}, found {found}.")


def _text(array: tuple[str, tuple[int, ...]] | None) -> str:
    return "none" if array is None else f"{array[0]} {'×'.join(map(str, array[1])) or 'scalar'}"
