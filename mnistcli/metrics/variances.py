"""How many seeds or test images would decide a comparison that is undecided."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from mnistcli.metrics.pairs import LEVEL
from mnistcli.metrics.welch import variance

POWER = 0.8  # probability of detecting the difference
FEWEST = 4  # seeds per recipe: with 3, no permutation test gives a p-value below 0.1
quantile = NormalDist().inv_cdf


@dataclass(frozen=True)
class Variances:
    """The components of the variance of the difference between two recipes' accuracies.

    With m seeds per recipe and f times the images, the variance is (seed - both) / m + (image + 3 both / m) / f. The
    last term is three times its true size because the pigeonhole bootstrap, which decides, overestimates it so (Owen
    2007). The components are those of a two-way layout with random effects; source: H. Scheffé, "The analysis of
    variance" (1959), chapter 7.

    Attributes:
        n_a, n_b, n: The number of seeds of a and of b, and of images.
        by_seeds: The variance of the observed difference over seeds, on these images.
        by_images: The variance of the observed difference over images, for these runs.
        seed: The variance over seeds of the difference between one run of each, on these images.
        image: The variance over images of the difference between infinitely many runs of each.
        both: The variance of the interaction of seeds and images, for one run of each.
    """

    n_a: int
    n_b: int
    n: int
    by_seeds: float
    by_images: float
    seed: float
    image: float
    both: float

    @classmethod
    def of(cls, right_a: np.ndarray, right_b: np.ndarray) -> "Variances":
        """Estimate the components from right answers [seeds, n] bool."""
        groups, n = (right_a, right_b), right_a.shape[1]
        seed = [float(variance(right.sum(1))) / n**2 for right in groups]
        both = [float(variance(right, axis=0).mean()) / n for right in groups]
        by_seeds = sum(each / len(right) for each, right in zip(seed, groups, strict=True))
        by_images = float((right_a.mean(0) - right_b.mean(0)).var(ddof=1)) / n
        image = by_images - sum(each / len(right) for each, right in zip(both, groups, strict=True))
        return cls(len(right_a), len(right_b), n, by_seeds, by_images, sum(seed), max(image, 0.0), sum(both))

    @property
    def shares(self) -> tuple[float, float]:
        """The fractions of by_seeds + by_images that each of the two makes; 0 and 0 if nothing varies."""
        total = self.by_seeds + self.by_images
        return (self.by_seeds / total, self.by_images / total) if total else (0.0, 0.0)

    def seeds_to_detect(self, difference: float, *, level: float) -> int | None:
        """Return how many seeds per recipe would detect this difference in 80 % of cases; None if no number would.

        The normal approximation with a correction for Student's t. Source: W. C. Guenther, "Sample size formulas for
        normal theory t tests", The American Statistician 35 (1981).
        """
        left = self._variance_to_reach(difference, level) - self.image
        if left <= 0:
            return None
        return self._more_seeds(((self._seed_alone + 3 * self.both) / left) + quantile(1 - level / 2) ** 2 / 4)

    def images_to_detect(self, difference: float, *, level: float) -> int | None:
        """Return how many images would, with the present seeds; None if no number would, or these are enough."""
        seeds = 2 / (1 / self.n_a + 1 / self.n_b)
        left = self._variance_to_reach(difference, level) - self._seed_alone / seeds
        times = (self.image + 3 * self.both / seeds) / left if left > 0 else 0
        return math.ceil(times * self.n) if times > 1 else None

    def seeds_to_show_equivalence(self, difference: float, margin: float) -> int | None:
        """Return how many seeds per recipe would show equivalence in at least 80 % of cases; None outside the margin.

        Source: S.-C. Chow, J. Shao, H. Wang, "Sample size calculations in clinical research" (2008), section 3.2.
        """
        left = margin - abs(difference)
        if left <= 0:
            return None
        deviations = quantile(1 - LEVEL) + quantile(1 - (1 - POWER) / 2)
        return self._more_seeds(self.seed * (deviations / left) ** 2 + quantile(1 - LEVEL) ** 2 / 4)

    @property
    def _seed_alone(self) -> float:
        return max(self.seed - self.both, 0.0)

    def _variance_to_reach(self, difference: float, level: float) -> float:
        return (difference / (quantile(1 - level / 2) + quantile(POWER))) ** 2

    def _more_seeds(self, seeds: float) -> int:
        """Return the number rounded up, and larger than the present numbers of seeds, which did not decide."""
        return max(math.ceil(seeds), FEWEST, self.n_a + 1, self.n_b + 1)
