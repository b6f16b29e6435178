"""The study's figures, by Matplotlib's Figure alone: no pyplot, no display."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure as PlainFigure
from matplotlib.figure import FigureBase
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from mnistcli.errors import UsageError
from mnistcli.files import write_atomically
from mnistcli.render.tables import percent, shape
from mnistcli.render.view import shortened
from mnistcli.results.data import Flip, Sample
from mnistcli.results.evaluate import Evaluation
from mnistcli.results.predict import NONE, Explanation, Prediction
from mnistcli.results.summary import ModelSummary
from mnistcli.results.train import EpochMetrics, by_epoch

MARKERS = "osD^vP"  # with which colours are told apart in grey
LINES = ("-", "--", "-.", ":")
COLOURS = ("#2a6fdb", "#d9480f", "#2b8a3e", "#862e9c", "#c2255c", "#0b7285")
MATRIX_COLOURS = "Blues"
DPI = 120
MOST_COUNTS = 30  # classes: a matrix of more shows colours alone, its counts would be too small to read
MOST_BARS = 20  # classes: of more, an explanation shows the most probable
LONGEST = 20  # characters, as wide as half a Chinese one, that a class's name has room for
KIND_COLOURS = {
    "input": "#e9ecef", "conv": "#d0ebff", "dct": "#d0ebff", "max-pool": "#c5f6fa", "mean-pool": "#c5f6fa",
    "mean": "#c5f6fa", "flatten": "#f1f3f5", "dense": "#ffe8cc", "norm": "#e5dbff", "dropout": "#ffe3e3",
    "add": "#d3f9d8",
}  # fmt: skip


class Figure(PlainFigure):
    """A figure that a notebook shows, with pyplot or without."""

    def _repr_png_(self) -> bytes:
        return encoded(self, "png")


def save(figure: PlainFigure, path: Path) -> None:
    """Write the figure in the format that the path's suffix names, whole or not at all.

    Raises:
        UsageError: The file cannot be written.
    """
    content = encoded(figure, path.suffix[1:].lower())
    try:
        write_atomically(path, content)
    except OSError as error:
        raise UsageError(f"The figure cannot be written to {str(path)!r}: {error.strerror}.") from error


def encoded(figure: PlainFigure, suffix: str) -> bytes:
    """Return the content of a file of the figure in the format that the suffix names."""
    content = io.BytesIO()
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a "$" in the name of a class is a dollar sign
    # Without the salt and with a date the same figure makes another SVG; text stays text, to search and to edit.
    settings: Any = {"svg.hashsalt": "mnistcli", "svg.fonttype": "none", "pdf.fonttype": 42}
    with rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # it draws a box instead
        figure.draw_without_rendering()  # only a second layout makes room for every label
        figure.savefig(content, format=suffix, dpi=DPI, metadata={"Date": None} if suffix == "svg" else None)
    return content.getvalue()


def curves(name: str, histories: Sequence[Sequence[EpochMetrics]]) -> Figure:
    """Draw loss and accuracy by epoch of a run, or the mean of a group's runs: training (dashed), validation (solid).

    A band reaches from the lowest run to the highest.
    """
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    _draw_curves(figure, [(name, histories)])
    return figure


def confusion(evaluation: Evaluation) -> Figure:
    """Draw the confusion matrix twice: counts, and percentages of each true class."""
    side = _matrix_side(len(evaluation.class_names))
    figure = Figure(figsize=(2.24 * side, side), layout="constrained")
    counts, shares = figure.subplots(1, 2)
    _draw_matrix(counts, evaluation, title="images", figure=figure)
    _draw_matrix(shares, evaluation, title="percent of the true class", figure=figure, as_percent=True)
    figure.suptitle(f"{evaluation.run}: {_score(evaluation)}")
    return figure


def grid(samples: Sequence[Sample], *, columns: int) -> Figure:
    """Draw labelled images in rows."""
    rows = -(-len(samples) // columns)
    figure = Figure(figsize=(1.6 * columns, 1.8 * rows), layout="constrained")
    for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).ravel()):
        axes.set_axis_off()
        if i < len(samples):
            _draw_picture(axes, samples[i].picture)
            axes.set_title("\n".join(map(short, _caption(samples[i]))), size=9)
    return figure


def diagram(summary: ModelSummary) -> Figure:
    """Draw the layers from input to output, with shapes and parameters, and at the right what residuals add."""
    n = len(summary.layers)
    deepest = max(layer.depth + bool(layer.adds) for layer in summary.layers)
    edge = 2.6 + 0.35 * deepest
    figure = Figure(figsize=(5.2 * (edge + 2.6) / 5.2, 0.95 * n + 0.7), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(-2.6, edge), ylim=(-n + 0.45, 0.95))
    axes.set_axis_off()
    title = f"{shortened(summary.arch, 36)}  ·  {summary.parameters:,} parameters"
    axes.text(0, 0.68, title, ha="center", weight="bold", size=12 if len(title) < 48 else 9)
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
        if layer.adds:
            _draw_branch(axes, -i + layer.adds + 1, -i, 2.4 + 0.35 * (deepest - layer.depth))
        if layer.parameters:
            axes.text(
                2.25, -i - 0.15, f"{layer.parameters:,} parameters", va="center", ha="right", size=8, color="#495057"
            )
        if i and layer.output_shape:  # of a class in Flax only the parts are known, not their order
            axes.add_patch(
                FancyArrowPatch((0, -i + 0.7), (0, -i + 0.3), arrowstyle="-|>", mutation_scale=11, color="#495057")
            )
    return figure


def _draw_branch(axes: Axes, start: float, end: float, right: float) -> None:
    """Draw the way past the layers inside a residual, from its input's box to where it is added."""
    axes.plot([2.4, right, right], [start, start, end], color="#2b8a3e", linewidth=1.4)
    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 11, "color": "#2b8a3e", "linewidth": 1.4}
    axes.add_patch(FancyArrowPatch((right, end), (2.38, end), shrinkA=0, **style))


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
    _draw_probabilities(shares, prediction)
    most = float(np.abs(explained.saliency).max())
    image = pixels.imshow(explained.saliency, cmap="RdBu_r", vmin=-most, vmax=most)
    likeliest = max(zip(prediction.probabilities, prediction.class_names, strict=True))[1]
    pixels.set(title=f"{short(likeliest)}\nred: for it, blue: against it", xticks=(), yticks=())
    bottom.colorbar(image, ax=pixels, shrink=0.8, label="share in the logit")
    figure.supxlabel(f"The last picture: {explained.method}", size=8)
    return figure


