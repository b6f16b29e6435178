"""Run ONNX files with ONNX Runtime: those of runs, and other programs' with a suitable input and output."""

import hashlib
import json
import math
import os
import re
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mnistcli.config import PICTURES, OnnxReading
from mnistcli.errors import RunError, UsageError, metadata_problem
from mnistcli.files import read_bounded
from mnistcli.metrics.scores import softmax

SCHEMA = "mnistcli.onnx/1"
UNSEALED = "0" * 64  # placeholder in a file's metadata until its SHA-256 is known
MOST_BYTES = 2**30
IMAGES, LOGITS, PROBABILITIES = "images", "logits", "probabilities"
TOGETHER = 16, 1  # batch sizes for a file that accepts any: for several images, or for one
FOREIGN = "onnx"  # the architecture's name for another program's network
CHANNELS = 1, 3
TYPES = {"tensor(uint8)": False, "tensor(float)": True}
ROUNDING = 1e-3  # how far the sum of probabilities may be from 1


@dataclass(frozen=True)
class Feed:
    """How images become a network's input.

    Attributes:
        name: The input's name.
        layout: "nhwc", "nchw", or "nhw" if it has no axis of channels.
        together: The batch sizes: the first for several images, the last for one.
        floats: How pixels become floats; None: it takes them as they are, uint8.
    """

    name: str
    layout: str
    together: tuple[int, ...]
    floats: OnnxReading | None = None

    def prepare(self, images: np.ndarray) -> np.ndarray:
        """Return the input for images [n, height, width, channels] uint8."""
        x = images
        if self.floats is not None:
            scale, mean, std = (
                np.array(each, np.float32) for each in (self.floats.scale, self.floats.mean, self.floats.std)
            )
            x = (images.astype(np.float32) / scale - mean) / std
        x = {"nhwc": x, "nchw": x.transpose(0, 3, 1, 2), "nhw": x[..., 0]}[self.layout]
        return np.ascontiguousarray(x)

    def __str__(self) -> str:
        """Return a description of the input in a few words."""
        order = {"nhwc": "channels last", "nchw": "channels first", "nhw": "without channels"}[self.layout]
        if self.floats is None:
            return f"uint8 pixels, {order}"
        pixels = "pixels" if self.floats.scale == 1 else f"pixels / {self.floats.scale:g}"
        mean, std = (", ".join(f"{each:g}" for each in numbers) for numbers in (self.floats.mean, self.floats.std))
        plain = self.floats.mean == (0.0,) and self.floats.std == (1.0,)
        return f"{pixels if plain else f'({pixels} - [{mean}]) / [{std}]'}, {order}"


@dataclass(frozen=True)
class OnnxModel:
    """A network in an ONNX file, a run's or another program's.

    Attributes:
        name: The name that errors use.
        arch: Its architecture; FOREIGN if another program made it.
        image_shape: Height, width and channels of its images.
        class_names: The classes' names in the order of the logits.
        pictures: How `predict` turns a picture into the network's input, one of config.PICTURES.
        temperature: The temperature that calibrates its probabilities.
        rejects: Whether it has one more class, "none of these", with logit 0.
        data_fingerprint: The fingerprint of the data set that it was trained on; None if unknown.
        feed: How images become its input.
        outputs: The names of its outputs by their kind, LOGITS or PROBABILITIES; one may be missing.
    """

    name: str
    arch: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    pictures: str
    temperature: float
    rejects: bool
    data_fingerprint: str | None
    feed: Feed
    outputs: dict[str, str]
    content: bytes = field(repr=False, compare=False)

    @cached_property
    def parameters(self) -> int:
        """The number of trained parameters in the file."""
        from mnistcli.inference.onnx_rules import count_parameters  # imports onnx, which takes 0.1 s

        return count_parameters(self.content)

    @property
    def network(self) -> None:
        """Its description in the one-line language: None, as an ONNX file is not trusted to give it."""
        return

    @property
    def is_foreign(self) -> bool:
        """Whether another program made it."""
        return self.arch == FOREIGN

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return probabilities, float32 [n, classes], of images [n, height, width, channels] uint8, any n."""
        if PROBABILITIES in self.outputs:
            return self._run(images, self.outputs[PROBABILITIES])
        return softmax(self._run(images, self.outputs[LOGITS])).astype(np.float32)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Return logits, float32 [n, classes], of images [n, height, width, channels] uint8, any n.

        If the network has only probabilities, their logarithms, which are valid logits.
        """
        if LOGITS in self.outputs:
            return self._run(images, self.outputs[LOGITS])
        probabilities = self._run(images, self.outputs[PROBABILITIES])
        return np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))

    def named(self, class_names: tuple[str, ...]) -> "OnnxModel":
        """Return the same network with other names for its classes."""
        return replace(self, class_names=class_names)

    def _run(self, images: np.ndarray, output: str) -> np.ndarray:
        """Return an output, float32 [n, classes].

        Raises:
            RunError: ONNX Runtime fails, or the output has another shape or type.
        """
        size = self.feed.together[0 if len(images) > 1 else -1]
        parts = [images[start : start + size] for start in range(0, len(images), size)]
        answers = np.concatenate([self._run_part(part, output, size) for part in parts])
        if answers.shape != (len(images), len(self.class_names)) or answers.dtype.kind != "f":
            found = f"{answers.dtype} {'×'.join(map(str, answers.shape))}"
            raise RunError(
                f"{self.name} returns {found} for {len(images)} images: expected floats "
                f"{len(images)}×{len(self.class_names)}."
            )
        return answers.astype(np.float32, copy=False)

    def _run_part(self, part: np.ndarray, output: str, size: int) -> np.ndarray:
        """Return an output for at most `size` images; blank images pad the input."""
        padding = np.zeros((size - len(part), *part.shape[1:]), part.dtype)
        full = np.concatenate([part, padding]) if len(padding) else part
        try:
            answer = np.asarray(
                _session(self.content, os.getpid()).run([output], {self.feed.name: self.feed.prepare(full)})[0]
            )
        except Exception as error:
            raise _cannot_run(self.name, error) from error
        return answer[: len(part)] if answer.shape[:1] == (size,) else answer


