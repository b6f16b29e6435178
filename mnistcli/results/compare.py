"""The results of `compare`: runs, or groups of runs of one recipe, on the same images."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    history: tuple[EpochMetrics, ...] = field(repr=False)
    parameters: int
    train_seconds: float | None


@dataclass(frozen=True)
class PairedTest:
    """The comparison of two runs on the same images: counts of images, and McNemar's exact two-sided p-value.

    Attributes:
        difference: The accuracy of a minus that of b, and `difference_ci95` its paired 95 % interval.
        p_holm: The p-value corrected for the number of pairs.
        networks: How b's network differs from a's, in the one-line language; empty if they are the same.
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
    """The comparison of several runs on the same split, and of each pair.

    Attributes:
        cochran_q: Cochran's Q of three or more runs, and `cochran_p` its p-value; None for two.
    """

    runs: tuple[ComparedRun, ...]
    pairs: tuple[PairedTest, ...]
    cochran_q: float | None = None
    cochran_p: float | None = None


@dataclass(frozen=True)
class ComparedGroup:
    """Trainings of one recipe that differ only in their seed; all sequences are in the order of `seeds`.

    Attributes:
        accuracies: The accuracy of each run.
        ensemble: The evaluation of the mean of their probabilities.
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
    """The conclusion of a comparison of two recipes."""

    A_BETTER = "a is better"
    B_BETTER = "b is better"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class RecipeTest:
    """The comparison of two recipes, with several trainings each, on the same images.

    Attributes:
        difference: The mean accuracy of a minus that of b.
        welch_t: Welch's t, `welch_p` its p-value and `welch_ci95` its 95 % interval of the difference: over seeds, on
            these images.
        p_value: The two-sided p-value of the permutation test on Welch's t.
        p_holm: The same, corrected for the number of pairs.
        permutations: The number of ways of dealing the runs to two groups that the test tried.
        smallest_p: The smallest p-value that is possible with these numbers of runs.
        bootstrap_ci95: The 95 % interval of the difference over seeds and images together.
        seeds_share: The fraction of the difference's variance that is due to seeds, and `images_share` to images.
        probability: The probability that a new training of a reads more of these images correctly than one of b.
        probability_ci95: The 95 % interval of that probability.
        meaningful: Whether that interval, for the better recipe, starts above 0.5 and ends above 0.75.
        margin: The largest difference of accuracies that counts as equivalent.
        p_equivalence: The p-value of the two one-sided tests against the margin.
        seeds_needed: The number of seeds per recipe that would probably show which is better; None if more seeds would
            not, or the comparison is decided.
        images_needed: The number of test images that would probably show it; None in the same cases.
        seeds_equivalent: The number of seeds per recipe that would probably show equivalence; None likewise.
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
    """The comparison of several groups on the same split, and of each pair.

    Attributes:
        notes: Remarks for the reader, for example that seeds were added after an earlier comparison.
    """

    split: str
    n: int
    class_names: tuple[str, ...]
    groups: tuple[ComparedGroup, ...]
    pairs: tuple[RecipeTest, ...]
    notes: tuple[str, ...] = ()
