"""Resample seeds and images together, to see how much the difference between two recipes can vary."""

import numpy as np

from mnistcli.metrics.pairs import LEVEL, Interval

RESAMPLES = 10_000
BLOCK = 500  # resamples in memory at a time


def pigeonhole_bootstrap(right_a: np.ndarray, right_b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the difference of mean accuracies, and the share of pairs of runs that a wins, for each of RESAMPLES [n].

    Each resample draws the seeds of both recipes and the images, with replacement, from right answers [seeds, n] bool.
    Images that the same runs read correctly are interchangeable, so only the number of each kind is drawn. Source: A.
    B. Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007), who shows that the variance is rather a
    little too large than too small.
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
    """Return, for pairs of runs [seeds of a, seeds of b], 1 where a has more right answers, 1/2 for a tie, else 0."""
    return np.heaviside(np.subtract.outer(right_a, right_b), 0.5)
