"""Pictures on a terminal and on pages.

A character shows two pixels: as half blocks in colour, else as shades or signs.
"""

import io
import math
from base64 import b64encode
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image
from rich.console import Console
from rich.style import Style
from rich.text import Text

GAP = 2  # columns between pictures
MOST_PIXELS = 64  # width of an image in a figure or on a page; a wider one is shrunk
SHADES = " ░▒▓█"
SIGNS = "≡=- +*#"  # from far below zero to far above
# Matplotlib's RdBu_r, at -1, -0.5, 0, 0.5 and 1.
DIVERGING = ((5, 48, 97), (107, 172, 209), (247, 246, 246), (228, 128, 102), (103, 0, 31))


def draw(picture: np.ndarray, console: Console) -> list[Text]:
    """Return the lines that show a picture [height, width, channels] of 0 to 255."""
    grey = picture.mean(-1).round().astype(int)
    if len(grey) % 2:
        grey = np.vstack([grey, np.zeros_like(grey[:1])])
    if has_colour(console):
        return _half_blocks(np.repeat(grey[..., None], 3, axis=-1))
    return [_shaded(top, bottom) for top, bottom in zip(grey[::2], grey[1::2], strict=True)]


def draw_signed(values: np.ndarray, console: Console) -> list[Text]:
    """Return the lines that show numbers [height, width] from -1, blue, to 1, red."""
    if len(values) % 2:
        values = np.vstack([values, np.zeros_like(values[:1])])
    if has_colour(console):
        places = np.linspace(-1, 1, len(DIVERGING))
        channels = [np.interp(values, places, channel) for channel in zip(*DIVERGING, strict=True)]
        return _half_blocks(np.stack(channels, axis=-1).round().astype(int))
    means = (values[::2] + values[1::2]) / 2
    roots = np.sign(means) * np.sqrt(np.abs(means).clip(max=1))  # so that few signs show small numbers, too
    levels = ((roots + 1) * (len(SIGNS) - 1) / 2).round().astype(int)
    return [Text("".join(SIGNS[level] for level in line)) for line in levels.tolist()]


def has_colour(console: Console) -> bool:
    """Whether the console shows colours."""
    return not console.no_color and console.color_system is not None


def flow(blocks: Sequence[Sequence[Text]], *, width: int, most: int | None = None) -> Iterable[Text]:
    """Arrange blocks of equal height in rows, as many side by side as fit, at most `most`."""
    widest = min(width, max(line.cell_len for block in blocks for line in block))
    for block in blocks:
        for line in block:
            line.align("left", widest)
    a_row = max(1, min(most or len(blocks), (width + GAP) // (widest + GAP)))
    for start in range(0, len(blocks), a_row):
        lines = zip(*blocks[start : start + a_row], strict=True)
        yield Text("\n").join(Text(" " * GAP).join(line) for line in lines)


def trim(pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Cut off the margins that are empty in all pictures, so that more fit on a line."""
    ink = np.maximum.reduce([picture.max(-1) for picture in pictures]) > 0
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not rows.size:
        return list(pictures)
    return [picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] for picture in pictures]


def shrink(pictures: Sequence[np.ndarray], width: int) -> list[np.ndarray]:
    """Average squares of pixels if the pictures, all of one size, are wider than `width`."""
    side = math.ceil(pictures[0].shape[1] / width)
    height, width = (length // side for length in pictures[0].shape[:2])
    cropped = (picture[: height * side, : width * side] for picture in pictures)
    return [picture.reshape(height, side, width, side, picture.shape[2]).mean((1, 3)) for picture in cropped]


def mosaic(pictures: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Return pictures [height, width] or [height, width, channels] in a grid, one NaN pixel apart."""
    height, width, *channels = pictures[0].shape
    rows = -(-len(pictures) // columns)
    canvas = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, *channels), np.nan)
    for i, picture in enumerate(pictures):
        top, left = i // columns * (height + 1), i % columns * (width + 1)
        canvas[top : top + height, left : left + width] = picture
    return canvas


def png_address(picture: np.ndarray, *, most: int) -> str:
    """Return the data URL of a PNG image of a picture [height, width, 1, 3 or 4] of 0 to 255.

    It is shrunk to at most `most` pixels wide.
    """
    [small] = shrink([picture], most)
    pixels = small.round().astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(content, "png", optimize=True)
    return f"data:image/png;base64,{b64encode(content.getvalue()).decode()}"


def _half_blocks(pixels: np.ndarray) -> list[Text]:
    """Return the lines that show pixels [height, width, 3] of 0 to 255; the height is even."""
    lines = [Text() for _ in pixels[::2]]
    for line, top, bottom in zip(lines, pixels[::2].tolist(), pixels[1::2].tolist(), strict=True):
        for upper, lower in zip(top, bottom, strict=True):
            line.append("▀", Style(color=_rgb(upper), bgcolor=_rgb(lower)))
    return lines


def _rgb(channels: Sequence[int]) -> str:
    red, green, blue = channels
    return f"rgb({red},{green},{blue})"


def _shaded(top: np.ndarray, bottom: np.ndarray) -> Text:
    levels = (top + bottom) * (len(SHADES) - 1) / 510
    return Text("".join(SHADES[level] for level in levels.round().astype(int).tolist()))