def _caption(sample: Sample) -> list[str]:
    answer = [] if sample.predicted is None else [f"read as {sample.predicted}"]
    other = [f"and as {sample.other_predicted}"] if isinstance(sample, Flip) else []
    return [sample.label, *answer, *other]


def _draw_curves(figure: FigureBase, named: Sequence[tuple[str, Sequence[Sequence[EpochMetrics]]]]) -> None:
    loss, accuracy = figure.subplots(1, 2)
    style: dict[str, Any] = {"marker": "o", "markersize": 3.5, "linewidth": 1.6}
    for colour, (name, histories) in zip(cycle(len(named)), named, strict=True):
        for axes, metric, unit in ((loss, "loss", 1), (accuracy, "accuracy", 100)):
            for part, line, alpha in (("train", "--", 0.65), ("validation", "-", 1)):
                values = np.array(by_epoch(histories, f"{part}_{metric}")) * unit
                if values.size:  # builtin comes without its epochs
                    label = f"{name}, {'training' if part == 'train' else part}"
                    draw_mean(axes, values, label=label, color=colour, linestyle=line, alpha=alpha, **style)
    runs = max(len(histories) for _, histories in named)
    title = f"mean of {runs} runs; band: lowest to highest" if runs > 1 else None
    for axes, label in ((loss, "loss (nats)"), (accuracy, "accuracy (%)")):
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(whole_numbers())
        axes.grid(alpha=0.25)
        if axes.lines:
            axes.legend(frameon=False, fontsize=9, title=title, title_fontsize=9)


