"""The study's figures, drawn without pyplot or a display."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from mnistcli.render.style import (
    MARKERS,
    SMALL,
    colours,
    draw_cells,
    draw_picture,
    label_lines,
    new_figure,
    run_colour,
    short,
    tint,
    whole_numbers,
    write_title,
)
from mnistcli.render.tables import interval, percent, shape
from mnistcli.render.view import shortened
from mnistcli.results.data import Flip, Sample
from mnistcli.results.evaluate import Evaluation
from mnistcli.results.predict import NONE, Explanation, Prediction
from mnistcli.results.summary import ModelSummary
from mnistcli.results.train import EpochMetrics, best_epoch, by_epoch

Histories = Sequence[Sequence[EpochMetrics]]

MOST_COUNTS = 30  # most classes with written counts: more would be too small to read
MOST_BARS = 20  # most classes with bars: of more, an explanation shows the most probable
KIND_COLOURS = {"conv": 0, "dct": 0, "dense": 1, "add": 2, "norm": 3, "dropout": 5} | dict.fromkeys(
    ("max-pool", "mean-pool", "mean"), 4
)  # numbers of runs' colours


def curves(name: str, histories: Histories, *, theme: str = "light") -> Figure:
    """Draw loss and accuracy by epoch of a run, or the mean of a group's runs: training (dashed), validation (solid).

    A band reaches from the lowest run to the highest; rings mark the epoch that each run keeps.
    """
    known = [history for history in histories if history]  # a run may lack metrics.jsonl
    kept = [history[best_epoch(history) - 1] for history in known]
    with new_figure(11, 4.2, theme) as figure:
        write_title(figure, *_kept_title(name, known, kept))
        panels = draw_curves(figure, [(name, histories)])
        for axes, metric, unit in zip(panels, ("loss", "accuracy"), (1, 100), strict=True):
            heights = [unit * getattr(epoch, f"validation_{metric}") for epoch in kept]
            ring: Any = {"color": colours().ink, "markersize": 10, "markerfacecolor": "none", "label": "kept"}
            axes.plot([epoch.epoch for epoch in kept], heights, "o", **ring)
    return figure


def _kept_title(name: str, histories: Histories, kept: Sequence[EpochMetrics]) -> tuple[str, str]:
    """Return the title of a run's or a group's curves, which names the epochs that are kept, and the note."""
    if not kept:
        return f"{name} has no metrics", ""
    epochs, right = [each.epoch for each in kept], percent(fmean(each.validation_accuracy for each in kept))
    said = f"epoch {epochs[0]}" if len({*epochs}) == 1 else f"epochs {min(epochs)} to {max(epochs)}"
    right += " validation accuracy"
    if len(kept) == 1:
        return f"{name} keeps {said} of {len(histories[0])}: {right}", "Ringed: the epoch that is kept."
    note = f"Lines: mean of {len(kept)} runs; band: lowest to highest; ringed: the epoch that each run keeps."
    return f"{name} keeps {said}: {right} on average", note


def confusion(evaluation: Evaluation, *, theme: str = "light") -> Figure:
    """Draw the confusion matrix twice: counts, and percentages of each true class."""
    classes = len(evaluation.class_names)
    side = 5.8 if classes <= 10 else min(5.8 + 0.1 * (classes - 10), 16)
    with new_figure(2.24 * side, side, theme) as figure:
        write_title(figure, score_title(evaluation), worst_note(evaluation))
        counts, shares = figure.subplots(1, 2)
        _draw_matrix(counts, evaluation, title="images", side=side)
        _draw_matrix(shares, evaluation, title="percent of the true class", side=side, as_percent=True)
    return figure


def mistakes(evaluation: Evaluation) -> np.ndarray:
    """Return the confusion matrix [true, predicted] with zeros on its diagonal."""
    counts = np.array(evaluation.confusion)
    np.fill_diagonal(counts, 0)
    return counts


def score_title(evaluation: Evaluation) -> str:
    """Return a figure's title: how many images a run reads right."""
    name = shortened(evaluation.run, 40)
    return f"{name} reads {evaluation.correct:,} of {evaluation.n:,} {evaluation.split} images right"


def worst_note(evaluation: Evaluation) -> str:
    """Return the note below a run's score."""
    score = f"{percent(evaluation.accuracy)} (95 % interval {interval(evaluation.accuracy_ci95)})."
    for true, predicted, count in evaluation.worst_confusions(1):
        times = "once" if count == 1 else f"{count:,} times"
        score += f" Most frequent mistake: {short(true)} read as {short(predicted)}, {times}."
    return score


