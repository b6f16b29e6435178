"""Runs, or groups of runs of one recipe, side by side on the same images."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mnistcli.results.shown import Drawable

if TYPE_CHECKING:
    from mnistcli.results.evaluate import Evaluation
    from mnistcli.results.spread import Spread
    from mnistcli.results.train import EpochMetrics


@dataclass(frozen=True)
class ComparedRun:
    """One run's part of a comparison."""

    evaluation: Evaluation
    history: tuple[EpochMetrics, ...]
    parameters: int
    train_seconds: float | None


@dataclass(frozen=True)
class PairedTest:
    """Two runs on the same images: counts of images, and McNemar's exact two-sided p-value.

    Attributes:
        difference: The accuracy of a less that of b, and `difference_ci95` its paired 95 % interval.
        p_holm: The p-value corrected for the number of pairs.
        networks: How b's network differs from a's, in the one-line language; nothing where they are alike.
    """

    a: str
    b: str
    both_right: int
    only_a_right: int
    only_b_right: int
    both_wrong: int
    difference: float
    difference_ci95: tuple[float, float]
    p_value: float
    p_holm: float
    networks: str = ""


@dataclass(frozen=True)
class Comparison(Drawable):
    """Several runs on the same split, and each pair of them.

    Attributes:
        cochran_q: Cochran's Q of three runs or more, and `cochran_p` its p-value; None for two.
    """

    runs: tuple[ComparedRun, ...]
    pairs: tuple[PairedTest, ...]
    cochran_q: float | None = None
    cochran_p: float | None = None


@dataclass(frozen=True)
class ComparedGroup:
    """Trainings of one recipe that differ in their seed alone; all sequences are in the order of `seeds`.

    Attributes:
        accuracies: Of each run.
        ensemble: How the mean of their probabilities does.
    """

    group: str
    arch: str
    seeds: tuple[int, ...]
    runs: tuple[str, ...]
    accuracies: Spread
    train_seconds: tuple[float | None, ...]
    histories: tuple[tuple[EpochMetrics, ...], ...]
    parameters: int
    ensemble: Evaluation


class Verdict(StrEnum):
    """What a comparison of two recipes comes to."""

    A_BETTER = "a is better"
    B_BETTER = "b is better"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class RecipeTest:
    """Two recipes, several trainings each, on the same images.

    Attributes:
        difference: The mean accuracy of a less that of b.
        welch_t: Welch's t, `welch_p` its p-value and `welch_ci95` its 95 % interval of the difference: over seeds, on
            these images.
        p_value: Of the permutation test on Welch's t, two-sided.
        p_holm: The same, corrected for the number of pairs.
        permutations: How many ways of dealing the runs to two groups it tried.
        smallest_p: The smallest p-value that so few runs can give.
        bootstrap_ci95: The interval of the difference over seeds and images at once.
        seeds_share: The share of the difference's variance that seeds make, and `images_share` that images make.
        probability: That a new training of a reads more of these images right than a new one of b.
        probability_ci95: Its interval.
        meaningful: Whether that is a difference that matters: low end above 0.5, high end above 0.75 for the better.
        margin: What counts as equivalent.
        p_equivalence: Of the two one-sided tests against the margin.
        seeds_needed: How many seeds each would likely show which is better; None where they alone would not, or nothing
            is open.
        images_needed: How many test images would likely show it, likewise.
        seeds_equivalent: How many seeds each would likely show that they are equivalent, likewise.
        networks: How b's network differs from a's, in the one-line language.
    """

    a: str
    b: str
    difference: float
    welch_t: float
    welch_p: float
    welch_ci95: tuple[float, float]
    p_value: float
    p_holm: float
    permutations: int
    smallest_p: float
    bootstrap_ci95: tuple[float, float]
    seeds_share: float
    images_share: float
    probability: float
    probability_ci95: tuple[float, float]
    meaningful: bool
    margin: float
    p_equivalence: float
    verdict: Verdict
    seeds_needed: int | None = None
    images_needed: int | None = None
    seeds_equivalent: int | None = None
    networks: str = ""


@dataclass(frozen=True)
class GroupComparison:
    """Several groups on the same split, and each pair of them.

    Attributes:
        notes: What the reader should know, such as that seeds were added after a look.
    """

    split: str
    n: int
    class_names: tuple[str, ...]
    groups: tuple[ComparedGroup, ...]
    pairs: tuple[RecipeTest, ...]
    notes: tuple[str, ...] = ()
