"""The figures of `compare`, for one column of a paper: legible at 8 cm, in grey and without colour vision."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnistcli.metrics.welch import mean_interval
from mnistcli.render.compare import COVERS, group_headline, headline, recipe_verdict, verdict
from mnistcli.render.figures import MOST_COUNTS, draw_curves, draw_mean, mistakes
from mnistcli.render.style import (
    COLUMN,
    MARKERS,
    SMALL,
    colours,
    draw_cells,
    label_lines,
    new_figure,
    rotation,
    run_colour,
    short,
    whole_numbers,
    write_title,
)
from mnistcli.render.tables import percent
from mnistcli.results.compare import ComparedGroup, Comparison, GroupComparison
from mnistcli.results.evaluate import Evaluation
from mnistcli.results.train import by_epoch

LINES = ("-", "--", "-.", ":")
HATCHES = ("", "////", "....", "xxxx", "----", "oo")
FEW_CLASSES = 10  # with more classes or long names, a matrix takes the full width
LONGEST_BESIDE = 2  # characters of a name that leave room for two matrices side by side


def comparison(compared: Comparison, *, theme: str = "light") -> Figure:
    """Draw the runs' curves, confusions and errors by class."""
    evaluations = [run.evaluation for run in compared.runs]
    names = evaluations[0].class_names
    columns = 2 if len(names) <= FEW_CLASSES and max(map(len, names)) <= LONGEST_BESIDE else 1
    rows = -(-len(evaluations) // columns)
    heights = (2.7, rows * (COLUMN / columns + 0.35), 2.6 + 0.1 * max(map(len, names)))
    with new_figure(COLUMN, sum(heights), theme) as figure:
        said = verdict(compared.pairs[0]) if len(compared.pairs) == 1 else COVERS
        write_title(figure, headline(compared), f"{said} Curves: validation solid, training dashed.")
        parts: Any = figure.subfigures(3, 1, height_ratios=heights)
        top, middle, bottom = parts
        draw_curves(top, [(run.evaluation.run, [run.history]) for run in compared.runs])
        every = middle.subplots(rows, columns, squeeze=False).ravel()
        for axes in every[len(evaluations) :]:
            axes.set_axis_off()
        most = max(1, *(int(mistakes(evaluation).max()) for evaluation in evaluations))
        cell = 72 * 0.8 * COLUMN / columns / len(names)
        for i, evaluation in enumerate(evaluations):
            _draw_mistakes(every[i], evaluation, i, most=most, cell=cell)
        _draw_errors(bottom.subplots(), evaluations)
    return figure


def group_comparison(compared: GroupComparison, *, theme: str = "light") -> Figure:
    """Draw each run's accuracy beside its group's mean and interval, and validation by epoch with its spread."""
    groups = compared.groups
    with new_figure(COLUMN, 3.9 + 0.5 * len(groups), theme) as figure:
        said = map(recipe_verdict, compared.pairs if len(groups) == 2 else ())
        key = "Above: runs (hollow) and their mean with its 95 % interval. Below: means; bands from worst to best run."
        write_title(figure, group_headline(compared), " ".join((*said, *compared.notes, key)))
        above, below = figure.subplots(2, 1, height_ratios=(0.6 + 0.5 * len(groups), 3))
        _draw_accuracies(above, groups)
        above.set_xlabel(f"accuracy on {compared.n:,} {compared.split} images (%)")
        _draw_validation(below, groups)
    return figure


def _draw_accuracies(axes: Axes, groups: Sequence[ComparedGroup]) -> None:
    """Draw one line per group: its runs as hollow marks at slightly varied heights, above their mean and interval."""
    for row, group in enumerate(groups):
        accuracies, mean = np.array(group.accuracies.values) * 100, group.accuracies.mean * 100
        low, high = np.array(mean_interval(group.accuracies.values)) * 100
        heights = row - 0.16 + 0.08 * (np.arange(len(accuracies)) % 3 - 1)
        colour = run_colour(row)
        mark: dict[str, Any] = {"color": colour, "marker": MARKERS[row % len(MARKERS)], "linestyle": "none"}
        axes.plot(accuracies, heights, markersize=6, markerfacecolor="none", markeredgewidth=1.3, **mark)
        axes.plot([low, high], [row + 0.2] * 2, color=colour, linewidth=2.2, solid_capstyle="butt")
        axes.plot([mean], [row + 0.2], markersize=8, **mark)
        axes.annotate(f"{mean:.2f}", (mean, row + 0.2), (0, -7), textcoords="offset points", ha="center", va="top")
    axes.set_yticks(range(len(groups)), [short(group.group) for group in groups])
    axes.set_ylim(len(groups) - 0.35, -0.5)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _draw_validation(axes: Axes, groups: Sequence[ComparedGroup]) -> None:
    """Draw the mean of a group's runs by epoch over the range from its worst to its best."""
    lines = []
    for i, group in enumerate(groups):
        values = np.array(by_epoch(group.histories, "validation_accuracy")) * 100
        if values.size:
            name = short(group.group)
            lines.append((name, draw_mean(axes, values, i, label=name, linestyle=LINES[i % len(LINES)])))
    axes.set(xlabel="epoch", ylabel="validation accuracy (%)")
    axes.xaxis.set_major_locator(whole_numbers())
    axes.grid()
    label_lines(axes, lines)


def _draw_mistakes(axes: Axes, evaluation: Evaluation, i: int, *, most: int, cell: float) -> None:
    """Draw the i-th run's confusions without correct answers, which would hide them.

    Args:
        axes: Where to draw.
        evaluation: The run's evaluation.
        i: The run's number, which decides its colour.
        most: The count at the end of the colour scale.
        cell: The width of a cell in points.
    """
    counts, names = mistakes(evaluation), list(map(short, evaluation.class_names))
    written = len(names) <= MOST_COUNTS
    texts = [[str(count) if count and written else "" for count in row] for row in counts.tolist()]
    shown = np.ma.masked_array(counts, np.eye(len(counts), dtype=bool))
    draw_cells(axes, shown, texts, (names, names), cell=cell, vmin=0, vmax=most)
    axes.set_facecolor(colours().grid)
    score = f"{percent(evaluation.accuracy)} of {evaluation.n:,} {evaluation.split} images"
    axes.set_title(f"{short(evaluation.run)}\n{score}", color=run_colour(i))
    axes.set(xlabel="mistaken for", ylabel="true class")


def _draw_errors(axes: Axes, evaluations: Sequence[Evaluation]) -> None:
    names, width = list(map(short, evaluations[0].class_names)), 0.8 / len(evaluations)
    places = np.arange(len(names))
    every = [mistakes(evaluation).sum(1).tolist() for evaluation in evaluations]
    digits = len(str(max(map(max, every))))
    room = 0.64 * SMALL * digits <= 72 * 0.85 * COLUMN * width / len(names)
    for i, (evaluation, errors) in enumerate(zip(evaluations, every, strict=True)):
        bars = axes.bar(
            places + (i + 0.5) * width - 0.4, errors, width,
            color=run_colour(i), edgecolor=colours().paper, hatch=HATCHES[i % len(HATCHES)],
            label=short(evaluation.run),
        )  # fmt: skip
        if room:
            axes.bar_label(bars, size=SMALL)
    axes.set(xlabel="true class", ylabel="misread images")
    axes.set_xticks(places, names, rotation=rotation(names))
    axes.yaxis.set_major_locator(whole_numbers())
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