def open_onnx(content: bytes, *, name: str, reading: OnnxReading | None = None) -> OnnxModel:
    """Return the network in the content of an ONNX file.

    Args:
        content: The content of a file that passed `check_onnx`, or that this program made.
        name: The name that errors use.
        reading: How to read another program's file; None: accept only files that `onnx_file` made.

    Raises:
        RunError: It is not such a file, its input or output is not suitable, or ONNX Runtime cannot run it.
        UsageError: `reading` does not fit the file.
    """
    try:
        session = _session(content, os.getpid())
        metadata = session.get_modelmeta().custom_metadata_map
    except Exception as error:
        raise _cannot_run(name, error) from error
    own = metadata.get("schema") == SCHEMA
    if own and reading not in (None, OnnxReading()):
        raise UsageError(f"{name} was written by mnistcli, so it needs no --onnx options: leave them out.")
    if reading is None or own:
        return _open_own(content, session, name)
    return _open_foreign(content, session, name, reading)


def _open_own(content: bytes, session: Any, name: str) -> OnnxModel:
    metadata: dict[str, str] = session.get_modelmeta().custom_metadata_map
    try:
        if metadata.get("schema") != SCHEMA:
            raise ValueError(f"expected schema {SCHEMA}, found {metadata.get('schema')!r}")
        height, width, channels = (int(side) for side in json.loads(metadata["image_shape"]))
        class_names = tuple(str(each) for each in json.loads(metadata["class_names"]))
        pictures, temperature = metadata["pictures"], float(metadata["temperature"])
        if not all(each.isprintable() for each in class_names):
            raise ValueError("a class name has control characters")
        _check_signature(session, [height, width, channels], len(class_names))
        if pictures not in PICTURES or not 0 < temperature < math.inf:
            raise ValueError(f"pictures {pictures!r} or temperature {temperature} is out of range")
        arch, fingerprint = metadata["arch"], metadata["data_fingerprint"]
        rejects = json.loads(metadata.get("rejects", "false")) is True
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise RunError(f"{name} is not a mnistcli model: {metadata_problem(error)}.") from error
    feed, outputs = Feed(IMAGES, "nhwc", TOGETHER), {each: each for each in (LOGITS, PROBABILITIES)}
    return OnnxModel(
        name=name,
        arch=arch,
        image_shape=(height, width, channels),
        class_names=class_names,
        pictures=pictures,
        temperature=temperature,
        rejects=rejects,
        data_fingerprint=fingerprint,
        feed=feed,
        outputs=outputs,
        content=content,
    )


