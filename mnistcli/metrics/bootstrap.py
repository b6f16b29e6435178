"""Seeds and images drawn anew at once, to see how far a difference between two recipes may go."""

import numpy as np

from mnistcli.metrics.pairs import LEVEL, Interval

RESAMPLES = 10_000
BLOCK = 500  # resamples in memory at a time


def pigeonhole_bootstrap(right_a: np.ndarray, right_b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the difference of the mean accuracies, and the share of pairs that a wins, in RESAMPLES resamples.

    Seeds of each recipe and images are drawn at once, each with replacement, from right answers [seeds, n] bool. Images
    that the same runs read right are exchangeable: it draws how many of each kind there are. Source: A. B. Owen, "The
    pigeonhole bootstrap", Annals of Applied Statistics 1 (2007); its variance is a little too large rather than small.
    """
    n_a, n_b, n = *map(len, (right_a, right_b)), right_a.shape[1]
    kinds, images = np.unique(np.concatenate([right_a, right_b]), axis=1, return_counts=True)
    random = np.random.default_rng(0)
    seeds_a, seeds_b = (random.multinomial(k, [1 / k] * k, RESAMPLES) for k in (n_a, n_b))
    signed = np.concatenate([seeds_a / n_a, -seeds_b / n_b], axis=1)
    differences = [
        np.einsum("rk,rk->r", signed[i : i + BLOCK] @ kinds, random.multinomial(n, images / n, BLOCK)) / n
        for i in range(0, RESAMPLES, BLOCK)
    ]
    wins = np.einsum("ra,ab,rb->r", seeds_a, win_matrix(right_a.sum(1), right_b.sum(1)), seeds_b) / (n_a * n_b)
    return np.concatenate(differences), wins


def percentile_interval(resampled: np.ndarray) -> Interval:
    """Return the 95 % percentile interval of a bootstrap's resamples [n]."""
    low, high = np.quantile(resampled, [LEVEL / 2, 1 - LEVEL / 2])
    return float(low), float(high)


def win_matrix(right_a: np.ndarray, right_b: np.ndarray) -> np.ndarray:
    """Return which pairs of runs [seeds of a, seeds of b] a wins: 1, or 1/2 of a tie."""
    return np.heaviside(np.subtract.outer(right_a, right_b), 0.5)
