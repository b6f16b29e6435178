"""What every kind of data set is before it is decoded."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Images = np.ndarray | list[np.ndarray]  # [n, height, width, 1 or 3] uint8, or n of different sizes
Block = tuple[Images, np.ndarray]  # and their labels [n], integers
BLOCK = 4096  # images that are decoded together
Tell = Callable[[str, int, int | None], None]  # what is done, how much of it, how much in all where that is known


@dataclass(frozen=True)
class Original:
    """A data set as it lies somewhere.

    Attributes:
        class_names: None where classes have only numbers.
        splits: For "train", "test" and perhaps "validation", what yields its images; without "validation" the last
            sixth of "train" becomes it.
        version: Its full name, where that says more than its source's location.
    """

    class_names: tuple[str, ...] | None
    splits: Mapping[str, Callable[[], Iterator[Block]]]
    version: str = ""


class Source(Protocol):
    """Where a data set comes from."""

    @property
    def location(self) -> str:
        """Where it lies, for people to read."""
        ...

    def signature(self) -> str:
        """Return a text that changes when the files do; cheap, since every start asks for it.

        Raises:
            DataError: It is not there.
        """
        ...

    def open(self, *, uniform: bool, tell: Tell) -> Original:
        """Return what is to be decoded.

        Args:
            uniform: Whether all images must have one size: they are not scaled to one later.
            tell: Hears of work that takes time.

        Raises:
            DataError: It is damaged, or not what it should be.
        """
        ...
