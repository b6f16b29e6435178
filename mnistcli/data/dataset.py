"""Labelled images in memory, and how they are split."""

from dataclasses import dataclass

import numpy as np

from mnistcli.config import SPLITS, check_split
from mnistcli.results import DatasetSummary, Sample, SplitSummary


@dataclass(frozen=True)
class Split:
    """Images [n, height, width, channels] uint8 and their labels [n] uint8."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, n: int | None) -> "Split":
        """Return the first n images (all of them where n is None or larger)."""
        return Split(self.images[:n], self.labels[:n])


@dataclass(frozen=True)
class Dataset:
    """A named data set: training, validation and test images with their class names.

    Attributes:
        fingerprint: SHA-256 over the content, in hexadecimal.
        location: Where it lies, for people to read.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    fingerprint: str
    location: str

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        height, width, channels = self.test.images.shape[1:]
        return height, width, channels

    def split(self, name: str) -> Split:
        """Return the split of that name.

        Raises:
            UsageError: There is no such split.
        """
        check_split(name)
        split: Split = getattr(self, name)
        return split

    def samples(self, split: str, n: int) -> list[Sample]:
        """Return a split's first n images with their labels' names."""
        chosen = self.split(split).first(n)
        pairs = zip(chosen.images, chosen.labels, strict=True)
        return [Sample(i, self.class_names[label], image) for i, (image, label) in enumerate(pairs)]

    def summary(self) -> DatasetSummary:
        """Count images by split and class."""
        classes = len(self.class_names)
        splits = [(name, self.split(name)) for name in SPLITS]
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
    """Part the published training images: the last sixth becomes validation (the study's last 10,000 of 60,000)."""
    cut = len(train) - len(train) // 6
    return train.first(cut), Split(train.images[cut:], train.labels[cut:])
