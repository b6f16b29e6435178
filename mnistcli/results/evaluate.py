"""How a model did on one split, and on the same images corrupted."""

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
    """How one class fared; a ratio without a denominator is None."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class ReliabilityBin:
    """The answers with a confidence from `low` up to, not including, `high`; 1 belongs to the last bin.

    Attributes:
        confidence: Their mean confidence; None where there are none.
    """

    low: float
    high: float
    n: int
    correct: int
    confidence: float | None

    @property
    def accuracy(self) -> float | None:
        """The share of them that is right."""
        return _ratio(self.correct, self.n)

    @property
    def accuracy_ci95(self) -> tuple[float, float] | None:
        """The 95 % Wilson score interval of that share."""
        return wilson_interval(self.correct, self.n) if self.n else None


@dataclass(frozen=True)
class CoveragePoint:
    """What answering only with a confidence of at least `min_confidence` comes to.

    Attributes:
        coverage: The share of images that are answered.
        accuracy: The share of the answers that is right; None where there are none.
    """

    min_confidence: float
    coverage: float
    accuracy: float | None


@dataclass(frozen=True)
class Calibration:
    """Whether a model's probabilities mean what they say; all but what is `_uncalibrated` after temperature scaling.

    Attributes:
        loss: The mean cross-entropy in nats.
        brier: The Brier score, from 0 to 2.
        error: The expected calibration error, a fraction of 1, and `error_uncalibrated` that before scaling.
        reliability: The bins of equal width that it is computed from, and `reliability_uncalibrated` those before.
        coverage: Accuracy against coverage at a few thresholds, the lowest first.
        suggested: The threshold that `predict --min-confidence` is best given; None where none can be named.
        curve: Accuracy against coverage at many thresholds, for figures.
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
    """What a model takes; what is not known is None.

    Attributes:
        multiply_accumulates: For one image.
        model_bytes: Of the file of its weights.
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
        rejected: Images that the model takes for none of the classes; they are scored by their most probable class.
        cost: None where nobody asked.
    """

    run: str
    arch: str
    split: str
    loss: float
    calibration: Calibration
    confusion: tuple[tuple[int, ...], ...]
    class_names: tuple[str, ...]
    rejected: int = 0
    cost: Cost | None = None

    @property
    def n(self) -> int:
        """How many images were scored."""
        return sum(map(sum, self.confusion))

    @property
    def correct(self) -> int:
        """How many images were read right."""
        return sum(row[i] for i, row in enumerate(self.confusion))

    @property
    def accuracy(self) -> float:
        """The share of images read right."""
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
        """The plain means of precision, recall and F1 over the classes that have images.

        The precision of a class that was never answered counts as 0.
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
        """Return the k commonest errors as (true class, predicted class, images), most frequent first."""
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
    """How the runs of a group do on one split, and the mean of their probabilities, the ensemble."""

    group: str
    members: tuple[Evaluation, ...]
    ensemble: Evaluation

    @property
    def accuracies(self) -> Spread:
        """The runs' accuracies."""
        return Spread(tuple(member.accuracy for member in self.members))


@dataclass(frozen=True)
class CorruptedEvaluation:
    """A model's answers on corrupted images.

    Attributes:
        name: Of the corruption, and `severity` what it does, and how strongly.
        example: One of the images, [height, width, channels] uint8.
    """

    name: str
    severity: str
    evaluation: Evaluation
    example: np.ndarray = field(compare=False, repr=False)


@dataclass(frozen=True)
class Robustness:
    """A model's answers on clean images, of which `example` is one, and on the same images corrupted."""

    clean: Evaluation
    example: np.ndarray = field(compare=False, repr=False)
    corrupted: tuple[CorruptedEvaluation, ...]

    @property
    def conditions(self) -> tuple[CorruptedEvaluation, ...]:
        """The answers on clean images, under the name "none", and those on corrupted images."""
        return CorruptedEvaluation("none", "", self.clean, self.example), *self.corrupted

    @property
    def mean_accuracy(self) -> float:
        """The mean of the accuracies on corrupted images."""
        return fmean(each.evaluation.accuracy for each in self.corrupted)


def wilson_interval(successes: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927). SciPy has it too, but takes a second to import.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / n
    centre = share + z * z / (2 * n)
    half_width = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half_width) / scale), min(1.0, (centre + half_width) / scale)


def _ratio(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None
