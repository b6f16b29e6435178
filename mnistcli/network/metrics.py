"""Loss, accuracy and probabilities from logits, in NumPy and double precision: every image counts once."""

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities [n, classes] float64 of logits [n, classes]."""
    scores = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    probabilities: np.ndarray = scores / scores.sum(1, keepdims=True)
    return probabilities


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean cross-entropy in nats of logits [n, classes] against labels [n]."""
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    log_likelihood = shifted[np.arange(len(labels)), labels] - np.log(np.exp(shifted).sum(1))
    return float(-log_likelihood.mean())


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of labels [n] that the largest of logits [n, classes] names."""
    return float((logits.argmax(1) == labels).mean())