def grid(samples: Sequence[Sample], *, columns: int, title: str = "", theme: str = "light") -> Figure:
    """Draw labelled images in rows."""
    rows = -(-len(samples) // columns)
    with new_figure(1.6 * columns, 1.8 * rows, theme) as figure:
        if title:
            write_title(figure, title)
        for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).ravel()):
            axes.set_axis_off()
            if i < len(samples):
                draw_picture(axes, samples[i].picture)
                axes.set_title("\n".join(map(short, _caption(samples[i]))), size=SMALL, loc="center")
    return figure


def diagram(summary: ModelSummary, *, theme: str = "light") -> Figure:
    """Draw the layers from input to output, with shapes and parameters, and residual connections on the right."""
    n = len(summary.layers)
    deepest = max(layer.depth + bool(layer.adds) for layer in summary.layers)
    edge = 2.6 + 0.35 * deepest
    largest = max(summary.layers, key=lambda layer: layer.parameters)
    most = f", {percent(largest.parameters / summary.parameters, 1)} of them in {largest.name}" if n > 2 else ""
    with new_figure(edge + 2.6, 0.95 * n, theme) as figure:
        write_title(figure, f"{shortened(summary.arch, 36)} has {summary.parameters:,} parameters{most}")
        axes = figure.subplots()
        axes.set(xlim=(-2.6, edge), ylim=(-n + 0.45, 0.45))
        axes.set_axis_off()
        muted: Any = {"size": SMALL, "color": colours().muted, "va": "center"}
        for i, layer in enumerate(summary.layers):
            kind = KIND_COLOURS.get(layer.kind)
            faint = (
                colours().grid if layer.kind == "input" else colours().paper if kind is None else tint(run_colour(kind))
            )
            style: Any = {"facecolor": faint, "edgecolor": colours().muted, "linewidth": 1}
            axes.add_patch(FancyBboxPatch((-2.4, -i - 0.3), 4.8, 0.6, "round,pad=0,rounding_size=0.12", **style))
            detail = f"  {layer.detail}" if layer.detail else ""
            axes.text(-2.25, -i + 0.08, layer.name, va="center", weight="bold")
            axes.text(-2.25, -i - 0.15, f"{layer.kind}{detail}", **muted)
            axes.text(2.25, -i + 0.08, shape(layer.output_shape), va="center", ha="right")
            if layer.adds:
                _draw_branch(axes, -i + layer.adds + 1, -i, 2.4 + 0.35 * (deepest - layer.depth))
            if layer.parameters:
                axes.text(2.25, -i - 0.15, f"{layer.parameters:,} parameters", ha="right", **muted)
            if i and layer.output_shape:  # the order of the parts of a Flax class is unknown
                _draw_arrow(axes, (0, -i + 0.7), (0, -i + 0.3), colours().muted)
    return figure


def _draw_branch(axes: Axes, start: float, end: float, right: float) -> None:
    """Draw the connection past the layers inside a residual, from its input to the sum."""
    axes.plot([2.4, right, right], [start, start, end], color=run_colour(2), linewidth=1.4)
    _draw_arrow(axes, (right, end), (2.38, end), run_colour(2), shrinkA=0, linewidth=1.4)


def _draw_arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, **style: Any) -> None:
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=11, color=colour, **style))


def explanation(explained: Explanation, *, theme: str = "light") -> Figure:
    """Draw the steps that changed the picture, and the last; below them each class's probability and the saliency."""
    prediction, (first, *between, last) = explained.prediction, explained.steps
    changing = [step for before, step in pairwise([first, *between]) if not np.array_equal(before[1], step[1])]
    steps = [first, *changing, last]
    label, confidence = prediction.top[0]
    likeliest = short(max(zip(prediction.probabilities, prediction.class_names, strict=True))[1])
    with new_figure(max(8.5, 2.3 * len(steps)), 6.4, theme) as figure:
        title = f"{shortened(prediction.path, 40)} is read as {short(label)} with {percent(confidence, 1)} confidence"
        write_title(figure, title, f"The last picture: {explained.method}.")
        rows: Any = figure.subfigures(2, 1, height_ratios=(1, 1.4))
        top, bottom = rows
        for axes, (name, picture) in zip(top.subplots(1, len(steps), squeeze=False)[0], steps, strict=True):
            draw_picture(axes, picture if picture.dtype == np.uint8 else picture * 255)
            axes.set_title(name)
        seen, shares, pixels = bottom.subplots(1, 3)
        draw_picture(seen, last[1])
        seen.set_title("what the network saw")
        _draw_probabilities(shares, prediction)
        most = float(np.abs(explained.saliency).max())
        image = pixels.imshow(explained.saliency, cmap=colours().signed, vmin=-most, vmax=most)
        pixels.set(title=f"red: for {likeliest}\nblue: against it", xticks=(), yticks=())
        pixels.spines[:].set_visible(True)
        bottom.colorbar(image, ax=pixels, shrink=0.8, label="contribution to the lead (logits)")
    return figure


