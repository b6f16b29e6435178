"""The figures of `evaluate` other than the confusion matrix: calibration with coverage, and corrupted images."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnistcli.render.figures import MOST_COUNTS
from mnistcli.render.style import SMALL, colours, draw_cells, new_figure, run_colour, short, write_title
from mnistcli.render.tables import percent, points
from mnistcli.render.view import shortened
from mnistcli.results.evaluate import Calibration, Evaluation, Robustness

SIDE = 0.5  # width of a cell in inches


def calibration(evaluation: Evaluation, *, theme: str = "light") -> Figure:
    """Draw accuracy by confidence with the answers in each bin, and accuracy among the most confident answers."""
    with new_figure(11, 4.8, theme) as figure:
        error, accuracy = evaluation.calibration.error, percent(evaluation.accuracy)
        name = shortened(evaluation.run, 40)
        title = f"{name}'s confidence differs from its accuracy by {points(error)} points on average"
        note = f"Accuracy: {accuracy} of {evaluation.n:,} {evaluation.split} images."
        write_title(figure, title, f"Expected calibration error: {percent(error)}. {note}")
        halves: Any = figure.subfigures(1, 2)
        left, right = halves
        reliability, counts = left.subplots(2, 1, height_ratios=(3, 1), sharex=True)
        _draw_reliability(reliability, evaluation.calibration)
        _draw_counts(counts, evaluation.calibration)
        _draw_coverage(right.subplots(), evaluation)
    return figure


def robustness(found: Robustness, *, theme: str = "light") -> Figure:
    """Draw the accuracy of each class under each corruption, beside an example of each corruption."""
    rows, names = found.conditions, list(map(short, found.clean.class_names))
    recalls = [[score.recall for score in each.evaluation.per_class] for each in rows]
    values = np.array(recalls, float) * 100  # None becomes NaN
    written = len(names) <= MOST_COUNTS
    texts = [["" if np.isnan(each) or not written else f"{each:.0f}" for each in row] for row in values.tolist()]
    worst = min(found.corrupted, key=lambda each: each.evaluation.accuracy)
    with new_figure(min(SIDE * (len(names) + 1) + 4.5, 24), SIDE * len(rows) + 1, theme) as figure:
        clean, corrupted = percent(found.clean.accuracy), percent(found.mean_accuracy)
        said = f"reads {clean} of the images right, {corrupted} when corrupted"
        note = (
            f"{found.clean.n:,} {found.clean.split} images. Worst: {worst.name}, {percent(worst.evaluation.accuracy)}."
        )
        write_title(figure, f"{shortened(found.clean.run, 40)} {said}", note)
        axes = figure.subplots()
        labels = [f"{each.name}  {percent(each.evaluation.accuracy, 1)}" for each in rows]
        image = draw_cells(axes, values, texts, (labels, names), cell=72 * SIDE, vmin=0, vmax=100)
        for i, each in enumerate(rows):
            axes.imshow(each.example, cmap="gray", vmin=0, vmax=255, extent=(-1.55, -0.65, i + 0.45, i - 0.45))
        axes.set(xlim=(-1.6, len(names) - 0.5), ylim=(len(rows) - 0.5, -0.5), xlabel="true class")
        figure.colorbar(image, ax=axes, shrink=0.6, label="accuracy (%)")
    return figure


def _draw_reliability(axes: Axes, found: Calibration) -> None:
    filled: Any = [each for each in found.reliability if each.n]
    confidences, accuracies = (np.array([getattr(e, key) for e in filled]) for key in ("confidence", "accuracy"))
    bounds = np.array([each.accuracy_ci95 for each in filled]).T
    axes.plot([0, 100], [0, 100], "--", color=colours().muted, linewidth=1)
    axes.errorbar(
        confidences * 100, accuracies * 100, np.abs(bounds - accuracies) * 100, fmt="o", markersize=4, capsize=3,
        color=run_colour(0),
    )  # fmt: skip
    axes.set(
        ylabel="accuracy (%), 95 % interval", ylim=(-3, 103), title="Accuracy by confidence (dashed: both are equal)"
    )
    axes.grid()


def _draw_counts(axes: Axes, found: Calibration) -> None:
    lows, highs, counts = (np.array([getattr(e, key) for e in found.reliability]) for key in ("low", "high", "n"))
    edge = colours().paper
    bars = axes.bar(lows * 100, counts, (highs - lows) * 100, align="edge", color=run_colour(0), edgecolor=edge)
    axes.bar_label(bars, [str(n) if n else "" for n in counts], size=SMALL)
    axes.set_yscale("symlog", linthresh=1)
    axes.set(xlabel="confidence (%)", ylabel="answers (log)", xlim=(0, 100.5), ylim=(0, 9 * counts.max()), yticks=())


def _draw_coverage(axes: Axes, evaluation: Evaluation) -> None:
    found = evaluation.calibration
    coverages, accuracies = ([getattr(p, key) * 100 for p in found.curve] for key in ("coverage", "accuracy"))
    axes.plot(coverages, accuracies, color=run_colour(0))
    if (point := found.suggested) is not None and point.accuracy is not None:
        axes.plot(point.coverage * 100, point.accuracy * 100, "o", color=run_colour(1))
        axes.annotate(
            f"confidence ≥ {point.min_confidence:g}:\n{percent(point.accuracy)} right on {percent(point.coverage, 1)}",
            (point.coverage * 100, point.accuracy * 100), (-8, -8), textcoords="offset points", ha="right", va="top",
            color=run_colour(1),
        )  # fmt: skip
    axes.set(xlabel="images answered, the most confident first (%)", ylabel="accuracy among them (%)")
    axes.set(title="Accuracy by coverage", xlim=(0, 101))
    axes.grid()
