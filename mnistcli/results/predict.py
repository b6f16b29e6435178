"""A picture's answer, and why it got it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mnistcli.errors import ImageError
from mnistcli.results.shown import Tabular

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np


NONE, UNREAD = "no digit", "?"


def rank(class_names: Sequence[str], probabilities: Sequence[float], *, rejects: bool) -> list[tuple[str, float]]:
    """Return the answers with their probabilities, most probable first.

    The answer of a network that `rejects` may be NONE, whose probability is what the classes leave.
    """
    none = [(NONE, 1 - sum(probabilities))] if rejects else []
    return sorted([*zip(class_names, probabilities, strict=True), *none], key=lambda pair: -pair[1])


@dataclass(frozen=True)
class Digit:
    """One digit of a line of them.

    Attributes:
        box: Its left, top, right and bottom edge in pixels of the upright picture.
        probabilities: Of each class.
        class_names: Their names.
        picture: What the network saw, [height, width, channels] uint8.
        rejects: Whether the network can say that it is none of the classes.
    """

    box: tuple[int, int, int, int]
    probabilities: tuple[float, ...]
    class_names: tuple[str, ...]
    picture: np.ndarray = field(compare=False, repr=False)
    rejects: bool = False

    @property
    def label(self) -> str:
        """The most probable answer."""
        return self._best[0]

    @property
    def confidence(self) -> float:
        """Its probability."""
        return self._best[1]

    @property
    def _best(self) -> tuple[str, float]:
        return rank(self.class_names, self.probabilities, rejects=self.rejects)[0]


@dataclass(frozen=True)
class Prediction(Tabular):
    """One picture's answer, or the reason why there is none.

    Attributes:
        path: Its name as the user gave it.
        probabilities: Of each class, where the picture was read as one digit.
        class_names: Their names.
        digits: From left to right, where it was read as a line of them.
        error: Why there is no answer.
        note: What its owner should know of how it was read.
        picture: What the network saw of one digit, [height, width, channels] uint8.
        rejects: Whether the network can say that it is none of the classes.
    """

    path: str
    probabilities: tuple[float, ...] = ()
    class_names: tuple[str, ...] = ()
    digits: tuple[Digit, ...] = ()
    error: str | None = None
    note: str | None = None
    picture: np.ndarray | None = field(default=None, compare=False, repr=False)
    rejects: bool = False

    @property
    def top(self) -> list[tuple[str, float]]:
        """Answers with their probabilities, most probable first; for a line of digits, the one string that was read.

        In a string UNREAD stands for each NONE; its probability is the product of its digits'.
        """
        if self.digits:
            read = "".join(UNREAD if digit.label == NONE else digit.label for digit in self.digits)
            return [(read, math.prod(digit.confidence for digit in self.digits))]
        return rank(self.class_names, self.probabilities, rejects=self.rejects)

    @property
    def label(self) -> str:
        """The most probable answer.

        Raises:
            ImageError: The picture could not be read.
        """
        return self._best[0]

    @property
    def confidence(self) -> float:
        """Its probability.

        Raises:
            ImageError: The picture could not be read.
        """
        return self._best[1]

    @property
    def _best(self) -> tuple[str, float]:
        if self.error is not None:
            raise ImageError(f"{self.path!r} {self.error}.")
        return self.top[0]

    @property
    def pictures(self) -> list[np.ndarray]:
        """All that the network saw, from left to right."""
        return [digit.picture for digit in self.digits] if self.picture is None else [self.picture]


class Predictions(list[Prediction], Tabular):
    """Answers in the order of their pictures."""


@dataclass(frozen=True)
class Explanation:
    """Why one picture got its answer.

    Attributes:
        prediction: The answer.
        steps: The picture [height, width, 1 or 3] uint8 and what was kept of it, step by step, each under its name.
        saliency: How much each pixel adds to the logit of the most probable class, [height, width] float32.
        method: How that was computed, and its source.
    """

    prediction: Prediction
    steps: tuple[tuple[str, np.ndarray], ...] = field(compare=False, repr=False)
    saliency: np.ndarray = field(compare=False, repr=False)
    method: str