def draw_mean(axes: Axes, values: np.ndarray, *, color: str, **style: Any) -> None:
    """Draw the mean of values [runs, epochs] by epoch, over the range of several runs."""
    epochs = np.arange(1, values.shape[1] + 1)
    if len(values) > 1:
        axes.fill_between(epochs, values.min(0), values.max(0), color=color, alpha=0.2, linewidth=0)
    axes.plot(epochs, values.mean(0), color=color, **style)


def _draw_matrix(
    axes: Axes, evaluation: Evaluation, *, title: str, figure: FigureBase, as_percent: bool = False
) -> None:
    """Colour follows the logarithm of the count, or errors would all look like zero beside the diagonal."""
    counts = np.array(evaluation.confusion)
    support = np.maximum(counts.sum(1, keepdims=True), 1)
    values = counts / support * 100 if as_percent else counts.astype(float)
    shades = np.log1p(values)
    image = axes.imshow(shades, cmap=MATRIX_COLOURS, vmin=0, vmax=np.log1p(100) if as_percent else None)
    names = list(map(short, evaluation.class_names))
    size = 10 if len(names) <= MOST_COUNTS else 6
    axes.set(xlabel="predicted", ylabel="true", title=title)
    axes.set_xticks(range(len(names)), names, rotation=rotation(names), size=size)
    axes.set_yticks(range(len(names)), names, size=size)
    for (i, j), value in np.ndenumerate(values):
        if value and len(names) <= MOST_COUNTS:
            text = f"{value:.1f}" if as_percent else f"{value:.0f}"
            dark = shades[i, j] > shades.max() * 0.6
            axes.text(j, i, text, ha="center", va="center", size=7.5, color="white" if dark else "black")
    bar = figure.colorbar(image, ax=axes, shrink=0.85)
    marks = np.array([0, 1, 10, 100, 1000])
    marks = marks[marks <= (100 if as_percent else values.max())]
    bar.set_ticks(np.log1p(marks).tolist(), labels=[f"{mark}{' %' if as_percent else ''}" for mark in marks])


def _draw_probabilities(axes: Axes, prediction: Prediction) -> None:
    """Draw a bar a class, in the classes' order; the answer stands out."""
    label, confidence = prediction.top[0]
    shown = dict(prediction.top[:MOST_BARS])
    names = [name for name in (*prediction.class_names, NONE) if name in shown]
    colours = [COLOURS[1] if name == label else COLOURS[0] for name in names]
    bars = axes.barh(range(len(names)), [100 * shown[name] for name in names], color=colours)
    axes.bar_label(bars, fmt="%.1f", size=8, padding=2)
    left_out = len(prediction.top) - len(names)
    axes.set(title=f"{short(label)} with {percent(confidence, 1)}", xlim=(0, 112))
    axes.set_xlabel("probability (%)" + (f"; {left_out} less probable classes are left out" if left_out else ""))
    axes.set_yticks(range(len(names)), map(short, names))
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)


def _matrix_side(classes: int) -> float:
    """Return the side, in inches, of a figure in which a matrix of so many classes can be read."""
    return 5.8 if classes <= 10 else min(5.8 + 0.1 * (classes - 10), 16)


def _draw_picture(axes: Axes, picture: np.ndarray) -> None:
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255)


def _score(evaluation: Evaluation) -> str:
    return f"{percent(evaluation.accuracy)} of {evaluation.n:,} {evaluation.split} images"


def cycle(n: int) -> list[str]:
    """Return n colours; after the last of COLOURS the first comes again."""
    return [COLOURS[i % len(COLOURS)] for i in range(n)]


def short(name: str) -> str:
    """Return a name as an axis has room for it."""
    return shortened(name, LONGEST)


def rotation(names: Sequence[str]) -> int:
    """Return the degrees by which names below an axis are turned: long ones stand upright."""
    return 90 if max(map(len, names)) > 2 else 0


def whole_numbers() -> MaxNLocator:
    """Return a locator of ticks at whole numbers."""
    return MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
