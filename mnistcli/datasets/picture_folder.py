"""A folder of pictures by class: train/CLASS/… and test/CLASS/…, perhaps validation/CLASS/…, or CLASS/… alone.

Where a split has no folder, a picture's path decides: the first eight bytes of the SHA-256 of CLASS/NAME, as a number
with the most significant byte first, modulo 6. Without test/, 0 is a test picture; without validation/, 1 is one of
validation. So a picture stays in its split whatever others come or go.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from mnistcli.config import LARGEST_SIDE, SPLITS
from mnistcli.datasets.source import Block, Original, Tell
from mnistcli.errors import DataError, ImageError
from mnistcli.vision import Source, read_picture

PARTS = 6
TOGETHER = 256  # pictures that are decoded together
Labelled = tuple[Path, int]


@dataclass(frozen=True)
class PictureFolder:
    """Pictures of any format that `predict` reads; hidden files, and files beside the classes, are passed over."""

    path: Path

    @property
    def location(self) -> str:
        """Where it lies."""
        return str(self.path)

    def signature(self) -> str:
        """Return every picture's name, size and time.

        Raises:
            DataError: There is no picture.
        """
        digest = hashlib.sha256()
        for split in self._split_folders():
            for file in _pictures(self.path / split):
                status = file.stat()
                digest.update(os.fsencode(f"{split}/{file.parent.name}/{file.name} "))
                digest.update(f"{status.st_size} {status.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def open(self, *, uniform: bool, tell: Tell) -> Original:
        """Return what is to be decoded.

        Raises:
            DataError: There is no picture, one cannot be read, or they differ in size where they must not.
        """
        folders = self._split_folders()
        files = {split: [*_pictures(self.path / split)] for split in folders}
        names = sorted({file.parent.name for each in files.values() for file in each}, key=_natural)
        if len(names) < 2:
            raise DataError(f"{str(self.path)!r} has pictures of {len(names)} classes: expected a folder a class.")
        labelled = {split: [(file, names.index(file.parent.name)) for file in each] for split, each in files.items()}
        splits = _part(labelled)
        shape = _common_shape([file for each in splits.values() for file, _ in each], uniform=uniform, tell=tell)
        return Original(tuple(names), {split: partial(_read, each, shape) for split, each in splits.items()})

    def _split_folders(self) -> list[str]:
        """Return the splits that have a folder of their own, or "" where classes lie here."""
        return [split for split in SPLITS if (self.path / split).is_dir()] or [""]


def class_folders(class_names: Sequence[str]) -> list[str]:
    """Return the name of each class's folder: the class's own, as far as files may be called so, or else its number."""
    return [re.sub(r"[^\w.-]+", "-", name).strip(".-") or str(label) for label, name in enumerate(class_names)]


def _pictures(folder: Path) -> Iterator[Path]:
    """Yield the pictures of every class, in the order of names.

    Raises:
        DataError: There is none.
    """
    found = False
    for class_folder in _visible(folder):
        if class_folder.is_dir():
            for file in _visible(class_folder):
                if file.is_dir():
                    raise DataError(f"{str(file)!r} is a folder: expected pictures in CLASS/ or SPLIT/CLASS/.")
                found = True
                yield file
    if not found:
        raise DataError(f"{str(folder)!r} holds no pictures: expected CLASS/ or train/CLASS/ and test/CLASS/.")


def _visible(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if not each.name.startswith("."))


def _natural(name: str) -> list[tuple[int, str]]:
    """Order 2 before 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _part(labelled: dict[str, list[Labelled]]) -> dict[str, list[Labelled]]:
    """Give every split its pictures; those of the training folder, or of all, may be parted by their paths."""
    splits: dict[str, list[Labelled]] = {split: [*labelled.get(split, [])] for split in SPLITS}
    train = labelled.get("train", []) + labelled.get("", [])
    splits["train"] = []
    for file, label in train:
        part = _part_of(file)
        if part == 0 and "test" not in labelled:
            splits["test"].append((file, label))
        elif part == 1 and "validation" not in labelled:
            splits["validation"].append((file, label))
        else:
            splits["train"].append((file, label))
    return splits


def _part_of(file: Path) -> int:
    digest = hashlib.sha256(os.fsencode(f"{file.parent.name}/{file.name}")).digest()
    return int.from_bytes(digest[:8]) % PARTS


def _common_shape(files: list[Path], *, uniform: bool, tell: Tell) -> int:
    """Return the channels that all pictures get: 3 where one has colour.

    Raises:
        DataError: One cannot be read; or two differ in size, where all must have one.
    """
    sizes: dict[tuple[int, int], Path] = {}
    channels = 1
    for i, file in enumerate(files):
        height, width, own = _read_one(file).shape
        sizes.setdefault((height, width), file)
        channels = max(channels, own)
        if uniform and len(sizes) > 1:
            (a, first), (b, second) = sizes.items()
            raise DataError(
                f"{str(first)!r} has {a[1]}×{a[0]} pixels, {str(second)!r} {b[1]}×{b[0]}: --image-size N scales all to "
                "one size, --mnist-like makes each what MNIST holds."
            )
        tell("Looking at pictures", i + 1, len(files))
    return channels


def _read(labelled: list[Labelled], channels: int) -> Iterator[Block]:
    for start in range(0, len(labelled), TOGETHER):
        part = labelled[start : start + TOGETHER]
        images = [_read_one(file) for file, _ in part]
        whole = [np.repeat(image, channels // image.shape[-1], axis=-1) for image in images]
        yield whole, np.array([label for _, label in part])


def _read_one(file: Path) -> np.ndarray:
    try:
        return read_picture(Source(str(file)), side=LARGEST_SIDE).pixels
    except ImageError as error:
        raise DataError(f"{str(file)!r} {error}: mend it or take it out of the data set.") from error
