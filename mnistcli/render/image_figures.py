"""Figures with images: those in the cells of a confusion matrix, and those that only one of two runs reads right."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure, FigureBase

from mnistcli.render.figures import mistakes, score_title, worst_note
from mnistcli.render.matrix import MOST_PICTURED, samples_by_cell
from mnistcli.render.pixels import MOST_PIXELS, mosaic, shrink
from mnistcli.render.style import BODY, SMALL, colours, draw_picture, new_figure, run_colour, short, write_title
from mnistcli.render.tables import percent
from mnistcli.render.view import shortened
from mnistcli.results.data import Flip, Flips, Sample
from mnistcli.results.evaluate import Evaluation

MOST_IN_CELL = 9
SMALLEST_SIDE = 5.5  # width of a matrix in inches; a cell is at least one inch wide
FEW_CLASSES = 10  # with more, names are on all four sides
LONGEST_ACROSS = 8  # characters of a name that fit above a cell
FLIP_COLUMNS = 8
MOST_FLIPS = 2 * FLIP_COLUMNS  # of each run
REACH = 0.37  # half the width of a cell's images, as a fraction of the cell


def confusion_thumbnails(evaluation: Evaluation, misread: Sequence[Sample], *, theme: str = "light") -> Figure:
    """Draw the confusion matrix with the first of these images in every cell off its diagonal."""
    classes = _most_confused(evaluation)
    side = max(SMALLEST_SIDE, len(classes))
    names = [evaluation.class_names[i] for i in classes]
    with new_figure(side + 1, side + 0.8, theme) as figure:
        write_title(figure, score_title(evaluation), _note(evaluation, classes))
        axes = figure.subplots()
        _draw_counts(axes, np.array(evaluation.confusion)[np.ix_(classes, classes)])
        _name_classes(axes, list(map(short, names)))
        for (true, predicted), samples in samples_by_cell(misread).items():
            if true in names and predicted in names:
                _draw_cell(axes, samples, row=names.index(true), column=names.index(predicted))
    return figure


def flips(found: Flips, *, theme: str = "light") -> Figure:
    """Draw the images that only A reads right above those that only B does, with labels, answers and confidences."""
    sides = (found.only_a_right, found.only_b_right)
    heights = [0.4 + 1.9 * _rows(side[:MOST_FLIPS]) for side in sides]
    a, b = (shortened(name, 40) for name in (found.a, found.b))
    title = f"Images read right only by {a}: {len(sides[0]):,}; only by {b}: {len(sides[1]):,}"
    with new_figure(1.5 * FLIP_COLUMNS, sum(heights), theme) as figure:
        write_title(figure, title, f"A: {a}, B: {b}.")
        parts: Any = figure.subfigures(2, 1, height_ratios=heights)
        for i, (part, side) in enumerate(zip(parts, sides, strict=True)):
            shown = f" ({MOST_FLIPS} shown)" if len(side) > MOST_FLIPS else ""
            heading = f"Read right only by {'AB'[i]}: {len(side):,}{shown}"
            part.suptitle(heading, size=BODY, weight="bold", x=0.01, ha="left", color=run_colour(i))
            if side:
                _draw_flips(part, side[:MOST_FLIPS])
    return figure


def _most_confused(evaluation: Evaluation) -> list[int]:
    """Return the classes in order; of many, those that are most often the true or predicted class of an error."""
    errors = mistakes(evaluation)
    worst = np.argsort(-(errors.sum(0) + errors.sum(1)), kind="stable")[:MOST_PICTURED]
    return sorted(worst.tolist())


def _note(evaluation: Evaluation, classes: Sequence[int]) -> str:
    note = f"{worst_note(evaluation)} Cells show up to {MOST_IN_CELL} images each, the most confident first."
    if len(classes) == len(evaluation.class_names):
        return note
    errors = mistakes(evaluation)
    shown = f"{errors[np.ix_(classes, classes)].sum():,} of {errors.sum():,} errors"
    return f"{note} The {len(classes)} of {len(evaluation.class_names)} classes with the most errors: {shown}."


def _draw_counts(axes: Axes, counts: np.ndarray) -> None:
    """Draw the cells of a matrix: the diagonal grey with counts in the middle, the others with counts at the top."""
    n = len(counts)
    axes.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5), aspect="equal", xlabel="predicted", ylabel="true")
    axes.imshow(np.where(np.eye(n), 1, np.nan), cmap=ListedColormap([colours().grid]))
    for edge in np.arange(0.5, n - 1):
        axes.axhline(edge, color=colours().muted, linewidth=0.5)
        axes.axvline(edge, color=colours().muted, linewidth=0.5)
    for (i, j), count in np.ndenumerate(counts):
        if count:
            place, side = ((j, i), "center") if i == j else ((j - REACH, i - 0.39), "left")
            axes.text(*place, f"{count:,}", ha=side, va="center", size=SMALL)


def _name_classes(axes: Axes, names: Sequence[str]) -> None:
    axes.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > LONGEST_ACROSS else 0)
    axes.set_yticks(range(len(names)), names)
    many = len(names) > FEW_CLASSES
    axes.tick_params(length=0, labeltop=many, labelright=many)


def _draw_cell(axes: Axes, samples: Sequence[Sample], *, row: int, column: int) -> None:
    """Draw the first images of a cell below its count, two by two or three by three."""
    columns = 2 if len(samples) <= 4 else 3
    pictures = [_rgba(each) for each in shrink([sample.picture for sample in samples[:MOST_IN_CELL]], MOST_PIXELS)]
    nothing = [np.zeros_like(pictures[0])] * (columns**2 - len(pictures))
    image = np.nan_to_num(mosaic([*pictures, *nothing], columns))
    height, width = (2 * REACH * length / max(image.shape[:2]) for length in image.shape[:2])
    left, top = column - REACH, row - 0.28
    axes.imshow(image, extent=(left, left + width, top + height, top))


def _rgba(picture: np.ndarray) -> np.ndarray:
    """Return a picture [height, width, 1 or 3] of 0 to 255 as [height, width, 4] of 0 to 1, opaque."""
    colours = np.broadcast_to(picture / 255, (*picture.shape[:2], 3))
    return np.concatenate([colours, np.ones((*picture.shape[:2], 1))], axis=-1)


def _draw_flips(part: FigureBase, samples: Sequence[Flip]) -> None:
    every = part.subplots(_rows(samples), FLIP_COLUMNS, squeeze=False).ravel()
    for axes in every:
        axes.set_axis_off()
    for axes, sample in zip(every, samples, strict=False):
        draw_picture(axes, sample.picture)
        label, a, b = (shortened(name, 10) for name in (sample.label, str(sample.predicted), sample.other_predicted))
        answers = f"A: {a}, {percent(sample.confidence, 0)}\nB: {b}, {percent(sample.other_confidence, 0)}"
        axes.set_title(f"true: {label}\n{answers}", size=SMALL, loc="center")


def _rows(samples: Sequence[Flip]) -> int:
    return -(-len(samples) // FLIP_COLUMNS)
