"""The study's figures, by Matplotlib's Figure alone: no pyplot, no display."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.ticker import MaxNLocator

from mnistcli.errors import UsageError
from mnistcli.files import write_atomically
from mnistcli.render.tables import shape
from mnistcli.results import Comparison, EpochMetrics, Evaluation, Explanation, ModelSummary, Sample

COLOURS = ("#2a6fdb", "#d9480f", "#2b8a3e", "#862e9c", "#c2255c", "#0b7285")
MATRIX_COLOURS = "Blues"
DPI = 120
KIND_COLOURS = {"input": "#e9ecef", "conv": "#d0ebff", "max-pool": "#c5f6fa", "flatten": "#f1f3f5", "dense": "#ffe8cc"}


def save(figure: Figure, path: Path) -> None:
    """Write the figure in the format that the path's suffix names, whole or not at all.

    Raises:
        UsageError: The file cannot be written.
    """
    content = io.BytesIO()
    suffix = path.suffix[1:].lower()
    with rc_context({"svg.hashsalt": "mnistcli"}):  # without it and with a date the same figure makes another SVG
        figure.savefig(content, format=suffix, dpi=DPI, metadata={"Date": None} if suffix == "svg" else None)
    try:
        write_atomically(path, content.getvalue())
    except OSError as error:
        raise UsageError(f"The figure cannot be written to {str(path)!r}: {error.strerror}.") from error


def curves(histories: Mapping[str, Sequence[EpochMetrics]]) -> Figure:
    """Draw loss and accuracy by epoch, training (dashed) beside validation (solid), a colour a run."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    _draw_curves(figure, histories)
    return figure


def confusion(evaluation: Evaluation) -> Figure:
    """Draw the confusion matrix twice: counts, and percentages of each true class."""
    figure = Figure(figsize=(13, 5.8), layout="constrained")
    counts, shares = figure.subplots(1, 2)
    _draw_matrix(counts, evaluation, title="images", figure=figure)
    _draw_matrix(shares, evaluation, title="percent of the true class", figure=figure, percent=True)
    figure.suptitle(_heading(evaluation))
    return figure


def comparison(compared: Comparison) -> Figure:
    """Draw the runs' curves, their confusion matrices side by side, and their errors by class."""
    evaluations = [run.evaluation for run in compared.runs]
    histories = {run.evaluation.run: run.history for run in compared.runs if run.history}
    figure = Figure(figsize=(max(11, 5.2 * len(evaluations)), 13.5), layout="constrained")
    rows: Any = figure.subfigures(3, 1, height_ratios=(1, 1.35, 0.85))
    top, middle, bottom = rows
    _draw_curves(top, histories)
    for axes, evaluation in zip(middle.subplots(1, len(evaluations), squeeze=False)[0], evaluations, strict=True):
        _draw_matrix(axes, evaluation, title=_heading(evaluation), figure=middle)
    _draw_errors(bottom.subplots(), evaluations)
    return figure


def grid(samples: Sequence[Sample], *, columns: int) -> Figure:
    """Draw labelled images in rows."""
    rows = -(-len(samples) // columns)
    figure = Figure(figsize=(1.6 * columns, 1.8 * rows), layout="constrained")
    for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).ravel()):
        axes.set_axis_off()
        if i < len(samples):
            _draw_picture(axes, samples[i].picture)
            axes.set_title(samples[i].label)
    return figure


def diagram(summary: ModelSummary) -> Figure:
    """Draw the layers from input to output, with shapes and parameters."""
    n = len(summary.layers)
    figure = Figure(figsize=(5.2, 0.95 * n + 0.7), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(-2.6, 2.6), ylim=(-n + 0.45, 0.95))
    axes.set_axis_off()
    axes.text(0, 0.68, f"{summary.arch}  ·  {summary.parameters:,} parameters", ha="center", weight="bold", size=12)
    for i, layer in enumerate(summary.layers):
        box = FancyBboxPatch(
            (-2.4, -i - 0.3), 4.8, 0.6, "round,pad=0,rounding_size=0.12",
            facecolor=KIND_COLOURS.get(layer.kind, "white"), edgecolor="#495057", linewidth=1,
        )  # fmt: skip
        axes.add_patch(box)
        detail = f"  {layer.detail}" if layer.detail else ""
        axes.text(-2.25, -i + 0.08, layer.name, va="center", weight="bold", size=10)
        axes.text(-2.25, -i - 0.15, f"{layer.kind}{detail}", va="center", size=8, color="#495057")
        axes.text(2.25, -i + 0.08, shape(layer.output_shape), va="center", ha="right", size=10)
        if layer.parameters:
            axes.text(
                2.25, -i - 0.15, f"{layer.parameters:,} parameters", va="center", ha="right", size=8, color="#495057"
            )
        if i:
            axes.add_patch(
                FancyArrowPatch((0, -i + 0.7), (0, -i + 0.3), arrowstyle="-|>", mutation_scale=11, color="#495057")
            )
    return figure


