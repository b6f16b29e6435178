"""Coordinates for a page's SVG drawings, 400 units wide."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnistcli.metrics.welch import mean_interval
from mnistcli.results.compare import PairedTest, RecipeTest
from mnistcli.results.evaluate import Calibration
from mnistcli.results.report import Subject
from mnistcli.results.train import by_epoch

LEFT, RIGHT = 44, 388  # ends of a horizontal axis
TOP, BOTTOM = 8, 150  # ends of a vertical axis
BARS = 212, 260  # top and bottom of bars, below an axis that ends at 200


@dataclass(frozen=True)
class Scale:
    """An axis of a drawing: values from `low` to `high` at coordinates from `start` to `end`."""

    low: float
    high: float
    start: float = LEFT
    end: float = RIGHT

    def __call__(self, value: float) -> float:
        """Return a value's coordinate."""
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[float]:
        """Two to seven round values, in order."""
        rough = (self.high - self.low) / 6
        power = 10.0 ** np.floor(np.log10(rough))
        step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= rough)
        numbers = range(int(np.ceil(self.low / step - 1e-9)), int(np.floor(self.high / step + 1e-9)) + 1)
        return [round(float(number * step), 10) for number in numbers]


def accuracy_interval(subject: Subject) -> tuple[float, float]:
    """Return the interval of a group's mean, over seeds, or of a run's accuracy, over images."""
    values = subject.accuracies.values
    return mean_interval(values) if len(values) > 1 else subject.evaluation.accuracy_ci95


def difference_interval(pair: PairedTest | RecipeTest) -> tuple[float, float]:
    """Return the interval of a difference between runs, over images, or between groups, over seeds and images."""
    return pair.difference_ci95 if isinstance(pair, PairedTest) else pair.bootstrap_ci95


def accuracies(subjects: Sequence[Subject]) -> tuple[Scale, list[tuple[Subject, tuple[float, float]]]]:
    """Return the axis of all accuracies, in percent, and each subject with its interval."""
    rows = [(subject, accuracy_interval(subject)) for subject in subjects]
    ends = [end for subject, bounds in rows for end in (*bounds, *subject.accuracies.values)]
    margin = 0.05 * (max(ends) - min(ends)) or 0.001
    return Scale((min(ends) - margin) * 100, (max(ends) + margin) * 100), rows


def difference(pair: PairedTest | RecipeTest) -> Scale:
    """Return the axis, in points, of a difference with its interval and zero."""
    low, high = difference_interval(pair)
    least, most = min(low, 0) * 100, max(high, 0) * 100
    margin = 0.1 * (most - least) or 0.1
    return Scale(least - margin, most + margin)


@dataclass(frozen=True)
class Curves:
    """Validation accuracy by epoch: axes, and each subject's mean and its band from worst to best."""

    x: Scale
    y: Scale
    lines: tuple[tuple[int, str, str], ...]


def curves(subjects: Sequence[Subject]) -> Curves | None:
    """Return the curves in percent; None if no run has metrics."""
    every = (np.array(by_epoch(subject.histories, "validation_accuracy")) * 100 for subject in subjects)
    values = {i: found for i, found in enumerate(every) if found.size}
    if not values:
        return None
    low, high = min(v.min() for v in values.values()), max(v.max() for v in values.values())
    margin = 0.05 * (high - low) or 0.1
    x = Scale(1, max(2, *(v.shape[1] for v in values.values()), 0))
    y = Scale(float(low - margin), float(high + margin), BOTTOM, TOP)

    def path(heights: np.ndarray) -> list[str]:
        return [f"{x(epoch)},{y(height)}" for epoch, height in enumerate(heights.tolist(), 1)]

    lines = [(i, " ".join(path(v.mean(0))), " ".join(path(v.max(0)) + path(v.min(0))[::-1])) for i, v in values.items()]
    return Curves(x, y, tuple(lines))


@dataclass(frozen=True)
class Confidence:
    """Accuracy by confidence, and accuracy by coverage, all in percent.

    Attributes:
        x: The axis of confidence, or of coverage.
        reliability: The vertical axis of accuracy by confidence.
        bars: Left, top, width and height of each bin's bar, which shows the logarithm of its answers.
        coverage: The vertical axis of accuracy by coverage, and `line` the curve through its points.
    """

    x: Scale
    reliability: Scale
    bars: tuple[tuple[float, float, float, float], ...]
    coverage: Scale
    line: str


def confidence(found: Calibration) -> Confidence:
    """Return the coordinates of the calibration figures."""
    x, (top, bottom) = Scale(0, 100), BARS
    height = Scale(0, float(np.log1p(max(each.n for each in found.reliability))), bottom, top)
    bars = [(x(each.low * 100), x(each.high * 100), height(float(np.log1p(each.n)))) for each in found.reliability]
    points = [(each.coverage * 100, each.accuracy * 100) for each in found.curve if each.accuracy is not None]
    low, high = (choose(accuracy for _, accuracy in points) for choose in (min, max))
    margin = 0.05 * (high - low) or 0.1
    coverage = Scale(low - margin, min(high + margin, 100), bottom, TOP)
    return Confidence(
        x=x,
        reliability=Scale(0, 100, top - 12, TOP),
        bars=tuple((left, y, round(right - left, 1), round(bottom - y, 1)) for left, right, y in bars),
        coverage=coverage,
        line=" ".join(f"{x(share)},{coverage(accuracy)}" for share, accuracy in points),
    )
