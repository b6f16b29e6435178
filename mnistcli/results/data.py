"""The results of `data`: a summary of a data set, its images, and problems found in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class SplitSummary:
    """The number of images in a split, in total and by class."""

    name: str
    images: int
    per_class: tuple[int, ...]


@dataclass(frozen=True)
class DatasetSummary:
    """A summary of a data set; `fingerprint` is a SHA-256 over its content."""

    name: str
    splits: tuple[SplitSummary, ...]
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    fingerprint: str
    location: str


@dataclass(frozen=True)
class KnownDataset:
    """A data set in the catalogue; `image_shape` is height, width, channels, and `megabytes` what to download."""

    name: str
    image_shape: tuple[int, int, int]
    classes: int
    train_images: int
    test_images: int
    megabytes: int
    summary: str
    prepared: bool = False


@dataclass(frozen=True)
class Sample:
    """One labelled image of a split, [height, width, channels] uint8, and a run's answer if a run has read it."""

    index: int
    label: str
    picture: np.ndarray = field(compare=False, repr=False)
    predicted: str | None = None
    confidence: float | None = None


@dataclass(frozen=True, kw_only=True)
class Flip(Sample):
    """An image that one of two runs reads correctly and the other misreads, with both answers."""

    other_predicted: str
    other_confidence: float


@dataclass(frozen=True)
class Flips:
    """The images of a split that only one of two runs reads correctly, the most confident mistake first."""

    a: str
    b: str
    only_a_right: tuple[Flip, ...]
    only_b_right: tuple[Flip, ...]


@dataclass(frozen=True)
class Finding:
    """A possible problem in a data set.

    Attributes:
        kind: "duplicate", "leak" (a duplicate in another split), "conflict" (a duplicate with another label), or
            "doubt" (a run is confident of another label).
        split: The image's split, and `index` its number there.
        label: The image's label.
        other_split: The split of the duplicate, and `other_index` its number there; None for a doubt.
        other_label: The duplicate's label, or the one that the run is confident of.
        confidence: The run's confidence; None without a run.
    """

    kind: str
    split: str
    index: int
    label: str
    other_split: str | None
    other_index: int | None
    other_label: str
    confidence: float | None = None


@dataclass(frozen=True)
class FileCheck:
    """One file's SHA-256 after decompression, as expected and as found (None: the file could not be read)."""

    file: str
    expected: str
    found: str | None

    @property
    def ok(self) -> bool:
        """Whether the file is what it should be."""
        return self.found == self.expected
