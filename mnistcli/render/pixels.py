"""Grey pictures on a terminal: two pixels a character by half blocks, or by shades where there is no colour."""

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.style import Style
from rich.text import Text

SHADES = " ░▒▓█"


def draw(picture: np.ndarray, console: Console) -> list[Text]:
    """Return the lines that show a picture [height, width, channels] uint8."""
    grey = picture.mean(-1).round().astype(int)
    if len(grey) % 2:
        grey = np.vstack([grey, np.zeros_like(grey[:1])])
    draw_line = _shaded if console.no_color or console.color_system is None else _half_blocks
    return [draw_line(top, bottom) for top, bottom in zip(grey[::2], grey[1::2], strict=True)]


def beside(blocks: Sequence[Sequence[Text]], *, gap: int = 2) -> Text:
    """Return blocks of lines, equally high, set beside one another."""
    rows = zip(*blocks, strict=True)
    return Text("\n").join(Text(" " * gap).join(row) for row in rows)


def trim(pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Cut off the margins that are empty in every one of the pictures, so that more fit on a line."""
    ink = np.maximum.reduce([picture.max(-1) for picture in pictures]) > 0
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not rows.size:
        return list(pictures)
    return [picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] for picture in pictures]


def _half_blocks(top: np.ndarray, bottom: np.ndarray) -> Text:
    line = Text()
    for upper, lower in zip(top.tolist(), bottom.tolist(), strict=True):
        line.append("▀", Style(color=f"rgb({upper},{upper},{upper})", bgcolor=f"rgb({lower},{lower},{lower})"))
    return line


def _shaded(top: np.ndarray, bottom: np.ndarray) -> Text:
    levels = (top + bottom) * (len(SHADES) - 1) / 510
    return Text("".join(SHADES[level] for level in levels.round().astype(int).tolist()))