def _caption(sample: Sample) -> list[str]:
    answer = [] if sample.predicted is None else [f"read as {sample.predicted}"]
    other = [f"and as {sample.other_predicted}"] if isinstance(sample, Flip) else []
    return [sample.label, *answer, *other]


def draw_curves(figure: FigureBase, named: Sequence[tuple[str, Histories]]) -> Sequence[Axes]:
    """Draw loss and accuracy by epoch: validation solid, training dashed; one colour and marker per run.

    A single run's lines are labelled training and validation; otherwise each run's validation accuracy line has its
    name.
    """
    panels: Any = figure.subplots(1, 2)
    for axes, metric, unit, label in zip(
        panels, ("loss", "accuracy"), (1, 100), ("loss (nats)", "accuracy (%)"), strict=True
    ):
        named_lines = []
        for i, (name, histories) in enumerate(named):
            for part, line in (("training", "--"), ("validation", "-")):
                values = np.array(by_epoch(histories, f"{part.removesuffix('ing')}_{metric}")) * unit
                if values.size:  # builtin has no metrics
                    drawn = draw_mean(axes, values, i, label=f"{name}, {part}", linestyle=line)
                    if len(named) == 1:
                        named_lines.append((part, drawn))
                    elif (metric, part) == ("accuracy", "validation"):
                        named_lines.append((short(name), drawn))
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(whole_numbers())
        axes.grid()
        label_lines(axes, named_lines)
    return panels


def draw_mean(axes: Axes, values: np.ndarray, i: int, **style: Any) -> Line2D:
    """Draw the mean of values [runs, epochs] by epoch in the i-th colour, over the range of several runs."""
    epochs = np.arange(1, values.shape[1] + 1)
    if len(values) > 1:
        axes.fill_between(epochs, values.min(0), values.max(0), color=run_colour(i), alpha=0.2, linewidth=0)
    hollow: Any = {"markersize": 4, "markerfacecolor": "none"}  # overlapping markers stay visible
    marker = MARKERS[i % len(MARKERS)]
    [line] = axes.plot(epochs, values.mean(0), color=run_colour(i), marker=marker, **hollow, **style)
    return line


def _draw_matrix(axes: Axes, evaluation: Evaluation, *, title: str, side: float, as_percent: bool = False) -> None:
    """Draw one confusion matrix. Colours are logarithmic, or errors would be invisible beside the diagonal."""
    counts = np.array(evaluation.confusion)
    support = np.maximum(counts.sum(1, keepdims=True), 1)
    values = counts / support * 100 if as_percent else counts.astype(float)
    names = list(map(short, evaluation.class_names))
    written = len(names) <= MOST_COUNTS
    texts = [[f"{each:.{int(as_percent)}f}" if each and written else "" for each in row] for row in values.tolist()]
    scale = {"vmin": 0, "vmax": np.log1p(100) if as_percent else None}
    image = draw_cells(axes, np.log1p(values), texts, (names, names), cell=72 * 0.74 * side / len(names), **scale)
    axes.set(xlabel="predicted", ylabel="true", title=title)
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.85)
    bar.outline.set_visible(False)
    marks = np.array([0, 1, 10, 100, 1000])
    marks = marks[marks <= (100 if as_percent else values.max())]
    bar.set_ticks(np.log1p(marks).tolist(), labels=[f"{mark}{' %' if as_percent else ''}" for mark in marks])


def _draw_probabilities(axes: Axes, prediction: Prediction) -> None:
    """Draw one bar per class, in the classes' order; the answer has its own colour."""
    label, _ = prediction.top[0]
    shown = dict(prediction.top[:MOST_BARS])
    names = [name for name in (*prediction.class_names, NONE) if name in shown]
    bars = axes.barh(
        range(len(names)), [100 * shown[name] for name in names], color=[run_colour(name == label) for name in names]
    )
    axes.bar_label(bars, fmt="%.1f", size=SMALL, padding=2)
    left_out = len(prediction.top) - len(names)
    axes.set_xlim(0, 115)
    axes.set_xlabel("probability (%)" + (f"; {left_out} less probable classes are left out" if left_out else ""))
    axes.set_yticks(range(len(names)), map(short, names))
    axes.invert_yaxis()