def explanation(explained: Explanation) -> Figure:
    """Draw what was kept of a picture at each step; under it each class's probability and the pixels that mattered."""
    prediction, steps = explained.prediction, explained.steps
    figure = Figure(figsize=(max(8.5, 2.3 * len(steps)), 6.4), layout="constrained")
    rows: Any = figure.subfigures(2, 1, height_ratios=(1, 1.4))
    top, bottom = rows
    for axes, (name, picture) in zip(top.subplots(1, len(steps), squeeze=False)[0], steps, strict=True):
        _draw_picture(axes, picture if picture.dtype == np.uint8 else picture * 255)
        axes.set(xticks=(), yticks=())  # the frame stays: white paper ends somewhere
        axes.set_title(name, size=9)
    seen, shares, pixels = bottom.subplots(1, 3)
    _draw_picture(seen, steps[-1][1])
    seen.set(title="what the network saw", xticks=(), yticks=())
    label, confidence = prediction.top[0]
    colours = [COLOURS[1] if name == label else COLOURS[0] for name in prediction.class_names]
    bars = shares.barh(prediction.class_names, [100 * share for share in prediction.probabilities], color=colours)
    shares.bar_label(bars, fmt="%.1f", size=8, padding=2)
    shares.set(title=f"{label} with {confidence:.1%}", xlabel="probability (%)", xlim=(0, 112))
    shares.invert_yaxis()
    shares.spines[["top", "right"]].set_visible(False)
    most = max(float(np.abs(explained.saliency).max()), 1e-12)
    image = pixels.imshow(explained.saliency, cmap="RdBu_r", vmin=-most, vmax=most)
    pixels.set(title=f"for (red) and against (blue) {label}", xticks=(), yticks=())
    bottom.colorbar(image, ax=pixels, shrink=0.8, label="share in the logit")
    figure.supxlabel(f"The last picture: {explained.method}", size=8)
    return figure


def _draw_curves(figure: FigureBase, histories: Mapping[str, Sequence[EpochMetrics]]) -> None:
    loss, accuracy = figure.subplots(1, 2)
    for colour, (run, history) in zip(_cycle(len(histories)), histories.items(), strict=True):
        epochs = [metrics.epoch for metrics in history]
        for axes, train, validation in (
            (loss, [m.train_loss for m in history], [m.validation_loss for m in history]),
            (accuracy, [m.train_accuracy * 100 for m in history], [m.validation_accuracy * 100 for m in history]),
        ):
            style: dict[str, Any] = {"color": colour, "marker": "o", "markersize": 3.5, "linewidth": 1.6}
            axes.plot(epochs, train, "--", label=f"{run}, training", alpha=0.65, **style)
            axes.plot(epochs, validation, "-", label=f"{run}, validation", **style)
    for axes, label in ((loss, "loss (nats)"), (accuracy, "accuracy (%)")):
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        if histories:
            axes.legend(frameon=False, fontsize=9)


def _draw_matrix(axes: Axes, evaluation: Evaluation, *, title: str, figure: FigureBase, percent: bool = False) -> None:
    """Colour follows the logarithm of the count, or errors would all look like zero beside the diagonal."""
    counts = np.array(evaluation.confusion)
    support = np.maximum(counts.sum(1, keepdims=True), 1)
    values = counts / support * 100 if percent else counts.astype(float)
    shades = np.log1p(values)
    image = axes.imshow(shades, cmap=MATRIX_COLOURS, vmin=0, vmax=np.log1p(100) if percent else None)
    ticks = range(len(evaluation.class_names))
    axes.set(xlabel="predicted", ylabel="true", xticks=ticks, yticks=ticks, title=title)
    axes.set_xticklabels(evaluation.class_names)
    axes.set_yticklabels(evaluation.class_names)
    for (i, j), value in np.ndenumerate(values):
        if value:
            text = f"{value:.1f}" if percent else f"{value:.0f}"
            dark = shades[i, j] > shades.max() * 0.6
            axes.text(j, i, text, ha="center", va="center", size=7.5, color="white" if dark else "black")
    bar = figure.colorbar(image, ax=axes, shrink=0.85)
    marks = np.array([0, 1, 10, 100, 1000])
    marks = marks[marks <= (100 if percent else values.max())]
    bar.set_ticks(np.log1p(marks).tolist(), labels=[f"{mark}{' %' if percent else ''}" for mark in marks])


def _draw_errors(axes: Axes, evaluations: Sequence[Evaluation]) -> None:
    names, width = evaluations[0].class_names, 0.8 / len(evaluations)
    places = np.arange(len(names))
    for i, (colour, evaluation) in enumerate(zip(_cycle(len(evaluations)), evaluations, strict=True)):
        errors = [sum(row) - row[k] for k, row in enumerate(evaluation.confusion)]
        bars = axes.bar(places + (i + 0.5) * width - 0.4, errors, width, color=colour, label=evaluation.run)
        axes.bar_label(bars, size=8)
    axes.set(xlabel="true class", ylabel="images read wrong", xticks=places)
    axes.set_xticklabels(names)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


def _draw_picture(axes: Axes, picture: np.ndarray) -> None:
    axes.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255)


def _heading(evaluation: Evaluation) -> str:
    return f"{evaluation.run}: {evaluation.accuracy:.2%} of {evaluation.n:,} {evaluation.split} images"


def _cycle(n: int) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(n)]
