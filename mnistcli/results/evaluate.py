"""The results of `evaluate`: a model's scores on one split, and on corrupted images."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

from mnistcli.results.shown import Drawable
from mnistcli.results.spread import Spread


@dataclass(frozen=True)
class ClassScore:
    """The scores of one class; a ratio with denominator 0 is None."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class ReliabilityBin:
    """The answers with a confidence from `low` up to, but not including, `high`; 1 belongs to the last bin.

    Attributes:
        confidence: Their mean confidence; None if there are none.
    """

    low: float
    high: float
    n: int
    correct: int
    confidence: float | None

    @property
    def accuracy(self) -> float | None:
        """The fraction of them that is right; None if there are none."""
        return _ratio(self.correct, self.n)

    @property
    def accuracy_ci95(self) -> tuple[float, float] | None:
        """The 95 % Wilson score interval of that fraction; None if there are none."""
        return wilson_interval(self.correct, self.n) if self.n else None


@dataclass(frozen=True)
class CoveragePoint:
    """The result of answering only with a confidence of at least `min_confidence`.

    Attributes:
        coverage: The fraction of images that get an answer.
        accuracy: The fraction of answers that are right; None if there are none.
    """

    min_confidence: float
    coverage: float
    accuracy: float | None


@dataclass(frozen=True)
class Calibration:
    """How well a model's probabilities are calibrated, after temperature scaling except for `…_uncalibrated`.

    Attributes:
        loss: The mean cross-entropy in nats.
        brier: The Brier score, from 0 to 2.
        error: The expected calibration error, a fraction of 1, and `error_uncalibrated` the one before scaling.
        reliability: The bins of equal width that it is computed from, and `reliability_uncalibrated` before scaling.
        coverage: Accuracy and coverage at a few thresholds, lowest first.
        suggested: The suggested threshold for `predict --min-confidence`; None if there is no suitable one.
        curve: Accuracy and coverage at many thresholds, for figures.
    """

    loss: float
    brier: float
    error: float
    error_uncalibrated: float
    reliability: tuple[ReliabilityBin, ...]
    reliability_uncalibrated: tuple[ReliabilityBin, ...]
    coverage: tuple[CoveragePoint, ...]
    suggested: CoveragePoint | None
    curve: tuple[CoveragePoint, ...] = field(repr=False)


@dataclass(frozen=True)
class Cost:
    """The cost of a model; unknown values are None.

    Attributes:
        multiply_accumulates: The number for one image.
        model_bytes: The size of its weights file.
    """

    parameters: int
    multiply_accumulates: int | None
    model_bytes: int
    train_seconds: float | None


@dataclass(frozen=True)
class Evaluation(Drawable):
    """A model's answers on one split: `confusion[true][predicted]` counts images.

    Attributes:
        loss: The mean cross-entropy in nats, before temperature scaling.
        rejected: The number of images with the answer "none of these"; they are scored by their most probable class.
        cost: None unless requested.
    """

    run: str
    arch: str
    split: str
    loss: float
    calibration: Calibration = field(repr=False)
    confusion: tuple[tuple[int, ...], ...] = field(repr=False)
    class_names: tuple[str, ...] = field(repr=False)
    rejected: int = 0
    cost: Cost | None = None

    @property
    def n(self) -> int:
        """The number of images."""
        return sum(map(sum, self.confusion))

    @property
    def correct(self) -> int:
        """The number of images that were read correctly."""
        return sum(row[i] for i, row in enumerate(self.confusion))

    @property
    def errors(self) -> int:
        """The number of images that were misread."""
        return self.n - self.correct

    @property
    def accuracy(self) -> float:
        """The fraction of images that were read correctly."""
        return self.correct / self.n

    @property
    def accuracy_ci95(self) -> tuple[float, float]:
        """The 95 % Wilson score interval of the accuracy."""
        return wilson_interval(self.correct, self.n)

    @property
    def per_class(self) -> tuple[ClassScore, ...]:
        """Precision, recall and F1 of each class."""
        return tuple(self._score(i) for i in range(len(self.class_names)))

    @property
    def macro(self) -> ClassScore:
        """The unweighted means of precision, recall and F1 over the classes that have images.

        The precision of a class that was never predicted counts as 0.
        """
        present = [score for score in self.per_class if score.support]
        precision, recall, f1 = (
            fmean(getattr(score, name) or 0.0 for score in present) for name in ("precision", "recall", "f1")
        )
        return ClassScore("mean", precision, recall, f1, self.n)

    def _score(self, i: int) -> ClassScore:
        hits, support = self.confusion[i][i], sum(self.confusion[i])
        answered = sum(row[i] for row in self.confusion)
        return ClassScore(
            label=self.class_names[i],
            precision=_ratio(hits, answered),
            recall=_ratio(hits, support),
            f1=_ratio(2 * hits, answered + support),
            support=support,
        )

    def worst_confusions(self, k: int = 5) -> list[tuple[str, str, int]]:
        """Return the k most frequent errors as (true class, predicted class, images), most frequent first."""
        names = self.class_names
        errors = [
            (names[i], names[j], count)
            for i, row in enumerate(self.confusion)
            for j, count in enumerate(row)
            if i != j and count
        ]
        return sorted(errors, key=lambda error: -error[2])[:k]


@dataclass(frozen=True)
class GroupEvaluation:
    """The evaluations of a group's runs on one split, and of the mean of their probabilities, the ensemble."""

    group: str
    members: tuple[Evaluation, ...]
    ensemble: Evaluation

    @property
    def accuracies(self) -> Spread:
        """The runs' accuracies."""
        return Spread(tuple(member.accuracy for member in self.members))


@dataclass(frozen=True)
class CorruptedEvaluation:
    """A model's evaluation on images with one corruption.

    Attributes:
        name: The corruption's name, and `severity` what it does and how strongly.
        example: One of the images, [height, width, channels] uint8.
    """

    name: str
    severity: str
    evaluation: Evaluation
    example: np.ndarray = field(compare=False, repr=False)


@dataclass(frozen=True)
class Robustness:
    """A model's evaluations on clean images, of which `example` is one, and on the same images corrupted."""

    clean: Evaluation
    example: np.ndarray = field(compare=False, repr=False)
    corrupted: tuple[CorruptedEvaluation, ...]

    @property
    def conditions(self) -> tuple[CorruptedEvaluation, ...]:
        """The evaluation on clean images, with the name "none", and those on corrupted images."""
        return CorruptedEvaluation("none", "", self.clean, self.example), *self.corrupted

    @property
    def mean_accuracy(self) -> float:
        """The mean of the accuracies on corrupted images."""
        return fmean(each.evaluation.accuracy for each in self.corrupted)


def wilson_interval(successes: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927). SciPy has it, too, but takes a second to import.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / n
    centre = share + z * z / (2 * n)
    half_width = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half_width) / scale), min(1.0, (centre + half_width) / scale)


def _ratio(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None
