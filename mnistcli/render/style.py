"""The design of all figures: type, spacing, light and dark colours, labels; and how a figure is made and saved."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.figure import Figure as PlainFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from rich.cells import cell_len

from mnistcli.config import check_theme
from mnistcli.files import write_output
from mnistcli.render.view import shortened

SMALL, BODY, LARGE = 9, 10, 13  # font sizes in points: notes and numbers, text, title
COLUMN = 5.4  # inches; in one column of a paper, 8 cm wide, SMALL is still more than 5 points high
GAP = 1.25 * SMALL  # points from one label to the next
DPI = 240  # twice a screen's 120: sharp on a high-resolution screen too
MARKERS = "osD^vP"  # tell runs apart in grey
LONGEST = 20  # cells (a Chinese character takes two) of a name beside an axis


@dataclass(frozen=True)
class Theme:
    """The colours of a figure.

    Attributes:
        paper: Background.
        ink: Text.
        muted: Secondary text and lines.
        grid: Lines behind the data.
        runs: One for each run, in the order given. The text in them has a contrast of 4.5 or more against paper; any
            two differ by 14 or more in CIELAB, also for eyes that lack one kind of cone (simulated as by Machado,
            Oliveira and Fernandes, 2009).
        counts: Colour map for counts.
        signed: Colour map for numbers, with zero in the middle.
    """

    paper: str
    ink: str
    muted: str
    grid: str
    runs: tuple[str, ...]
    counts: Colormap
    signed: Colormap


THEMES = {
    "light": Theme(
        "#ffffff", "#1f2328", "#57606a", "#e4e7ea",
        ("#2a6fdb", "#cf430c", "#084c3f", "#47106b", "#b3477d", "#77705a"),
        colormaps["Blues"],
        colormaps["RdBu_r"],
    ),
    "dark": Theme(
        "#16191d", "#e6e8eb", "#a3abb4", "#30353b",
        ("#6ea8fe", "#ff8a5c", "#d5fbe8", "#b86fd0", "#ffd23f", "#959d96"),
        LinearSegmentedColormap.from_list("counts", ["#1b2129", "#1f4e8c", "#5b9cf0", "#dcebff"]),
        LinearSegmentedColormap.from_list("signed", ["#a9ccff", "#3f7fe0", "#1e1e1e", "#dd5426", "#ffb199"]),
    ),
}  # fmt: skip
_theme = ContextVar("theme", default=THEMES["light"])


def colours() -> Theme:
    """Return the colours of the figure that is being drawn."""
    return _theme.get()


def run_colour(i: int) -> str:
    """Return the colour of the i-th run of a command; colours repeat after the last."""
    return colours().runs[i % len(colours().runs)]


def tint(colour: str) -> str:
    """Return a colour faint enough to write on."""
    red, green, blue = 0.18 * np.array(to_rgb(colour)) + 0.82 * np.array(to_rgb(colours().paper))
    return to_hex((red, green, blue))


def text_on(colour: Sequence[float]) -> str:
    """Return black or white, whichever is more legible on a colour (WCAG's relative luminance)."""
    channels = np.array(colour[:3])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return "black" if linear @ (0.2126, 0.7152, 0.0722) > 0.179 else "white"


class Figure(PlainFigure):
    """A figure that a notebook shows, with pyplot or without."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        width, height = (round(inches * DPI / 2) for inches in self.get_size_inches())
        return encoded(self, "png"), {"width": width, "height": height}


@contextmanager
def new_figure(width: float, height: float, theme: str) -> Iterator[Figure]:
    """Make a figure of that many inches; drawing inside `with` has the theme's style.

    Raises:
        UsageError: The theme is unknown.
    """
    check_theme(theme)
    before = _theme.set(THEMES[theme])
    try:
        with rc_context(_settings(colours())):
            yield Figure(figsize=(width, height), layout="constrained")
    finally:
        _theme.reset(before)


def _settings(theme: Theme) -> Any:
    """Return the theme as Matplotlib's settings."""
    sizes = ("font.size", "axes.titlesize", "axes.labelsize")
    small_sizes = ("xtick.labelsize", "ytick.labelsize", "legend.fontsize")
    shown = dict.fromkeys(("xtick.color", "ytick.color", "axes.edgecolor"), theme.muted)
    return {
        **dict.fromkeys(sizes, BODY), **dict.fromkeys(small_sizes, SMALL), **shown,
        "figure.facecolor": theme.paper, "axes.facecolor": theme.paper, "text.color": theme.ink,
        "axes.labelcolor": theme.ink, "grid.color": theme.grid,
        "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left", "axes.axisbelow": True,
        "figure.constrained_layout.h_pad": 0.08, "figure.constrained_layout.w_pad": 0.08,
        "legend.frameon": False, "hatch.color": theme.paper, "lines.linewidth": 1.6,
        "text.parse_math": False,  # a "$" in the name of a class is a dollar sign
    }  # fmt: skip


def write_title(figure: Figure, finding: str, note: str = "") -> None:
    """Write a figure's finding above it and a note in small type below; the figure grows to make room."""
    width, height = figure.get_size_inches()
    title, note = (
        textwrap.fill(text, int(72 * width / (size * cell)))
        for text, size, cell in ((finding, LARGE, 0.7), (note, SMALL, 0.54))
    )
    figure.suptitle(title, x=0.01, ha="left", size=LARGE, weight="bold")
    figure.supxlabel(note, x=0.01, ha="left", size=SMALL, color=colours().muted)
    lines = LARGE * (title.count("\n") + 1) + SMALL * (note.count("\n") + 1 if note else 0)
    figure.set_figheight(height + 1.3 * lines / 72)


def save(figure: PlainFigure, path: Path) -> None:
    """Write the figure atomically, in the format that the path's suffix names.

    Raises:
        UsageError: The file cannot be written.
    """
    write_output(path, encoded(figure, path.suffix[1:].lower()))


def encoded(figure: PlainFigure, suffix: str) -> bytes:
    """Return the figure as a file in the format that the suffix names."""
    content = io.BytesIO()
    # A fixed salt and no date make the SVG reproducible; text stays text.
    settings: Any = {"svg.hashsalt": "mnistcli", "svg.fonttype": "none", "pdf.fonttype": 42}
    with rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # it draws a box instead
        figure.draw_without_rendering()  # a second layout is needed to make room for every label
        figure.savefig(content, format=suffix, dpi=DPI, metadata={"Date": None} if suffix == "svg" else None)
    return content.getvalue()


def label_lines(axes: Axes, named: Sequence[tuple[str, Line2D]]) -> None:
    """Write each line's name at its end, in its colour; in a legend if names are too long or ends too close."""
    if not named:
        return
    low, high = axes.get_ylim()
    extent = axes.get_window_extent()  # before the layout, so a little too tall
    width, height = (0.9 * 72 / rcParams["figure.dpi"] * side for side in (extent.width, extent.height))
    ends = sorted(((float(line.get_ydata()[-1]) - low) / (high - low), i) for i, (_, line) in enumerate(named))  # type: ignore[index, arg-type]
    places = _apart([end for end, _ in ends], GAP / height)
    too_far = any(abs(place - end) * height > 1.5 * GAP for place, (end, _) in zip(places, ends, strict=True))
    if too_far or max(cell_len(name) for name, _ in named) * 0.6 * SMALL > 0.5 * width:
        axes.legend([line for _, line in named], [name for name, _ in named])
        return
    for place, (_, i) in zip(places, ends, strict=True):
        name, line = named[i]
        axes.annotate(
            name, (1, place), (4, 0), "axes fraction", "offset points",
            va="center", size=SMALL, color=line.get_color(), annotation_clip=False,
        )  # fmt: skip


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Return ascending heights, moved as little as possible, each at least `gap` above the one before."""
    blocks: list[list[float]] = []
    for height in heights:
        block = [height]
        while blocks and fmean(block) - fmean(blocks[-1]) < gap * (len(block) + len(blocks[-1])) / 2:
            block = blocks.pop() + block
        blocks.append(block)
    return [fmean(block) + gap * (i - (len(block) - 1) / 2) for block in blocks for i in range(len(block))]


def draw_cells(
    axes: Axes, values: Any, texts: Any, names: tuple[Sequence[str], Sequence[str]], *, cell: float, **scale: Any
) -> Any:
    """Draw a matrix [rows, columns] of coloured values with texts, and the names of rows and columns.

    Args:
        axes: Where to draw.
        values: The values that the colours show.
        texts: The text of each cell, which may be "".
        names: The names of the rows, and of the columns.
        cell: The width of a cell in points: text is smaller if it would not fit.
        scale: Options of `imshow`.
    """
    image = axes.imshow(values, cmap=colours().counts, **scale)
    rows, columns = names
    axes.set_xticks(range(len(columns)), columns, rotation=rotation(columns), size=min(SMALL, 0.9 * cell))
    axes.set_yticks(range(len(rows)), rows, size=min(SMALL, 0.9 * cell))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    size = min(SMALL, 1.45 * cell / max(1, *(len(text) for _, text in np.ndenumerate(texts))))
    shades: Any = image.to_rgba(np.ma.asarray(values))
    for (i, j), text in np.ndenumerate(texts):
        if text:
            axes.text(j, i, text, ha="center", va="center", size=size, color=text_on(shades[i, j]))
    return image


def draw_picture(axes: Axes, picture: np.ndarray) -> None:
    """Draw a picture [height, width, 1 or 3] uint8 in a frame, so that its edge shows on white paper."""
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set(xticks=(), yticks=())
    axes.spines[:].set_visible(True)


def short(name: str) -> str:
    """Return a name shortened for an axis."""
    return shortened(name, LONGEST)


def rotation(names: Sequence[str]) -> int:
    """Return the rotation in degrees of names below an axis: long ones are vertical."""
    return 90 if max(map(len, names)) > 2 else 0


def whole_numbers() -> MaxNLocator:
    """Return a locator of ticks at whole numbers."""
    return MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
