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


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature, 0.1 to 10, by which to divide logits [n, classes] so that labels [n] are likeliest.

    Source: C. Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    from scipy.optimize import minimize_scalar  # 0.2 s to import, and needed nowhere else

    def loss(log_temperature: float) -> float:
        return cross_entropy(logits * np.exp(-log_temperature), labels)

    return float(np.exp(minimize_scalar(loss, bounds=np.log([0.1, 10]), method="bounded", options={"xatol": 1e-3}).x))


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, *, bins: int = 15) -> float:
    """Return the expected calibration error of probabilities [n, classes] against labels [n].

    Answers are put into bins of equal width by their confidence; the error is the mean distance between a bin's mean
    confidence and its accuracy, each weighted by its answers. Source: M. Naeini, G. Cooper, M. Hauskrecht, "Obtaining
    well calibrated probabilities using Bayesian binning", AAAI 2015.
    """
    confidences, right = probabilities.max(1), probabilities.argmax(1) == labels
    bin_of = np.minimum((confidences * bins).astype(int), bins - 1)
    gaps = np.bincount(bin_of, weights=confidences - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))
