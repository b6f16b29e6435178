"""How a model did on one split."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

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
class Evaluation:
    """A model's answers on one split: `confusion[true][predicted]` counts images.

    Attributes:
        loss: The mean cross-entropy in nats.
        calibration_error: The expected calibration error in 15 bins, a fraction of 1.
    """

    run: str
    arch: str
    split: str
    loss: float
    calibration_error: float
    confusion: tuple[tuple[int, ...], ...]
    class_names: tuple[str, ...]

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
