"""Compare runs on the same images. Conclusions hold for these trained weights, not for other trainings of a recipe."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from mnistcli.results.compare import PairedTest

LEVEL = 0.05  # of significance
Interval = tuple[float, float]


def paired_test(a: str, b: str, right_a: np.ndarray, right_b: np.ndarray) -> PairedTest:
    """Return McNemar's exact test of two runs' right answers [n] bool, and the difference with its interval.

    Under the null hypothesis, an image that only one run reads correctly is as likely to be read by either, so the
    count of one run is binomial with p = 1/2. Source: Q. McNemar, "Note on the sampling error of the difference between
    correlated proportions or percentages", Psychometrika 12 (1947).
    """
    from scipy.stats import binomtest  # takes a second to import

    only_a, only_b = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    disagreements = only_a + only_b
    p_value = float(binomtest(only_a, disagreements).pvalue) if disagreements else 1.0
    return PairedTest(
        a=a,
        b=b,
        both_right=int((right_a & right_b).sum()),
        only_a_right=only_a,
        only_b_right=only_b,
        both_wrong=int((~right_a & ~right_b).sum()),
        difference=(only_a - only_b) / len(right_a),
        difference_ci95=paired_interval(only_a, only_b, len(right_a)),
        p_value=p_value,
        p_holm=p_value,
    )


def paired_interval(only_a: int, only_b: int, n: int) -> Interval:
    """Return the 95 % interval of the difference of two runs' accuracies on the same n images.

    An adjusted Wald interval. Source: D. G. Bonett, R. M. Price, "Adjusted Wald confidence interval for a difference of
    binomial proportions based on paired data", Journal of Educational and Behavioral Statistics 37 (2012).
    """
    share_a, share_b = (only_a + 1) / (n + 2), (only_b + 1) / (n + 2)
    centre = share_a - share_b
    half_width = NormalDist().inv_cdf(1 - LEVEL / 2) * math.sqrt((share_a + share_b - centre**2) / (n + 2))
    return max(-1.0, centre - half_width), min(1.0, centre + half_width)


def cochran_test(right: np.ndarray) -> tuple[float, float]:
    """Return Cochran's Q of right answers [runs, n] bool, and its p-value: the test whether any runs differ.

    Q follows a chi-squared distribution with runs - 1 degrees of freedom. Source: W. G. Cochran, "The comparison of
    percentages in matched samples", Biometrika 37 (1950).
    """
    from scipy.special import chdtrc

    runs, (by_run, by_image) = len(right), (right.sum(1), right.sum(0))
    total = int(by_run.sum())
    spread = runs * total - int((by_image**2).sum())
    if not spread:  # the runs agree on every image
        return 0.0, 1.0
    q = (runs - 1) * (runs * int((by_run**2).sum()) - total**2) / spread
    return q, float(chdtrc(runs - 1, q))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values corrected for their number, in the same order.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6
    (1979).
    """
    corrected, smallest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        smallest = max(smallest, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = smallest
    return corrected
