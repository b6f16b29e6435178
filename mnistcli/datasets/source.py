"""What every kind of data set provides before it is decoded."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Images = np.ndarray | list[np.ndarray]  # [n, height, width, 1 or 3] uint8, or a list of n if sizes differ
Block = tuple[Images, np.ndarray]  # and their labels [n], integers
BLOCK = 4096  # images in one block
OnProgress = Callable[[str, int, int | None], None]  # the work, how much is done, and how much there is (None: unknown)


@dataclass(frozen=True)
class Original:
    """A data set before decoding.

    Attributes:
        class_names: None if classes have only numbers.
        splits: For "train", "test" and perhaps "validation", a function that yields its images; without "validation",
            the last sixth of "train" is used.
        version: Its full name, if that says more than its source's location.
    """

    class_names: tuple[str, ...] | None
    splits: Mapping[str, Callable[[], Iterator[Block]]]
    version: str = ""


class Source(Protocol):
    """Where a data set comes from."""

    @property
    def location(self) -> str:
        """Where it is, for people to read."""
        ...

    def signature(self) -> str:
        """Return a text that changes when the files do; it must be cheap, since every start calls it.

        Raises:
            DataError: The data set is missing.
        """
        ...

    def open(self, *, uniform: bool, on_progress: OnProgress) -> Original:
        """Return the images to decode.

        Args:
            uniform: Whether all images must have the same size, because they will not be scaled.
            on_progress: Called with progress when work takes time.

        Raises:
            DataError: It is damaged, or not a data set of labelled images.
        """
        ...
