"""Calibration: whether probabilities mean what they say."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mnistcli.metrics.scores import accuracy, cross_entropy, softmax
from mnistcli.results.evaluate import Calibration, CoveragePoint, ReliabilityBin

BINS = 15
THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)  # confidences in the table of coverage
CANDIDATES = np.concatenate([np.arange(0, 0.99, 0.01), np.arange(0.99, 0.999, 0.001), np.arange(0.999, 1, 0.0001)])
TARGETS = (0.999, 0.995, 0.99, 0.98, 0.95, 0.9)  # accuracies; the suggested threshold reaches the first that it can
ENOUGH = 0.5  # share of the images that the suggested threshold must still answer
CURVE = 200  # points


def fit_temperature(logits: np.ndarray, labels: np.ndarray, *, rejects: bool = False) -> float:
    """Return the temperature, 0.1 to 10, that makes labels [n] most likely when it divides logits [n, classes].

    `rejects` is as in `log_softmax`. If every answer is right, no temperature is most likely, and this returns 1.

    Source: C. Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    if accuracy(np.pad(logits, ((0, 0), (0, int(rejects)))), labels) == 1:
        return 1.0
    from scipy.optimize import minimize_scalar  # takes 0.2 s to import

    def loss(log_temperature: float) -> float:
        return cross_entropy(logits, labels, temperature=float(np.exp(log_temperature)), rejects=rejects)

    return float(np.exp(minimize_scalar(loss, bounds=np.log([0.1, 10]), method="bounded", options={"xatol": 1e-3}).x))


def calibration_of(logits: np.ndarray, labels: np.ndarray, *, temperature: float, rejects: bool = False) -> Calibration:
    """Return how well `softmax` of logits [n, classes] is calibrated for labels [n]; arguments as in `softmax`."""
    probabilities = softmax(logits, temperature=temperature, rejects=rejects)
    coverage = Coverage.of(probabilities, labels)
    bins_uncalibrated = reliability(softmax(logits, rejects=rejects), labels)
    bins = reliability(probabilities, labels)
    return Calibration(
        loss=cross_entropy(logits, labels, temperature=temperature, rejects=rejects),
        brier=brier_score(probabilities, labels),
        error=calibration_error(bins),
        error_uncalibrated=calibration_error(bins_uncalibrated),
        reliability=bins,
        reliability_uncalibrated=bins_uncalibrated,
        coverage=tuple(map(coverage.at, THRESHOLDS)),
        suggested=coverage.suggested(),
        curve=coverage.curve(),
    )


def brier_score(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean over images of the squared distance of probabilities [n, classes] from the truth, 0 to 2.

    Source: G. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78 (1950).
    """
    of_truth = probabilities[np.arange(len(labels)), labels]
    return float(((probabilities**2).sum(1) - 2 * of_truth + 1).mean())


def reliability(probabilities: np.ndarray, labels: np.ndarray, *, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """Return the answers of probabilities [n, classes] in bins of equal width by confidence, for labels [n]."""
    confidences, right = probabilities.max(1), probabilities.argmax(1) == labels
    bin_of = np.minimum((confidences * bins).astype(int), bins - 1)
    counts, correct = (np.bincount(bin_of, weights, bins).astype(int).tolist() for weights in (None, right))
    sums = np.bincount(bin_of, confidences, bins).tolist()
    return tuple(
        ReliabilityBin(i / bins, (i + 1) / bins, n, hits, total / n if n else None)
        for i, (n, hits, total) in enumerate(zip(counts, correct, sums, strict=True))
    )


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Return the expected calibration error of the answers in bins.

    It is the mean distance between a bin's mean confidence and its accuracy, weighted by the number of its answers.
    Source: M. Naeini, G. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI
    2015.
    """
    gaps = sum(abs(each.n * (each.confidence or 0) - each.correct) for each in bins)
    return gaps / sum(each.n for each in bins)


class Coverage(NamedTuple):
    """Confidences [n], highest first, and how many of the first 0 to n answers are right, [n + 1]."""

    confidences: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, probabilities: np.ndarray, labels: np.ndarray) -> "Coverage":
        """Sort the answers of probabilities [n, classes] for labels [n] by confidence."""
        confidences = probabilities.max(1)
        order = np.argsort(-confidences, kind="stable")
        right = np.cumsum((probabilities.argmax(1) == labels)[order])
        return cls(confidences[order], np.concatenate([[0], right]))

    def at(self, min_confidence: float) -> CoveragePoint:
        """Return coverage and accuracy if only answers with at least this confidence are given."""
        answered = int(np.searchsorted(-self.confidences, -min_confidence, side="right"))
        accuracy = float(self.right[answered] / answered) if answered else None
        return CoveragePoint(float(min_confidence), answered / len(self.confidences), accuracy)

    def suggested(self) -> CoveragePoint | None:
        """Return the lowest of CANDIDATES that answers ENOUGH images and reaches the highest possible of TARGETS."""
        points = [point for point in map(self.at, CANDIDATES.round(4)) if point.coverage >= ENOUGH]
        reached = (point for target in TARGETS for point in points if (point.accuracy or 0) >= target)
        return next(reached, None)

    def curve(self) -> tuple[CoveragePoint, ...]:
        """Return points at evenly spaced coverages, highest first."""
        last = np.unique(np.linspace(len(self.confidences) - 1, 0, CURVE).round().astype(int))[::-1]
        return tuple(map(self.at, self.confidences[last]))
