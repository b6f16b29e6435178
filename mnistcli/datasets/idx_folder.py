"""A folder with the four IDX files of MNIST and of many later data sets, plain or gzip-compressed."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path

import numpy as np

from mnistcli.datasets.source import BLOCK, Block, OnProgress, Original
from mnistcli.errors import DataError
from mnistcli.idx import Readable, read_shape

PREFIXES = {"train": "train", "test": "t10k"}
NAMES = ("class-names.txt", "labels.txt", "classes.txt")  # optional, one name per line
LARGEST_RATIO = 1032  # bytes that one byte of deflate can expand to at most


def is_idx_folder(path: Path) -> bool:
    """Whether the folder has a file named like one of MNIST's."""
    return any(_find(path, prefix, kind) for prefix in PREFIXES.values() for kind in ("images", "labels"))


@dataclass(frozen=True)
class IdxFolder:
    """Files such as train-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte."""

    path: Path

    @property
    def location(self) -> str:
        """The folder's path."""
        return str(self.path)

    def signature(self) -> str:
        """Return the files' names, sizes and modification times."""
        files = [*self._files().values(), *self._names_file()]
        return " ".join(f"{file.name} {(status := file.stat()).st_size} {status.st_mtime_ns}" for file in files)

    def open(self, *, uniform: bool, on_progress: OnProgress) -> Original:  # noqa: ARG002  (its images are always of one size)
        """Return the images to decode.

        Raises:
            DataError: A file is missing.
        """
        files = self._files()
        splits = {split: partial(_read, files[split, "images"], files[split, "labels"]) for split in PREFIXES}
        return Original(self._names(), splits)

    def _files(self) -> dict[tuple[str, str], Path]:
        found = {(split, kind): _find(self.path, prefix, kind)
                 for split, prefix in PREFIXES.items() for kind in ("images", "labels")}  # fmt: skip
        for (split, kind), file in found.items():
            if file is None:
                name = f"{PREFIXES[split]}-{kind}-idx{3 if kind == 'images' else 1}-ubyte"
                raise DataError(f"{str(self.path)!r} has no {name}, plain or gzip-compressed (.gz).")
        return {key: file for key, file in found.items() if file is not None}

    def _names_file(self) -> list[Path]:
        return [self.path / name for name in NAMES if (self.path / name).is_file()][:1]

    def _names(self) -> tuple[str, ...] | None:
        files = self._names_file()
        return read_class_names(files[0]) if files else None


def read_class_names(file: Path) -> tuple[str, ...]:
    """Return the names in a file with one name per line.

    Raises:
        DataError: It cannot be read, or has no names.
    """
    try:
        names = tuple(line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, ValueError) as error:
        raise DataError(f"The class names in {str(file)!r} cannot be read: {error}.") from error
    if not names:
        raise DataError(f"{str(file)!r} has no class names: expected one per line.")
    return names


def _find(folder: Path, prefix: str, kind: str) -> Path | None:
    dimensions = (3, 4) if kind == "images" else (1,)
    names = [f"{prefix}-{kind}{dot}idx{n}-ubyte{end}" for n in dimensions for dot in "-." for end in ("", ".gz")]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read(images_file: Path, labels_file: Path) -> Iterator[Block]:
    """Yield the images with their labels, block by block.

    Raises:
        DataError: A file is damaged, or there are not as many labels as images.
    """
    with _contents(images_file, (3, 4)) as (shape, images), _contents(labels_file, (1,)) as ((n,), labels):
        if shape[0] != n:
            raise DataError(f"{str(images_file)!r} has {shape[0]:,} images, but {labels_file.name} has {n:,} labels.")
        shape_of_one = (*shape[1:], 1) if len(shape) == 3 else shape[1:]
        if shape_of_one[-1] not in (1, 3):
            raise DataError(f"{str(images_file)!r} has images of shape {list(shape_of_one)}: expected 1 or 3 channels.")
        block = max(1, min(BLOCK, 2**26 // prod(shape_of_one)))
        for start in range(0, n, block):
            count = min(block, n - start)
            raw = _read_exactly(images, count * prod(shape_of_one), images_file)
            yield np.frombuffer(raw, np.uint8).reshape(count, *shape_of_one), _labels(labels, count, labels_file)
        for file, path in ((images, images_file), (labels, labels_file)):
            if file.read(1):
                raise DataError(f"{str(path)!r} is damaged: it is longer than its header says.")


@contextmanager
def _contents(path: Path, dimensions: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Readable]]:
    """Open a file, read its header, and yield the shape in it and the file; raise DataError if it cannot be read."""
    try:
        with path.open("rb") as plain:
            compressed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            file: Readable = gzip.GzipFile(fileobj=plain) if compressed else plain
            shape = read_shape(file)
            if len(shape) not in dimensions or 0 in shape[1:]:
                raise ValueError(f"expected {' or '.join(map(str, dimensions))} dimensions, found shape {list(shape)}")
            if prod(shape) > path.stat().st_size * (LARGEST_RATIO if compressed else 1):
                raise ValueError(f"its header announces {prod(shape):,} bytes, too many for a file of this size")
            yield shape, file
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{str(path)!r} is damaged: {error}.") from error


def _read_exactly(file: Readable, size: int, path: Path) -> bytes:
    raw = file.read(size)
    if len(raw) < size:
        raise DataError(f"{str(path)!r} is damaged: it is shorter than its header says.")
    return raw


def _labels(file: Readable, count: int, path: Path) -> np.ndarray:
    return np.frombuffer(_read_exactly(file, count, path), np.uint8)
