"""ONNX files run by ONNX Runtime: those of runs, and others whose input and output fit."""

import json
import math
import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from mnistcli.config import PICTURES
from mnistcli.errors import RunError
from mnistcli.files import read_bounded

SCHEMA = "mnistcli.onnx/1"
MOST_BYTES = 2**30
IMAGES, LOGITS, PROBABILITIES = "images", "logits", "probabilities"
BATCH = 250  # images that ONNX Runtime gets at a time


@dataclass(frozen=True)
class OnnxModel:
    """A network in an ONNX file, as `onnx_file` writes it.

    Attributes:
        image_shape: Height, width and channels of the images that it reads.
        class_names: The classes' names in the order of the logits.
        pictures: How `predict` makes a picture what the network reads, one of config.PICTURES.
        temperature: By which its probabilities are calibrated.
    """

    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    pictures: str
    temperature: float
    content: bytes = field(repr=False, compare=False)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return float32 [n, classes] of images [n, height, width, channels] uint8, any n."""
        return self._run(images, PROBABILITIES)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Return float32 [n, classes] of images [n, height, width, channels] uint8, any n."""
        return self._run(images, LOGITS)

    def _run(self, images: np.ndarray, output: str) -> np.ndarray:
        session = _session(self.content, os.getpid())
        parts = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        try:
            return np.concatenate([session.run([output], {IMAGES: part})[0] for part in parts])
        except Exception as error:
            raise RunError(f"The model cannot be run by ONNX Runtime: {_first_line(error)}") from error


def open_onnx(content: bytes, *, name: str) -> OnnxModel:
    """Return the network in the content of a file that `onnx_file` wrote; `name` is what errors call it.

    Raises:
        RunError: It is no such file, or ONNX Runtime refuses it.
    """
    try:
        session = _session(content, os.getpid())
        metadata = session.get_modelmeta().custom_metadata_map
        if metadata.get("schema") != SCHEMA:
            raise ValueError(f"the schema, {SCHEMA}")
        height, width, channels = (int(side) for side in json.loads(metadata["image_shape"]))
        class_names = tuple(str(each) for each in json.loads(metadata["class_names"]))
        pictures, temperature = metadata["pictures"], float(metadata["temperature"])
        if not all(each.isprintable() for each in class_names):
            raise ValueError("a class's name, which could steer a terminal")
        _check_signature(session, [height, width, channels], len(class_names))
        if pictures not in PICTURES or not 0 < temperature < math.inf:
            raise ValueError(f"how pictures are read, {pictures!r}, or the temperature, {temperature}")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise RunError(f"{name} is not a mnistcli model; wrong or missing in its metadata: {error}.") from error
    except Exception as error:
        raise RunError(f"{name} cannot be run by ONNX Runtime: {_first_line(error)}") from error
    return OnnxModel((height, width, channels), class_names, pictures, temperature, content)


def read_model_file(path: Path) -> bytes:
    """Return a file's content.

    Raises:
        RunError: It cannot be read.
    """
    try:
        return read_bounded(path, most=MOST_BYTES)
    except OSError as error:
        raise RunError(f"{str(path)!r} cannot be read: {error.strerror}.") from error


def _check_signature(session: Any, image_shape: list[int], classes: int) -> None:
    """Raise ValueError where the network's input and outputs are not those that the metadata tells."""
    expected = {IMAGES: ("tensor(uint8)", image_shape)}
    expected |= dict.fromkeys((LOGITS, PROBABILITIES), ("tensor(float)", [classes]))
    for each in (*session.get_inputs(), *session.get_outputs()):
        if expected.pop(each.name, None) != (each.type, each.shape[1:]):
            raise ValueError(f"{each.name!r}, {each.type} {each.shape}")
    if expected:
        raise ValueError(", ".join(map(repr, expected)))


def _first_line(error: Exception) -> str:
    text = str(error).partition("\n")[0].strip().rstrip(".")
    return f"{text}."


@cache
def _session(content: bytes, process: int) -> Any:  # noqa: ARG001  (a process cannot use another's)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # those that read pictures are a process a core
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        content,
        options,
        providers=["CPUExecutionProvider"],
        enable_fallback=0,  # which would print to stdout, and try the same once more
    )
