"""A folder of pictures by class: train/CLASS/… and test/CLASS/…, perhaps validation/CLASS/…, or only CLASS/….

If a split has no folder, a hash of each picture's path decides: the first eight bytes of the SHA-256 of CLASS/NAME, as
a big-endian number modulo 6. Without test/, pictures with remainder 0 are for testing; without validation/, those with
remainder 1 are for validation. So a picture stays in its split when others are added or removed.
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
from mnistcli.datasets.source import Block, OnProgress, Original
from mnistcli.errors import DataError, ImageError
from mnistcli.vision import Source, read_picture

BUCKETS = 6
TOGETHER = 256  # pictures in one block
Labelled = tuple[Path, int]


@dataclass(frozen=True)
class PictureFolder:
    """Pictures in any format that `predict` reads; hidden files, and files outside the class folders, are ignored."""

    path: Path

    @property
    def location(self) -> str:
        """The folder's path."""
        return str(self.path)

    def signature(self) -> str:
        """Return a hash of every picture's name, size and modification time.

        Raises:
            DataError: There are no pictures.
        """
        digest = hashlib.sha256()
        for split in self._split_folders():
            for file in _pictures(self.path / split):
                status = file.stat()
                digest.update(os.fsencode(f"{split}/{file.parent.name}/{file.name} "))
                digest.update(f"{status.st_size} {status.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def open(self, *, uniform: bool, on_progress: OnProgress) -> Original:
        """Return the pictures to decode.

        Raises:
            DataError: There are no pictures, one cannot be read, or they differ in size although they must be
                `uniform`.
        """
        folders = self._split_folders()
        files = {split: [*_pictures(self.path / split)] for split in folders}
        names = sorted({file.parent.name for each in files.values() for file in each}, key=_natural_key)
        if len(names) < 2:
            raise DataError(f"{str(self.path)!r} has pictures of 1 class: expected 2 or more, one folder per class.")
        labelled = {split: [(file, names.index(file.parent.name)) for file in each] for split, each in files.items()}
        splits = _assign_splits(labelled)
        pictures = [file for each in splits.values() for file, _ in each]
        channels = _common_channels(pictures, uniform=uniform, on_progress=on_progress)
        return Original(tuple(names), {split: partial(_read, each, channels) for split, each in splits.items()})

    def _split_folders(self) -> list[str]:
        """Return the splits that have a folder; [""] if the classes are directly in this one."""
        return [split for split in SPLITS if (self.path / split).is_dir()] or [""]


def class_folders(class_names: Sequence[str]) -> list[str]:
    """Return a folder name for each class: its name without unsafe characters, or its number if nothing is left."""
    return [re.sub(r"[^\w.-]+", "-", name).strip(".-") or str(label) for label, name in enumerate(class_names)]


def _pictures(folder: Path) -> Iterator[Path]:
    """Yield the pictures of every class, sorted by name.

    Raises:
        DataError: There are none, or a class folder has a folder in it.
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
        raise DataError(f"{str(folder)!r} has no pictures: expected CLASS/ or train/CLASS/ and test/CLASS/.")


def _visible(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if not each.name.startswith("."))


def _natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts 2 before 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _assign_splits(labelled: dict[str, list[Labelled]]) -> dict[str, list[Labelled]]:
    """Return each split's pictures; those without a folder take theirs from the training pictures, by path."""
    splits: dict[str, list[Labelled]] = {split: [*labelled.get(split, [])] for split in SPLITS}
    train = labelled.get("train", []) + labelled.get("", [])
    splits["train"] = []
    for file, label in train:
        bucket = _bucket_of(file)
        if bucket == 0 and "test" not in labelled:
            splits["test"].append((file, label))
        elif bucket == 1 and "validation" not in labelled:
            splits["validation"].append((file, label))
        else:
            splits["train"].append((file, label))
    return splits


def _bucket_of(file: Path) -> int:
    digest = hashlib.sha256(os.fsencode(f"{file.parent.name}/{file.name}")).digest()
    return int.from_bytes(digest[:8]) % BUCKETS


def _common_channels(files: list[Path], *, uniform: bool, on_progress: OnProgress) -> int:
    """Return the number of channels that all pictures get: 3 if any has colour, else 1.

    Raises:
        DataError: A picture cannot be read; or two differ in size, and all must be `uniform`.
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
                f"{str(first)!r} has {a[1]}×{a[0]} pixels, {str(second)!r} has {b[1]}×{b[0]}: scale them all with "
                "--image-size N, or turn them into images like MNIST's with --mnist-like."
            )
        on_progress("Checking pictures", i + 1, len(files))
    return channels


def _read(labelled: list[Labelled], channels: int) -> Iterator[Block]:
    for start in range(0, len(labelled), TOGETHER):
        part = labelled[start : start + TOGETHER]
        images = [_read_one(file) for file, _ in part]
        same_channels = [np.repeat(image, channels // image.shape[-1], axis=-1) for image in images]
        yield same_channels, np.array([label for _, label in part])


def _read_one(file: Path) -> np.ndarray:
    try:
        return read_picture(Source(str(file)), side=LARGEST_SIDE).pixels
    except ImageError as error:
        raise DataError(f"{str(file)!r} {error}: repair it or remove it from the data set.") from error
