"""The best reading of a line of digits: which of what may be a digit is one, by what a network says of each."""

from collections.abc import Sequence

import numpy as np

from mnistcli.images import Candidate

# Width over height of the ink of MNIST's 50,000 training digits: the logarithm's median and spread by class.
ASPECTS = (-0.11, -0.92, -0.05, -0.22, -0.22, -0.05, -0.36, -0.22, -0.29, -0.36)
SPREADS = (0.20, 0.46, 0.22, 0.21, 0.21, 0.26, 0.22, 0.21, 0.22, 0.21)
A_DIGIT = -2.0  # nats for each digit more
LOWEST = 0.55  # of the line's height: a digit is taller
LEAST = 1e-6  # probability: the logarithm of 0 is infinite


def best_reading(candidates: Sequence[Candidate], probabilities: np.ndarray) -> list[int]:
    """Return which candidates [n], by index, make the line, left to right; every atom is in one of them.

    The reading of the largest probability: the product, over its digits, of a candidate's largest probability
    [n, classes], how likely its aspect is for that class, and how likely its height is.
    """
    count = max(candidate.end for candidate in candidates)
    best: list[tuple[float, list[int]]] = [(0.0, []), *[(-np.inf, [])] * count]
    for i, candidate in enumerate(candidates):  # ordered by their first atom
        score, reading = best[candidate.first]
        score += _score(candidate, probabilities[i])
        if score > best[candidate.end][0]:
            best[candidate.end] = (score, [*reading, i])
    return best[count][1]


def _score(candidate: Candidate, probabilities: np.ndarray) -> float:
    label = int(probabilities.argmax())
    off = (np.log(candidate.aspect) - ASPECTS[label]) / SPREADS[label]
    low = max(LOWEST - candidate.height, 0) / 0.05
    return float(np.log(max(probabilities[label], LEAST)) - off**2 / 2 - np.log(SPREADS[label]) - low**2 / 2 + A_DIGIT)
