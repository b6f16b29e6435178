"""Loss, accuracy and probabilities from logits, in NumPy and double precision: every image counts once."""

from collections.abc import Iterable

import numpy as np


def softmax(logits: np.ndarray, *, temperature: float = 1.0) -> np.ndarray:
    """Return probabilities [n, classes] float64 of logits [n, classes] divided by the temperature."""
    scores = np.exp((logits.astype(np.float64) - logits.max(1, keepdims=True)) / temperature)
    probabilities: np.ndarray = scores / scores.sum(1, keepdims=True)
    return probabilities


def ensemble_logits(members: Iterable[tuple[np.ndarray, float]]) -> np.ndarray:
    """Return the logarithms [n, classes] float64 of the mean of the members' calibrated probabilities.

    A member is its logits [n, classes] and its temperature.
    """
    logs = []
    for logits, temperature in members:
        scaled = (logits.astype(np.float64) - logits.max(1, keepdims=True)) / temperature
        logs.append(scaled - np.log(np.exp(scaled).sum(1, keepdims=True)))
    total: np.ndarray = np.logaddexp.reduce(logs)
    return total - np.log(len(logs))


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean cross-entropy in nats of logits [n, classes] against labels [n]."""
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    log_likelihood = shifted[np.arange(len(labels)), labels] - np.log(np.exp(shifted).sum(1))
    return float(-log_likelihood.mean())


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of labels [n] that the largest of logits [n, classes] names."""
    return float((logits.argmax(1) == labels).mean())
