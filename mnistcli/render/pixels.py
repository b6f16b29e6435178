"""Grey pictures on a terminal: two pixels a character by half blocks, or by shades where there is no colour."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from rich.console import Console
from rich.style import Style
from rich.text import Text

GAP = 2  # columns between pictures
SHADES = " ░▒▓█"


def draw(picture: np.ndarray, console: Console) -> list[Text]:
    """Return the lines that show a picture [height, width, channels] of 0 to 255."""
    grey = picture.mean(-1).round().astype(int)
    if len(grey) % 2:
        grey = np.vstack([grey, np.zeros_like(grey[:1])])
    draw_line = _shaded if console.no_color or console.color_system is None else _half_blocks
    return [draw_line(top, bottom) for top, bottom in zip(grey[::2], grey[1::2], strict=True)]


def flow(blocks: Sequence[Sequence[Text]], *, width: int, most: int | None = None) -> Iterable[Text]:
    """Set blocks of lines, equally high, in rows: as many beside one another as fit, and at most `most`."""
    widest = min(width, max(line.cell_len for block in blocks for line in block))
    for block in blocks:
        for line in block:
            line.align("left", widest)
    a_row = max(1, min(most or len(blocks), (width + GAP) // (widest + GAP)))
    for start in range(0, len(blocks), a_row):
        lines = zip(*blocks[start : start + a_row], strict=True)
        yield Text("\n").join(Text(" " * GAP).join(line) for line in lines)


def trim(pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Cut off the margins that are empty in every one of the pictures, so that more fit on a line."""
    ink = np.maximum.reduce([picture.max(-1) for picture in pictures]) > 0
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not rows.size:
        return list(pictures)
    return [picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] for picture in pictures]


def shrink(pictures: Sequence[np.ndarray], width: int) -> list[np.ndarray]:
    """Average squares of pixels where pictures of one size are more than `width` pixels wide."""
    side = math.ceil(pictures[0].shape[1] / width)
    height, width = (length // side for length in pictures[0].shape[:2])
    cropped = (picture[: height * side, : width * side] for picture in pictures)
    return [picture.reshape(height, side, width, side, picture.shape[2]).mean((1, 3)) for picture in cropped]


def _half_blocks(top: np.ndarray, bottom: np.ndarray) -> Text:
    line = Text()
    for upper, lower in zip(top.tolist(), bottom.tolist(), strict=True):
        line.append("▀", Style(color=f"rgb({upper},{upper},{upper})", bgcolor=f"rgb({lower},{lower},{lower})"))
    return line


def _shaded(top: np.ndarray, bottom: np.ndarray) -> Text:
    levels = (top + bottom) * (len(SHADES) - 1) / 510
    return Text("".join(SHADES[level] for level in levels.round().astype(int).tolist()))
