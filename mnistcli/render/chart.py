"""Small line charts for a terminal, in braille (eight dots per character) or ASCII.

Lines are dots and single points are marks, so that they differ without colour too.
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rich.console import Console
from rich.text import Text

from mnistcli.render.tables import percent

Point = tuple[float, float]
TRAINING, VALIDATION = "cyan", "magenta"
CHART_LINES = 6  # height of a chart without title and axis
BESIDE = 3  # columns between two charts
LEAST_COLUMNS, LEAST_LINES = 50, 16  # smallest terminal with charts
MARK = "o"
BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # the bit of each dot of a character, by row
FIRST_BRAILLE = 0x2800


@dataclass(frozen=True)
class Signs:
    """The characters of a chart.

    Attributes:
        dots: The bits of a character's dots, row by row.
        line: Returns the character for its bits.
        band, axis, tick: The characters for bands and axes.
        sample: A short line, for a legend.
    """

    dots: Sequence[Sequence[int]]
    line: Callable[[int], str]
    band: str
    axis: str
    tick: str
    sample: str


UNICODE = Signs(BRAILLE, lambda bits: chr(FIRST_BRAILLE + bits), "░", "│", "┤", "⠤⠤")
ASCII = Signs(((1,),), lambda _: "*", ":", "|", "+", "**")


@dataclass(frozen=True)
class Series:
    """Lines of one kind, from one run or from several that differ in their seed.

    Attributes:
        style: Their colour.
        lines: The points of each line, from left to right; x is the epoch.
        marked: Draw a mark at each point instead of a line.
        band: The range at each x; None for one line.
    """

    style: str
    lines: Sequence[Sequence[Point]]
    marked: bool = False
    band: Mapping[float, Point] | None = None


def signs_for(console: Console) -> Signs:
    """Return the characters that a console can show; the Linux console has no braille."""
    return ASCII if console.options.ascii_only or os.environ.get("TERM") == "linux" else UNICODE


def draw_chart(
    series: Sequence[Series], *, title: str, label: Callable[[float, float], str], width: int, height: int, signs: Signs
) -> list[Text]:
    """Return the lines of a chart, with a title above it and the first and last epoch below.

    Args:
        series: What to draw; the last is on top.
        title: The name of the values.
        label: Returns the text for a value, given the span of all values.
        width: The whole chart's width in characters.
        height: The height in characters of the part with lines.
        signs: The characters to draw with.
    """
    points = [point for each in series for line in each.lines for point in line]
    xs, ys = zip(*points, strict=True)
    left, right = _bounds([math.floor(min(xs)), math.ceil(max(xs))])
    low, high = _bounds(ys)
    ends = [label(value, high - low) for value in (high, low)]
    margin = max(map(len, ends))
    canvas = _Canvas(left, right, low, high, width=width - margin - 2, height=height, signs=signs)
    for each in series:
        canvas.add_band(each)
    for each in series:
        canvas.add_lines(each)
    heads = {0: ends[0], height - 1: ends[1]}
    rows = [
        Text.assemble(
            (f"{heads.get(i, ''):>{margin}} {signs.tick if i in heads else signs.axis}", "dim"), canvas.row(i)
        )
        for i in range(height)
    ]
    first, last = f"{left:.0f}", f"epoch {right:.0f}"
    below = f"{' ' * (margin + 2)}{first:<{width - margin - 2 - len(last)}}{last}"
    return [Text(title, "bold"), *rows, Text(below, "dim")]


def has_room(console: Console) -> bool:
    """Whether a terminal is large enough for charts."""
    return console.width >= LEAST_COLUMNS and console.height >= LEAST_LINES


def draw_charts(series: Callable[[str], Sequence[Series]], console: Console) -> Iterator[Text]:
    """Yield the lines of two charts side by side: loss and accuracy."""
    width = (console.width - BESIDE) // 2
    size: dict[str, Any] = {"width": width, "height": CHART_LINES, "signs": signs_for(console)}
    loss = draw_chart(series("loss"), title="loss", label=_loss, **size)
    accuracy = draw_chart(series("accuracy"), title="accuracy", label=_accuracy, **size)
    for left, right in zip(loss, accuracy, strict=True):
        left.align("left", width + BESIDE)
        yield left.append_text(right)


def draw_legend(console: Console, *, band: bool = False) -> Text:
    """Return the charts' legend."""
    signs = signs_for(console)
    line, mark = (signs.sample, TRAINING), (MARK, f"bold {VALIDATION}")
    return Text.assemble(line, " training  ", mark, f" validation{f'  {signs.band} lowest to highest' * band}")


