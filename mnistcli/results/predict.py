"""The results of `predict` and `explain`: a picture's answer, and the reasons for it."""

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

    A network that `rejects` also has the answer NONE, with the rest of the probability.
    """
    none = [(NONE, 1 - sum(probabilities))] if rejects else []
    return sorted([*zip(class_names, probabilities, strict=True), *none], key=lambda pair: -pair[1])


@dataclass(frozen=True)
class Digit:
    """One digit in a line of digits.

    Attributes:
        box: Its left, top, right and bottom edges in pixels of the upright picture.
        probabilities: The probability of each class.
        class_names: The names of the classes.
        picture: The network's input, [height, width, channels] uint8.
        rejects: Whether the network can answer NONE.
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
    """The answer for one picture, or the reason why there is none.

    Attributes:
        path: The picture's name as the user gave it.
        probabilities: The probability of each class, if the picture was read as one digit.
        class_names: The names of the classes.
        digits: The digits from left to right, if it was read as a line of digits.
        error: Why there is no answer.
        note: A remark on how the picture was read.
        picture: The network's input for one digit, [height, width, channels] uint8.
        rejects: Whether the network can answer NONE.
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
        """Answers with their probabilities, most probable first; for a line of digits, the string that was read.

        In that string, UNREAD stands for NONE; its probability is the product of the digits' confidences.
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
        """The network's inputs, from left to right."""
        return [digit.picture for digit in self.digits] if self.picture is None else [self.picture]


class Predictions(list[Prediction], Tabular):
    """Answers in the order of their pictures."""


@dataclass(frozen=True)
class Explanation:
    """Why one picture got its answer.

    Attributes:
        prediction: The answer.
        steps: The picture [height, width, 1 or 3] uint8, and the result of each named step.
        saliency: How much each pixel adds to the lead of the most probable class, [height, width] float32.
        method: How the saliency was computed, with its source.
    """

    prediction: Prediction
    steps: tuple[tuple[str, np.ndarray], ...] = field(compare=False, repr=False)
    saliency: np.ndarray = field(compare=False, repr=False)
    method: str
