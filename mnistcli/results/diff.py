"""What two runs have not in common, and what came of training one of them again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True)
class Difference:
    """One value that two runs do not have in common; what a run does not have is None.

    Attributes:
        part: Of run.json: "config", "provenance" or "results".
    """

    part: str
    name: str
    a: Any
    b: Any


@dataclass(frozen=True)
class RunDifference:
    """What two runs do not have in common.

    Attributes:
        network: How b's network differs from a's, in the one-line language; empty where they are alike or a class.
    """

    a: str
    b: str
    differences: tuple[Difference, ...]
    network: str = ""


class Repeated(StrEnum):
    """What a second training of a run came to."""

    IDENTICAL = "identical"
    EQUAL = "equal"
    DIFFERENT = "different"


@dataclass(frozen=True)
class Reproduction:
    """A run, and the same training again; differences are the largest absolute ones.

    Attributes:
        weights: Of a weight; None where the networks have other arrays.
        epochs: Of each epoch's losses and accuracies, as far as both runs have it.
        lengths: How many epochs each of the two has.
        test: Of the test loss and accuracy.
        tolerance: What counts as equal.
        changed: What of the versions, the device and the data is not as it was.
    """

    run: str
    again: str
    weights: float | None
    epochs: tuple[float, ...]
    lengths: tuple[int, int]
    test: float
    tolerance: float
    changed: tuple[Difference, ...]

    @property
    def largest(self) -> float | None:
        """The largest difference of all; None where something has no counterpart."""
        if self.weights is None or self.lengths[0] != self.lengths[1]:
            return None
        return max(self.weights, self.test, *self.epochs)

    @property
    def verdict(self) -> Repeated:
        """Identical to the last bit of every figure, equal within the tolerance, or different."""
        if self.largest is None or self.largest > self.tolerance:
            return Repeated.DIFFERENT
        return Repeated.EQUAL if self.largest else Repeated.IDENTICAL

    @property
    def since_epoch(self) -> int | None:
        """The first epoch whose figures are not the same; None where all are."""
        apart = (number for number, difference in enumerate(self.epochs, start=1) if difference)
        longer = min(self.lengths) + 1 if self.lengths[0] != self.lengths[1] else None
        return next(apart, longer)
