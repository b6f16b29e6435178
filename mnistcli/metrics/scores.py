"""Loss, accuracy and probabilities from logits, in NumPy and in double precision; every image counts equally."""

from collections.abc import Iterable

import numpy as np


def log_softmax(logits: np.ndarray, *, temperature: float = 1.0, rejects: bool = False) -> np.ndarray:
    """Return the log-probabilities [n, classes] float64 of logits [n, classes], which the temperature divides first.

    A network that `rejects` has one more class, "none of these", with logit 0. Its probability is left out, so the
    others add up to less than 1.
    """
    scaled = logits.astype(np.float64) / temperature
    highest = scaled.max(1, keepdims=True)
    if rejects:
        highest = np.maximum(highest, 0)
    total = np.exp(scaled - highest).sum(1, keepdims=True) + (np.exp(-highest) if rejects else 0)
    shifted: np.ndarray = scaled - highest - np.log(total)
    return shifted


def softmax(logits: np.ndarray, *, temperature: float = 1.0, rejects: bool = False) -> np.ndarray:
    """Return probabilities [n, classes] float64 of logits [n, classes]; arguments as in `log_softmax`."""
    probabilities: np.ndarray = np.exp(log_softmax(logits, temperature=temperature, rejects=rejects))
    return probabilities


def ensemble_logits(members: Iterable[tuple[np.ndarray, float]], *, rejects: bool = False) -> np.ndarray:
    """Return logits [n, classes] float64 of an ensemble, which give the mean of its members' probabilities.

    A member is a pair of logits [n, classes] and the temperature that calibrates them; `rejects` as in `log_softmax`.
    """
    every = (np.pad(logits / temperature, ((0, 0), (0, int(rejects)))) for logits, temperature in members)
    logs = [log_softmax(scores) for scores in every]
    total: np.ndarray = np.logaddexp.reduce(logs) - np.log(len(logs))
    return total[:, :-1] - total[:, -1:] if rejects else total


def cross_entropy(logits: np.ndarray, labels: np.ndarray, *, temperature: float = 1.0, rejects: bool = False) -> float:
    """Return the mean cross-entropy in nats of logits [n, classes] and labels [n]; arguments as in `log_softmax`."""
    logs = log_softmax(logits, temperature=temperature, rejects=rejects)
    return float(-logs[np.arange(len(labels)), labels].mean())


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the fraction of labels [n] that are the index of the largest of logits [n, classes]."""
    return float((logits.argmax(1) == labels).mean())
