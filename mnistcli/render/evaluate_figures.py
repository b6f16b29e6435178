"""The figures of `evaluate` beside the confusion matrix: calibration with coverage, and corrupted images."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnistcli.render.figures import COLOURS, LONGEST, MATRIX_COLOURS, MOST_COUNTS
from mnistcli.render.tables import percent
from mnistcli.render.view import shortened
from mnistcli.results.evaluate import Calibration, Evaluation, Robustness

SIDE = 0.5  # inches of a cell


def calibration(evaluation: Evaluation) -> Figure:
    """Draw accuracy by confidence with the answers in each bin, and accuracy among the most confident answers."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    halves: Any = figure.subfigures(1, 2)
    left, right = halves
    reliability, counts = left.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    _draw_reliability(reliability, evaluation.calibration)
    _draw_counts(counts, evaluation.calibration)
    _draw_coverage(right.subplots(), evaluation)
    figure.suptitle(
        f"{evaluation.run}: {percent(evaluation.accuracy)} of {evaluation.n:,} {evaluation.split} images, "
        f"calibration error {percent(evaluation.calibration.error)}"
    )
    return figure


def robustness(found: Robustness) -> Figure:
    """Draw the accuracy of each class under each corruption, beside an image so corrupted."""
    rows, names = found.conditions, [shortened(name, LONGEST) for name in found.clean.class_names]
    recalls = [[score.recall for score in each.evaluation.per_class] for each in rows]
    values = np.array(recalls, float) * 100  # None becomes NaN
    figure = Figure(figsize=(min(SIDE * (len(names) + 1) + 4.5, 24), SIDE * len(rows) + 1.6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(values, cmap=MATRIX_COLOURS, vmin=0, vmax=100)
    for i, each in enumerate(rows):
        axes.imshow(each.example, cmap="gray", vmin=0, vmax=255, extent=(-1.55, -0.65, i + 0.45, i - 0.45))
    if len(names) <= MOST_COUNTS:
        for (i, j), value in np.ndenumerate(values):
            text = "" if np.isnan(value) else f"{value:.0f}"
            axes.text(j, i, text, ha="center", va="center", size=8, color="white" if value > 60 else "black")
    axes.set(xlim=(-1.6, len(names) - 0.5), ylim=(len(rows) - 0.5, -0.5), xlabel="true class")
    axes.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 2 else 0)
    axes.set_yticks(range(len(rows)), [f"{e.name}  {percent(e.evaluation.accuracy, 1)}" for e in rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, shrink=0.6, label="accuracy (%)")
    figure.suptitle(
        f"{found.clean.run}: {percent(found.clean.accuracy)} of {found.clean.n:,} {found.clean.split} images, "
        f"{percent(found.mean_accuracy)} once corrupted"
    )
    return figure


def _draw_reliability(axes: Axes, found: Calibration) -> None:
    filled: Any = [each for each in found.reliability if each.n]
    confidences, accuracies = (np.array([getattr(e, key) for e in filled]) for key in ("confidence", "accuracy"))
    bounds = np.array([each.accuracy_ci95 for each in filled]).T
    axes.plot([0, 100], [0, 100], "--", color="#868e96", linewidth=1, label="means what it says")
    axes.errorbar(
        confidences * 100, accuracies * 100, np.abs(bounds - accuracies) * 100, fmt="o", markersize=4, capsize=3,
        color=COLOURS[0], label="answers, 95 % interval",
    )  # fmt: skip
    axes.set(ylabel="accuracy (%)", ylim=(-3, 103), title="Reliability")
    axes.grid(alpha=0.25)
    axes.legend(edgecolor="none", fontsize=9)


def _draw_counts(axes: Axes, found: Calibration) -> None:
    lows, highs, counts = (np.array([getattr(e, key) for e in found.reliability]) for key in ("low", "high", "n"))
    bars = axes.bar(lows * 100, counts, (highs - lows) * 100, align="edge", color=COLOURS[0], edgecolor="white")
    axes.bar_label(bars, [f"{n:,}" if n else "" for n in counts], size=7)
    axes.set_yscale("symlog", linthresh=1)
    axes.set(xlabel="confidence (%)", ylabel="answers (log)", xlim=(0, 100.5), ylim=(0, 6 * counts.max()), yticks=())
    axes.spines[["top", "right"]].set_visible(False)


def _draw_coverage(axes: Axes, evaluation: Evaluation) -> None:
    found = evaluation.calibration
    coverages, accuracies = ([getattr(p, key) * 100 for p in found.curve] for key in ("coverage", "accuracy"))
    axes.plot(coverages, accuracies, color=COLOURS[0], linewidth=1.6)
    if (point := found.suggested) is not None and point.accuracy is not None:
        axes.plot(point.coverage * 100, point.accuracy * 100, "o", color=COLOURS[1])
        axes.annotate(
            f"confidence ≥ {point.min_confidence:g}:\n{percent(point.accuracy)} right on {percent(point.coverage, 1)}",
            (point.coverage * 100, point.accuracy * 100), (-8, -8), textcoords="offset points", ha="right", va="top",
        )  # fmt: skip
    axes.set(xlabel="images answered, the most confident first (%)", ylabel="accuracy among them (%)")
    axes.set(title="Accuracy against coverage", xlim=(0, 101))
    axes.grid(alpha=0.25)
