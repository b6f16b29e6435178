"""The figures of `compare`, each made for one column of a paper: legible at 8 cm, in grey and without colour vision."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D

from mnistcli.metrics.welch import mean_interval
from mnistcli.render.figures import (
    LINES,
    MARKERS,
    MATRIX_COLOURS,
    MOST_COUNTS,
    Figure,
    cycle,
    draw_mean,
    rotation,
    short,
    whole_numbers,
)
from mnistcli.render.tables import percent
from mnistcli.results.compare import ComparedGroup, ComparedRun, Comparison, GroupComparison
from mnistcli.results.evaluate import Evaluation
from mnistcli.results.train import by_epoch

WIDTH = 5.4  # inches: text of 10 points is 5.8 points high where the figure is 8 cm wide
HATCHES = ("", "////", "....", "xxxx", "----", "oo")
FEW_CLASSES = 10  # of more, or where names are long, a matrix needs the whole width
LONGEST_BESIDE = 2  # characters of a name that leave room for two matrices side by side
MOST_LABELLED_BARS = 30


def comparison(compared: Comparison) -> Figure:
    """Draw the runs' curves, which classes each mistakes for which, and their errors by class."""
    evaluations = [run.evaluation for run in compared.runs]
    names = evaluations[0].class_names
    beside = len(names) <= FEW_CLASSES and max(map(len, names)) <= LONGEST_BESIDE
    columns = 2 if beside else 1
    rows = -(-len(evaluations) // columns)
    heights = (2.7 + 0.2 * len(evaluations), rows * (WIDTH / columns + 0.35), 2.6 + 0.1 * max(map(len, names)))
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    parts: Any = figure.subfigures(3, 1, height_ratios=heights)
    top, middle, bottom = parts
    _draw_curves(top, compared.runs)
    every = middle.subplots(rows, columns, squeeze=False).ravel()
    for axes in every[len(evaluations) :]:
        axes.set_axis_off()
    mistakes = [_mistakes(evaluation) for evaluation in evaluations]
    most = max(1, *(int(counts.max()) for counts in mistakes))
    cell = 72 * 0.8 * WIDTH / columns / len(names)
    for axes, evaluation, counts in zip(every, evaluations, mistakes, strict=False):
        _draw_mistakes(axes, evaluation, counts, most=most, cell=cell)
    _draw_errors(bottom.subplots(), evaluations)
    return figure


def group_comparison(compared: GroupComparison) -> Figure:
    """Draw each run's accuracy beside its group's mean and interval, and validation by epoch with its spread."""
    groups = compared.groups
    figure = Figure(figsize=(WIDTH, 3.9 + 0.5 * len(groups)), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(0.6 + 0.5 * len(groups), 3))
    _draw_accuracies(above, groups)
    above.set_xlabel(f"accuracy on {compared.n:,} {compared.split} images (%): runs, mean, its 95 % interval")
    _draw_validation(below, groups)
    return figure


def _draw_accuracies(axes: Axes, groups: Sequence[ComparedGroup]) -> None:
    """Draw a line a group: its runs as hollow marks, a little apart in height, above their mean and its interval."""
    for row, (group, colour) in enumerate(zip(groups, cycle(len(groups)), strict=True)):
        accuracies, mean = np.array(group.accuracies.values) * 100, group.accuracies.mean * 100
        low, high = np.array(mean_interval(group.accuracies.values)) * 100
        heights = row - 0.16 + 0.08 * (np.arange(len(accuracies)) % 3 - 1)
        mark: dict[str, Any] = {"color": colour, "marker": MARKERS[row % len(MARKERS)], "linestyle": "none"}
        axes.plot(accuracies, heights, markersize=6, markerfacecolor="none", markeredgewidth=1.3, **mark)
        axes.plot([low, high], [row + 0.2] * 2, color=colour, linewidth=2.2, solid_capstyle="butt")
        axes.plot([mean], [row + 0.2], markersize=8, **mark)
        axes.annotate(
            f"{mean:.2f}", (mean, row + 0.2), (0, -7), textcoords="offset points", ha="center", va="top", size=10
        )
    axes.set_yticks(range(len(groups)), [short(group.group) for group in groups], size=11)
    axes.set_ylim(len(groups) - 0.35, -0.5)
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _draw_validation(axes: Axes, groups: Sequence[ComparedGroup]) -> None:
    """Draw the mean of a group's runs by epoch over the range from its worst to its best."""
    for i, (group, colour) in enumerate(zip(groups, cycle(len(groups)), strict=True)):
        values = np.array(by_epoch(group.histories, "validation_accuracy")) * 100
        if values.size:
            line, marker = LINES[i % len(LINES)], MARKERS[i % len(MARKERS)]
            style: dict[str, Any] = {"linestyle": line, "linewidth": 1.8, "marker": marker, "markersize": 4.5}
            draw_mean(axes, values, label=short(group.group), color=colour, **style)
    axes.set(xlabel="epoch (band: from the worst run to the best)", ylabel="validation accuracy (%)")
    axes.xaxis.set_major_locator(whole_numbers())
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.lines:
        axes.legend(frameon=False, fontsize=11, loc="lower right")


def _draw_curves(figure: FigureBase, runs: Sequence[ComparedRun]) -> None:
    """Draw loss and accuracy by epoch: validation solid, training dashed; a colour and a mark a run."""
    loss, accuracy = figure.subplots(1, 2)
    for i, (run, colour) in enumerate(zip(runs, cycle(len(runs)), strict=True)):
        for axes, metric, unit in ((loss, "loss", 1), (accuracy, "accuracy", 100)):
            for part, line in (("training", "--"), ("validation", "-")):
                values = np.array(by_epoch([run.history], f"{part.removesuffix('ing')}_{metric}")) * unit
                if values.size:  # builtin comes without its epochs
                    style: dict[str, Any] = {"linestyle": line, "linewidth": 1.5, **_mark(i, size=4)}
                    draw_mean(axes, values, label=f"{run.evaluation.run}, {part}", color=colour, **style)
    for axes, label in ((loss, "loss (nats)"), (accuracy, "accuracy (%)")):
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(whole_numbers())
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    handles = [
        Line2D([], [], color=colour, label=short(run.evaluation.run), **_mark(i, size=6))
        for i, (run, colour) in enumerate(zip(runs, cycle(len(runs)), strict=True))
        if run.history
    ]
    if handles:
        parts = [
            Line2D([], [], color="#495057", linestyle="-", label="validation"),
            Line2D([], [], color="#495057", linestyle="--", label="training"),
        ]
        figure.legend(handles=[*handles, *parts], loc="outside upper center", ncols=2, frameon=False, fontsize=10)


def _mistakes(evaluation: Evaluation) -> np.ndarray:
    """Return the confusion matrix [true, predicted] with zeros for the right answers."""
    counts = np.array(evaluation.confusion)
    np.fill_diagonal(counts, 0)
    return counts


def _draw_mistakes(axes: Axes, evaluation: Evaluation, counts: np.ndarray, *, most: int, cell: float) -> None:
    """Draw what was mistaken for what; the right answers, left out, would drown it.

    Args:
        axes: Where.
        evaluation: Of one run.
        counts: Its mistakes [true, predicted].
        most: The count of the darkest colour, the same for all runs.
        cell: Points across one cell.
    """
    axes.imshow(np.ma.masked_array(counts, np.eye(len(counts), dtype=bool)), cmap=MATRIX_COLOURS, vmin=0, vmax=most)
    axes.set_facecolor("#dee2e6")
    names = list(map(short, evaluation.class_names))
    size = min(10, 0.9 * cell)
    axes.set_xticks(range(len(names)), names, rotation=rotation(names), size=size)
    axes.set_yticks(range(len(names)), names, size=size)
    axes.tick_params(length=0)
    score = f"{percent(evaluation.accuracy)} of {evaluation.n:,} {evaluation.split} images"
    axes.set_title(f"{short(evaluation.run)}\n{score}", size=10)
    axes.set_xlabel("mistaken for", size=10)
    axes.set_ylabel("true class", size=10)
    if len(names) <= MOST_COUNTS:
        size = min(10, 1.3 * cell / len(str(most)))
        for (i, j), count in np.ndenumerate(counts):
            if count:
                colour = "white" if count > 0.6 * most else "black"
                axes.text(j, i, str(count), ha="center", va="center", size=size, color=colour)


def _draw_errors(axes: Axes, evaluations: Sequence[Evaluation]) -> None:
    names, width = list(map(short, evaluations[0].class_names)), 0.8 / len(evaluations)
    places = np.arange(len(names))
    for i, (colour, evaluation) in enumerate(zip(cycle(len(evaluations)), evaluations, strict=True)):
        errors = [sum(row) - row[k] for k, row in enumerate(evaluation.confusion)]
        bars = axes.bar(
            places + (i + 0.5) * width - 0.4, errors, width,
            color=colour, edgecolor="white", hatch=HATCHES[i % len(HATCHES)], label=short(evaluation.run),
        )  # fmt: skip
        if len(names) * len(evaluations) <= MOST_LABELLED_BARS:
            axes.bar_label(bars, size=9)
    axes.set(xlabel="true class", ylabel="images read wrong")
    axes.set_xticks(places, names, rotation=rotation(names))
    axes.yaxis.set_major_locator(whole_numbers())
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=10, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)


def _mark(i: int, *, size: float) -> dict[str, Any]:
    """Return the mark of run i, hollow, so that marks on top of each other are all seen."""
    return {"marker": MARKERS[i % len(MARKERS)], "markersize": size, "markerfacecolor": "none"}
