"""The results of `runs diff` and `runs reproduce`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True)
class Difference:
    """One value that differs between two runs; None if a run does not have it.

    Attributes:
        part: The part of run.json: "config", "provenance" or "results".
    """

    part: str
    name: str
    a: Any
    b: Any


@dataclass(frozen=True)
class RunDifference:
    """The differences of two runs.

    Attributes:
        network: How b's network differs from a's, in the one-line language; empty if it does not, or for Flax classes.
    """

    a: str
    b: str
    differences: tuple[Difference, ...]
    network: str = ""


class Repeated(StrEnum):
    """The result of training a run again."""

    IDENTICAL = "identical"
    EQUAL = "equal"
    DIFFERENT = "different"


@dataclass(frozen=True)
class Reproduction:
    """The comparison of a run with a repetition of it; differences are the largest absolute ones.

    Attributes:
        weights: The difference of the weights; None if the networks have different arrays.
        epochs: The difference of each epoch's losses and accuracies, for epochs that both runs have.
        lengths: The number of epochs of each run.
        test: The difference of test loss and accuracy.
        tolerance: The largest difference that counts as equal.
        changed: The differences of versions, device and data.
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
        """The largest of all differences; None if an epoch or array has no counterpart."""
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
        """The first epoch with metrics that differ by more than the tolerance; None if there is none."""
        apart = (number for number, difference in enumerate(self.epochs, start=1) if difference > self.tolerance)
        longer = min(self.lengths) + 1 if self.lengths[0] != self.lengths[1] else None
        return next(apart, longer)
