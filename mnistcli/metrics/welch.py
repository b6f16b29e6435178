"""The difference of two recipes' mean accuracies over seeds, on fixed images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnistcli.metrics.pairs import LEVEL, Interval


@dataclass(frozen=True)
class Welch:
    """The difference of two mean accuracies over seeds, on these images.

    Source: B. L. Welch, "The generalization of 'Student's' problem when several different population variances are
    involved", Biometrika 34 (1947).

    Attributes:
        error: The standard error of the difference.
        degrees: The degrees of freedom of Student's t.
    """

    difference: float
    error: float
    degrees: float

    @classmethod
    def of(cls, right_a: np.ndarray, right_b: np.ndarray, n: int) -> "Welch":
        """Compare counts of right answers [seeds] out of n images; integers, so that no variance is rounded to 0."""
        parts = [float(variance(right)) / len(right) / n**2 for right in (right_a, right_b)]
        total = sum(parts)
        spread = sum(part**2 / (len(right) - 1) for part, right in zip(parts, (right_a, right_b), strict=True))
        degrees = total**2 / spread if spread else len(right_a) + len(right_b) - 2
        runs = len(right_a) * len(right_b)
        difference = int(len(right_b) * right_a.sum() - len(right_a) * right_b.sum()) / (runs * n)
        return cls(difference, math.sqrt(total), degrees)

    @property
    def t(self) -> float:
        """The difference in standard errors; 0 or infinite if all runs of each recipe are equally good."""
        return self._errors(self.difference)

    @property
    def p_value(self) -> float:
        """The p-value of the two-sided test that there is no difference."""
        from scipy.special import stdtr

        return 2 * float(stdtr(self.degrees, -abs(self.t)))

    def interval(self) -> Interval:
        """Return the 95 % interval of the difference."""
        from scipy.special import stdtrit

        half_width = self.error * float(stdtrit(self.degrees, 1 - LEVEL / 2))
        return self.difference - half_width, self.difference + half_width

    def equivalence(self, margin: float) -> float:
        """Return the p-value of the two one-sided tests of the hypothesis that the difference reaches the margin.

        Source: D. J. Schuirmann, "A comparison of the two one-sided tests procedure and the power approach for
        assessing the equivalence of average bioavailability", Journal of Pharmacokinetics and Biopharmaceutics 15
        (1987).
        """
        from scipy.special import stdtr

        return float(stdtr(self.degrees, self._errors(abs(self.difference) - margin)))

    def _errors(self, difference: float) -> float:
        if self.error:
            return difference / self.error
        return math.copysign(math.inf, difference) if difference else 0.0


def mean_interval(accuracies: Sequence[float]) -> Interval:
    """Return the 95 % interval of the mean of two or more accuracies over seeds, by Student's t."""
    from scipy.special import stdtrit

    values = np.asarray(accuracies)
    half_width = float(stdtrit(len(values) - 1, 1 - LEVEL / 2)) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()) - half_width, float(values.mean()) + half_width


def variance(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return the sample variance (n - 1) of integers along an axis; it is exactly 0 if all are equal."""
    integers = values.astype(np.int64)
    n = integers.shape[axis]
    return (n * (integers**2).sum(axis) - integers.sum(axis) ** 2) / (n * (n - 1))
