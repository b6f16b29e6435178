"""A folder of the four IDX files that MNIST and many sets after it are published as, plain or in gzip."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path

import numpy as np

from mnistcli.datasets.source import BLOCK, Block, Original, Tell
from mnistcli.errors import DataError
from mnistcli.idx import Readable, read_shape

PREFIXES = {"train": "train", "test": "t10k"}
NAMES = ("class-names.txt", "labels.txt", "classes.txt")  # a name a line, where the folder has one
LARGEST_PROMISE = 1032  # bytes out of one byte of deflate, at most: a header that promises more is none


def is_idx_folder(path: Path) -> bool:
    """Whether the folder has a file of MNIST's names."""
    return any(_find(path, prefix, kind) for prefix in PREFIXES.values() for kind in ("images", "labels"))


@dataclass(frozen=True)
class IdxFolder:
    """Files such as train-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte."""

    path: Path

    @property
    def location(self) -> str:
        """Where it lies."""
        return str(self.path)

    def signature(self) -> str:
        """Return names, sizes and times of the files."""
        files = [*self._files().values(), *self._names_file()]
        return " ".join(f"{file.name} {(status := file.stat()).st_size} {status.st_mtime_ns}" for file in files)

    def open(self, *, uniform: bool, tell: Tell) -> Original:  # noqa: ARG002  (its images are always of one size)
        """Return what is to be decoded.

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
                raise DataError(
                    f"{str(self.path)!r} lacks {PREFIXES[split]}-{kind}-idx{3 if kind == 'images' else 1}-ubyte, plain "
                    "or in gzip (.gz)."
                )
        return {key: file for key, file in found.items() if file is not None}

    def _names_file(self) -> list[Path]:
        return [self.path / name for name in NAMES if (self.path / name).is_file()][:1]

    def _names(self) -> tuple[str, ...] | None:
        files = self._names_file()
        return read_class_names(files[0]) if files else None


def read_class_names(file: Path) -> tuple[str, ...]:
    """Return the names in a file, one a line.

    Raises:
        DataError: It cannot be read, or holds none.
    """
    try:
        names = tuple(line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, ValueError) as error:
        raise DataError(f"The class names in {str(file)!r} cannot be read: {error}.") from error
    if not names:
        raise DataError(f"{str(file)!r} holds no class names: expected one a line.")
    return names


def _find(folder: Path, prefix: str, kind: str) -> Path | None:
    dimensions = (3, 4) if kind == "images" else (1,)
    names = [f"{prefix}-{kind}{dot}idx{n}-ubyte{end}" for n in dimensions for dot in "-." for end in ("", ".gz")]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read(images_file: Path, labels_file: Path) -> Iterator[Block]:
    """Yield the images with their labels, block by block.

    Raises:
        DataError: A file is damaged, or they hold different numbers.
    """
    with _contents(images_file, (3, 4)) as (shape, images), _contents(labels_file, (1,)) as ((n,), labels):
        if shape[0] != n:
            raise DataError(f"{str(images_file)!r} holds {shape[0]:,} images, but {labels_file.name} {n:,} labels.")
        picture = (*shape[1:], 1) if len(shape) == 3 else shape[1:]
        if picture[-1] not in (1, 3):
            raise DataError(f"{str(images_file)!r} holds images {list(picture)}: expected 1 or 3 channels.")
        block = max(1, min(BLOCK, 2**26 // prod(picture)))
        for start in range(0, n, block):
            count = min(block, n - start)
            raw = _exactly(images, count * prod(picture), images_file)
            yield np.frombuffer(raw, np.uint8).reshape(count, *picture), _labels(labels, count, labels_file)
        for file, path in ((images, images_file), (labels, labels_file)):
            if file.read(1):
                raise DataError(f"{str(path)!r} is damaged: it holds more than its header promises.")


@contextmanager
def _contents(path: Path, dimensions: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Readable]]:
    """Open a file behind its header, of which it yields the shape; what cannot be read is told as damage."""
    try:
        with path.open("rb") as plain:
            compressed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            file: Readable = gzip.GzipFile(fileobj=plain) if compressed else plain
            shape = read_shape(file)
            if len(shape) not in dimensions or 0 in shape[1:]:
                raise ValueError(f"expected {' or '.join(map(str, dimensions))} dimensions, found {list(shape)}")
            if prod(shape) > path.stat().st_size * (LARGEST_PROMISE if compressed else 1):
                raise ValueError(f"its header promises {prod(shape):,} bytes, which so small a file cannot hold")
            yield shape, file
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{str(path)!r} is damaged: {error}.") from error


def _exactly(file: Readable, size: int, path: Path) -> bytes:
    raw = file.read(size)
    if len(raw) < size:
        raise DataError(f"{str(path)!r} is damaged: it ends before its header's promise.")
    return raw


def _labels(file: Readable, count: int, path: Path) -> np.ndarray:
    return np.frombuffer(_exactly(file, count, path), np.uint8)
