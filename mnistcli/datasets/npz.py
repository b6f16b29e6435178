"""An .npz file with the arrays x_train, y_train, x_test and y_test, as Keras publishes its data sets."""

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import IO

import numpy as np

from mnistcli.datasets.source import BLOCK, Block, OnProgress, Original
from mnistcli.errors import DataError, ImageError
from mnistcli.vision import npy_header

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
DAMAGE = (
    OSError, EOFError, ValueError, SyntaxError, TokenError, RecursionError, KeyError, NotImplementedError,
    RuntimeError, OverflowError, zlib.error, zipfile.BadZipFile,
)  # fmt: skip


@dataclass(frozen=True)
class NpzFile:
    """Images [n, height, width] or [n, height, width, 1 or 3] uint8, labels [n] or [n, 1] of any integer type."""

    path: Path

    @property
    def location(self) -> str:
        """The file's path."""
        return str(self.path)

    def signature(self) -> str:
        """Return the file's size and modification time."""
        status = self.path.stat()
        return f"{status.st_size} {status.st_mtime_ns}"

    def open(self, *, uniform: bool, on_progress: OnProgress) -> Original:  # noqa: ARG002  (its images are always of one size)
        """Return the images to decode.

        Raises:
            DataError: An array is missing.
        """
        try:
            with zipfile.ZipFile(self.path) as archive:
                names = {name.removesuffix(".npy") for name in archive.namelist()}
        except DAMAGE as error:
            raise DataError(f"{str(self.path)!r} is damaged: {error}.") from error
        missing = [name for name in ARRAYS if name not in names]
        if missing:
            raise DataError(f"{str(self.path)!r} has no {', '.join(missing)}: it has {', '.join(sorted(names))}.")
        return Original(None, {split: partial(_read, self.path, split) for split in ("train", "test")})


def _read(path: Path, split: str) -> Iterator[Block]:
    try:
        with zipfile.ZipFile(path) as archive:
            labels = _labels(archive, f"y_{split}")
            with archive.open(f"x_{split}.npy") as file:
                yield from _blocks(file, labels, f"x_{split}")
    except ImageError as error:
        raise DataError(f"{str(path)!r} {error}.") from error
    except DAMAGE as error:
        raise DataError(f"{str(path)!r} is damaged: {error}.") from error


def _labels(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as file:
        shape, dtype = npy_header(file)
        if len(shape) not in (1, 2) or shape[1:] not in ((), (1,)) or dtype.kind not in "ui":
            raise ValueError(f"{name} has shape {list(shape)} and type {dtype}: expected integers [n]")
        return np.frombuffer(_read_exactly(file, prod(shape) * dtype.itemsize, name), dtype)


def _blocks(file: IO[bytes], labels: np.ndarray, name: str) -> Iterator[Block]:
    shape, dtype = npy_header(file)
    if dtype != np.uint8 or len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in (1, 3)) or 0 in shape[1:]:
        raise ValueError(
            f"{name} has shape {list(shape)} and type {dtype}: expected uint8 [n, height, width] or [n, height, width, "
            "1 or 3]"
        )
    if shape[0] != len(labels):
        raise ValueError(f"{name} has {shape[0]:,} images, but there are {len(labels):,} labels")
    shape_of_one = shape[1:] if len(shape) == 4 else (*shape[1:], 1)
    block = max(1, min(BLOCK, 2**26 // prod(shape_of_one)))
    for start in range(0, len(labels), block):
        part = labels[start : start + block]
        raw = _read_exactly(file, len(part) * prod(shape_of_one), name)
        yield np.frombuffer(raw, np.uint8).reshape(len(part), *shape_of_one), part


def _read_exactly(file: IO[bytes], size: int, name: str) -> bytes:
    raw = file.read(size)
    if len(raw) < size:
        raise ValueError(f"{name} is shorter than its header says")
    return raw
