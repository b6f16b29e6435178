"""Labelled images, in memory or behind a memory map, and how they are split."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mnistcli.config import SPLITS, DataChoice, check_split
from mnistcli.errors import DataError, UsageError
from mnistcli.results.data import DatasetSummary, Sample, SplitSummary
from mnistcli.results.shown import Drawable
from mnistcli.vision import is_mnist_like

PROBES = 200  # images to check for whether a data set is like MNIST
MOSTLY = 0.9  # share of them that must be


@dataclass(frozen=True)
class Split:
    """Images [n, height, width, channels] uint8 and their labels [n], unsigned integers."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, n: int | None) -> "Split":
        """Return the first n images, or all if n is None or larger."""
        return Split(self.images[:n], self.labels[:n])

    def choose(self, *, label: int | None = None, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return the indices from `start` up to, not including, `stop`; with `label`, only of images that have it."""
        indices = np.arange(len(self))[start:stop]
        return indices if label is None else indices[self.labels[indices] == label]


@dataclass(frozen=True)
class Dataset(Drawable):
    """A data set: training, validation and test images with their class names.

    Attributes:
        choice: What the user asked for.
        named: Whether its classes have names; otherwise their numbers serve as names.
        fingerprint: SHA-256 over the content, in hexadecimal; the order of images does not change it.
        location: Where it is, for people to read.
    """

    choice: DataChoice
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    named: bool
    fingerprint: str
    location: str

    @property
    def name(self) -> str:
        """The data set's name."""
        return self.choice.dataset

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        height, width, channels = self.test.images.shape[1:]
        return height, width, channels

    @property
    def pictures(self) -> str:
        """How to turn pictures into such images, one of config.PICTURES: "digit" if nearly all look like MNIST's."""
        sample = self.test.images[:: max(1, len(self.test) // PROBES)]
        if self.image_shape != (28, 28, 1):
            return "whole"
        alike = sum(is_mnist_like(image[..., 0]) for image in sample)
        return "digit" if alike >= MOSTLY * len(sample) else "whole"

    def split(self, name: str) -> Split:
        """Return the split of that name.

        Raises:
            UsageError: The split is unknown.
            DataError: It is empty.
        """
        check_split(name)
        split: Split = getattr(self, name)
        if not len(split):
            raise DataError(f"The data set {self.name!r} has no {name} images.")
        return split

    def label(self, name: str) -> int:
        """Return the number of the class of that name.

        Raises:
            UsageError: The class is unknown.
        """
        if name not in self.class_names:
            raise UsageError(f"{self.name!r} has no class {name!r}: expected {', '.join(self.class_names)}.")
        return self.class_names.index(name)

    def samples(self, split: str, indices: Sequence[int]) -> list[Sample]:
        """Return images of a split with the names of their classes."""
        chosen = self.split(split)
        return [Sample(int(i), self.class_names[chosen.labels[i]], np.array(chosen.images[i])) for i in indices]

    def summary(self) -> DatasetSummary:
        """Count images by split and class."""
        classes = len(self.class_names)
        splits: list[tuple[str, Split]] = [(name, getattr(self, name)) for name in SPLITS]
        return DatasetSummary(
            name=self.name,
            splits=tuple(
                SplitSummary(name, len(split), tuple(np.bincount(split.labels, minlength=classes).tolist()))
                for name, split in splits
            ),
            image_shape=self.image_shape,
            class_names=self.class_names,
            fingerprint=self.fingerprint,
            location=self.location,
        )


def hold_out_validation(train: Split) -> tuple[Split, Split]:
    """Split the published training images: the last sixth becomes validation (MNIST's last 10,000 of 60,000)."""
    cut = len(train) - len(train) // 6
    return train.first(cut), Split(train.images[cut:], train.labels[cut:])


def digests(images: np.ndarray, labels: np.ndarray) -> list[bytes]:
    """Return each labelled image's SHA-256: over its pixels, then its label as four bytes, little-endian."""
    numbers = np.ascontiguousarray(labels, "<u4")
    return [
        hashlib.sha256(image.tobytes() + number.tobytes()).digest()
        for image, number in zip(images, numbers, strict=True)
    ]


def fingerprint(image_shape: Sequence[int], parts: Mapping[str, list[bytes]]) -> str:
    """Return the SHA-256 of a data set in hexadecimal; the order of its images does not matter.

    Args:
        image_shape: Height, width and channels.
        parts: The `digests` of the training and validation images, under "train", and of the test images, under "test".
    """
    total = hashlib.sha256(" × ".join(map(str, image_shape)).encode())
    for name in ("train", "test"):
        total.update(f"\n{name}\n".encode())
        for each in sorted(parts[name]):
            total.update(each)
    return total.hexdigest()