def _loss(value: float, _span: float) -> str:
    return f"{value:.3g}"


def _accuracy(value: float, span: float) -> str:
    """Return an accuracy with enough digits to tell the axis's ends apart."""
    return percent(value, 0 if span > 0.1 else 1 if span > 0.01 else 2)


def _bounds(values: Sequence[float]) -> Point:
    """Return the smallest and largest value, or distinct bounds if they are equal."""
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 1, high)


class _Canvas:
    """A grid of `width` by `height` characters; later drawing covers earlier."""

    def __init__(
        self, left: float, right: float, low: float, high: float, *, width: int, height: int, signs: Signs
    ) -> None:
        self._left, self._low = left, low
        self._rows, self._columns = len(signs.dots), len(signs.dots[0])  # dots of a character
        self._across = (width * self._columns - 1) / (right - left)
        self._up = (height * self._rows - 1) / (high - low)
        self._width, self._height, self._signs = width, height, signs
        self._cells: dict[tuple[int, int], tuple[str, str]] = {}
        self._bits: dict[tuple[int, int], int] = {}

    def add_band(self, series: Series) -> None:
        """Shade the area between the lowest and the highest line."""
        edges = sorted((series.band or {}).items())
        for (x, bounds), (next_x, next_bounds) in pairwise(edges):
            low, high = (
                {cell[1]: cell[0] for cell in map(self._cell, self._between((x, y), (next_x, next_y)))}
                for y, next_y in zip(bounds, next_bounds, strict=True)
            )
            for column in low.keys() & high.keys():
                for row in range(high[column], low[column] + 1):
                    self._cells[row, column] = self._signs.band, f"dim {series.style}"

    def add_lines(self, series: Series) -> None:
        """Draw each line, or its marks."""
        for line in series.lines:
            if series.marked:
                self._cells |= {self._cell(self._dot(point)): (MARK, f"bold {series.style}") for point in line}
                continue
            for start, end in zip(line, line[1:] or line, strict=False):
                for row, column in self._between(start, end):
                    cell = self._cell((row, column))
                    bit = self._signs.dots[row % self._rows][column % self._columns]
                    self._bits[cell] = self._bits.get(cell, 0) | bit
                    self._cells[cell] = self._signs.line(self._bits[cell]), series.style

    def row(self, i: int) -> Text:
        """Return a line of characters."""
        cells = (self._cells.get((i, column), (" ", "")) for column in range(self._width))
        return Text.assemble(*cells)

    def _dot(self, point: Point) -> tuple[int, int]:
        """Return a point's dot, counted from the top left."""
        x, y = point
        top = self._height * self._rows - 1
        return top - round((y - self._low) * self._up), round((x - self._left) * self._across)

    def _cell(self, dot: tuple[int, int]) -> tuple[int, int]:
        row, column = dot
        return row // self._rows, column // self._columns

    def _between(self, start: Point, end: Point) -> Iterator[tuple[int, int]]:
        """Yield the dots from one point to another."""
        (row, column), (last_row, last_column) = self._dot(start), self._dot(end)
        steps = max(abs(last_row - row), abs(last_column - column), 1)
        for i in range(steps + 1):
            yield row + round((last_row - row) * i / steps), column + round((last_column - column) * i / steps)
