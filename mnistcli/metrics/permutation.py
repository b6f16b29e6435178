"""The permutation test on Welch's t: all ways to deal the runs to two groups, or very many."""

import math
from itertools import combinations

import numpy as np

MOST_DEALS, RANDOM_DEALS = 200_000, 100_000


def permutation_test(right_a: np.ndarray, right_b: np.ndarray) -> float:
    """Return the two-sided p-value of a permutation test on Welch's t of counts of right answers [seeds].

    The runs are dealt to two groups of their sizes in every way, or, where that is more than MOST_DEALS, in
    RANDOM_DEALS ways, to which the one found is added; the p-value is the share of deals with a t as far from 0.
    Divided by its standard error the difference may be tested so even where one recipe varies more than the other.
    Source: A. Janssen, "Studentized permutation tests for non-i.i.d. hypotheses and the generalized Behrens-Fisher
    problem", Statistics & Probability Letters 36 (1997).
    """
    runs = np.concatenate([right_a, right_b]).astype(np.float64)
    runs -= runs.min()  # small whole numbers: their sums and squares are exact
    dealt = _deals(len(right_a), len(right_b))
    found = np.arange(len(runs)) < len(right_a)
    t = np.abs(_welch_t(runs, np.concatenate([found[None], dealt])))
    as_far = t >= t[0] * (1 - 1e-9)
    is_exact = count_deals(len(right_a), len(right_b)) != RANDOM_DEALS
    return float(as_far[1:].mean() if is_exact else as_far.mean())


def _welch_t(runs: np.ndarray, in_a: np.ndarray) -> np.ndarray:
    """Return Welch's t [deals] of runs' counts [runs], where in_a [deals, runs] bool says which are dealt to a."""
    means, errors = [], []
    for dealt in (in_a.astype(np.float64), (~in_a).astype(np.float64)):
        n, sums = dealt[0].sum(), dealt @ runs
        means.append(sums / n)
        errors.append((n * (dealt @ runs**2) - sums**2) / (n * n * (n - 1)))
    difference = means[0] - means[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(difference == 0, 0.0, difference / np.sqrt(errors[0] + errors[1]))


def _deals(n_a: int, n_b: int) -> np.ndarray:
    """Return ways to deal runs to two groups [deals, runs] bool, True for the first: all, or random ones."""
    if count_deals(n_a, n_b) == RANDOM_DEALS:
        found = np.arange(n_a + n_b) < n_a
        return np.random.default_rng(0).permuted(np.tile(found, (RANDOM_DEALS, 1)), axis=1)
    chosen = np.array([*combinations(range(n_a + n_b), n_a)])
    dealt = np.zeros((len(chosen), n_a + n_b), bool)
    np.put_along_axis(dealt, chosen, values=True, axis=1)
    return dealt


def count_deals(n_a: int, n_b: int) -> int:
    every = math.comb(n_a + n_b, n_a)
    return every if every <= MOST_DEALS else RANDOM_DEALS


def smallest_p(n_a: int, n_b: int) -> float:
    """Return the smallest p-value that the permutation test of so many seeds can give.

    Of groups of one size, exchanging them leaves t as far from 0.
    """
    every = math.comb(n_a + n_b, n_a)
    return (2 if n_a == n_b else 1) / every if every <= MOST_DEALS else 1 / (RANDOM_DEALS + 1)