def _open_foreign(content: bytes, session: Any, name: str, reading: OnnxReading) -> OnnxModel:
    """Return another program's network: the file describes its input, and random pixels show what its output is."""
    given, first = session.get_inputs()[0], session.get_outputs()[0].name
    image_shape, layout = _image_shape(given.shape, name, reading.layout)
    if given.type not in TYPES:
        raise RunError(f"{name} takes images of type {given.type}: expected uint8 or float (32 bits).")
    floats = reading if TYPES[given.type] else None
    if floats is None and reading.changes_pixels:
        raise UsageError(f"{name} takes uint8 pixels as they are: leave out --onnx-scale, --onnx-mean and --onnx-std.")
    if not {len(reading.mean), len(reading.std)} <= {1, image_shape[-1]}:
        raise UsageError(
            f"{name} has {image_shape[-1]} channels: --onnx-mean and --onnx-std take one number, or one for each."
        )
    fixed = given.shape[0] if isinstance(given.shape[0], int) else 0
    together = (fixed,) if fixed > 0 else TOGETHER
    feed = Feed(given.name, layout, together, floats)
    pictures = "digit" if image_shape == (28, 28, 1) else "whole"
    sample = np.random.default_rng(0).integers(0, 256, (together[0], *image_shape), np.uint8)
    model = OnnxModel(name, FOREIGN, image_shape, (), pictures, 1.0, False, None, feed, {LOGITS: first}, content)
    answers = model._run_part(sample, first, len(sample))
    if answers.ndim != 2 or len(answers) != len(sample) or answers.shape[1] < 2:
        found = "×".join(map(str, answers.shape))
        raise RunError(f"{name} returns {found} numbers for {len(sample)} images: expected one per image and class.")
    model = model.named(tuple(map(str, range(answers.shape[1]))))
    return replace(model, outputs={reading.output or _kind(answers): first})


def _image_shape(shape: list[Any], name: str, layout: str | None) -> tuple[tuple[int, int, int], str]:
    """Return height, width and channels, and the layout of a network's input of that shape."""
    sides = tuple(shape[1:])
    if len(sides) == 2:
        return (*sides, 1), "nhw"
    text = "×".join(["n", *map(str, sides)])
    if len(sides) != 3:
        raise RunError(
            f"{name} takes arrays {text}: expected images, n×height×width×channels or n×channels×height×width."
        )
    fits = [each for each, channels in (("nhwc", sides[2]), ("nchw", sides[0])) if channels in CHANNELS]
    if layout is not None and layout not in fits:
        raise UsageError(f"{name} takes arrays {text}, which are not {layout}: expected 1 or 3 channels there.")
    if not fits:
        raise RunError(f"{name} takes arrays {text}: expected images with 1 or 3 channels, first or last.")
    if layout is None and len(fits) > 1:
        raise UsageError(
            f"{name} takes arrays {text}: give the place of the channels with --onnx-input {' or '.join(fits)}."
        )
    chosen = layout or fits[0]
    height, width, channels = sides if chosen == "nhwc" else (*sides[1:], sides[0])
    return (height, width, channels), chosen


def _kind(answers: np.ndarray) -> str:
    """Return PROBABILITIES if all rows [n, classes] are fractions with a sum of 1, else LOGITS."""
    sums = answers.astype(np.float64).sum(1)
    return PROBABILITIES if (answers >= 0).all() and np.allclose(sums, 1, atol=ROUNDING) else LOGITS


def seal(content: bytes) -> bytes:
    """Return a file's content with the SHA-256 of the rest in place of UNSEALED in its metadata."""
    return content.replace(UNSEALED.encode(), hashlib.sha256(content).hexdigest().encode(), 1)


def check_seal(content: bytes, *, name: str) -> None:
    """Check that a file's content matches its SHA-256; errors call it `name`.

    Raises:
        RunError: It does not match.
    """
    found = re.search(rb"sha256\x12@([0-9a-f]{64})", content)  # the key, and a text of 64 bytes, as ONNX encodes them
    if found is None or seal(content.replace(found[1], UNSEALED.encode(), 1)) != content:
        raise RunError(f"{name} is damaged: its content does not match its SHA-256.")


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
    """Raise ValueError if the network's input and outputs do not match the metadata."""
    expected = {IMAGES: ("tensor(uint8)", image_shape)}
    expected |= dict.fromkeys((LOGITS, PROBABILITIES), ("tensor(float)", [classes]))
    for each in (*session.get_inputs(), *session.get_outputs()):
        if expected.pop(each.name, None) != (each.type, each.shape[1:]):
            raise ValueError(f"it has {each.name!r}, {each.type} {each.shape}")
    if expected:
        raise ValueError(f"it has no {', '.join(map(repr, expected))}")


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, without a full stop."""
    return str(error).strip().partition("\n")[0].strip().rstrip(".")


def _cannot_run(name: str, error: Exception) -> RunError:
    return RunError(f"{name} cannot be run by ONNX Runtime: {first_line(error)}.")


@cache
def _session(content: bytes, process: int) -> Any:  # noqa: ARG001  (a session works only in its own process)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # there is one process per core already
    options.log_severity_level = 4
    options.add_session_config_entry("session.load_model_format", "ONNX")  # not its own format, which is not checked
    return onnxruntime.InferenceSession(
        content,
        options,
        providers=["CPUExecutionProvider"],
        enable_fallback=0,  # otherwise it prints to stdout and tries the same again
    )
