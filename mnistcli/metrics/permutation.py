"""The permutation test on Welch's t: all ways to deal the runs to two groups, or many random ones."""

import math
from itertools import combinations

import numpy as np

MOST_DEALS, RANDOM_DEALS = 200_000, 100_000


def permutation_test(right_a: np.ndarray, right_b: np.ndarray) -> float:
    """Return the two-sided p-value of a permutation test on Welch's t of counts of right answers [seeds].

    The runs are dealt to two groups of the same sizes in every way; if there are more than MOST_DEALS, in RANDOM_DEALS
    random ways and the actual one. The p-value is the share of deals whose t is at least as far from 0 as the actual t.
    Dividing by the standard error allows one recipe to vary more than the other. Source: A. Janssen, "Studentized
    permutation tests for non-i.i.d. hypotheses and the generalized Behrens-Fisher problem", Statistics & Probability
    Letters 36 (1997).
    """
    n_a, n_b = len(right_a), len(right_b)
    runs = np.concatenate([right_a, right_b]).astype(np.float64)
    runs -= runs.min()  # small whole numbers: their sums and squares are exact
    actual = np.arange(n_a + n_b) < n_a
    dealt = _every_deal(n_a, n_b) if _is_exact(n_a, n_b) else np.concatenate([actual[None], _random_deals(actual)])
    t = np.abs(_welch_t(runs, dealt))
    return float((t >= np.abs(_welch_t(runs, actual[None])) * (1 - 1e-9)).mean())


def count_deals(n_a: int, n_b: int) -> int:
    """Return how many deals the test tries for n_a and n_b runs, including the actual one."""
    return math.comb(n_a + n_b, n_a) if _is_exact(n_a, n_b) else RANDOM_DEALS + 1


def smallest_p(n_a: int, n_b: int) -> float:
    """Return the smallest p-value that the test can give for n_a and n_b runs.

    If both groups have the same size, exchanging them gives a t that is as far from 0.
    """
    return (2 if n_a == n_b and _is_exact(n_a, n_b) else 1) / count_deals(n_a, n_b)


def _is_exact(n_a: int, n_b: int) -> bool:
    return math.comb(n_a + n_b, n_a) <= MOST_DEALS


def _every_deal(n_a: int, n_b: int) -> np.ndarray:
    """Return all ways to deal runs to two groups [deals, runs] bool, True for the first group."""
    chosen = np.array([*combinations(range(n_a + n_b), n_a)])
    dealt = np.zeros((len(chosen), n_a + n_b), bool)
    np.put_along_axis(dealt, chosen, values=True, axis=1)
    return dealt


def _random_deals(actual: np.ndarray) -> np.ndarray:
    return np.random.default_rng(0).permuted(np.tile(actual, (RANDOM_DEALS, 1)), axis=1)


def _welch_t(runs: np.ndarray, in_a: np.ndarray) -> np.ndarray:
    """Return Welch's t [deals] of runs' counts [runs]; in_a [deals, runs] bool says which runs are dealt to a."""
    means, errors = [], []
    for dealt in (in_a.astype(np.float64), (~in_a).astype(np.float64)):
        n, sums = dealt[0].sum(), dealt @ runs
        means.append(sums / n)
        errors.append((n * (dealt @ runs**2) - sums**2) / (n * n * (n - 1)))
    difference = means[0] - means[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(difference == 0, 0.0, difference / np.sqrt(errors[0] + errors[1]))
