"""Right answers of runs with given accuracies."""

from collections.abc import Sequence

import numpy as np

CNN, STUDY = (9881, 9885, 9875, 9880, 9890), (9875, 9871, 9888, 9873, 9870)  # right of 10,000, seeds 0 to 4


def right_answers(counts: Sequence[int], *, n: int = 10_000, hard: int = 300, seed: int = 0) -> np.ndarray:
    """Return right answers [seeds, n] bool, so many of each run; the wrong ones are all among the first images."""
    random = np.random.default_rng(seed)
    right = np.ones((len(counts), n), bool)
    for run, count in zip(right, counts, strict=True):
        run[random.choice(hard, n - count, replace=False)] = False
    return right
