"""From a picture of a digit to one such as MNIST holds.

Source of the recipe: the description published with MNIST: the digit fitted into a 20×20 box keeping its aspect,
antialiased, then placed in 28×28 by its centre of mass. Measured on all 70,000 images: the longer side of the ink's
box is 19 or 20 pixels, the centre of mass, rounded, is at row and column 14, counted from 0.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from mnistcli.vision.decode import WORKING_SIDE
from mnistcli.vision.ink import find_ink_maps
from mnistcli.vision.rules import drop_rules
from mnistcli.vision.scale import resize
from mnistcli.vision.strokes import adjust_weight, keep_digit
from mnistcli.vision.surroundings import drop_edges, drop_frames

SIDE, BOX, CENTRE = 28, 20, 14
THINNEST, THICKEST = 1.6, 4.5  # pixels of the box: strokes of 19 in 20 images of MNIST lie between
Steps = list[tuple[str, np.ndarray]]


def normalize(pixels: np.ndarray, *, invert: str = "auto") -> np.ndarray:
    """Return the first interpretation of a picture [height, width, 1 or 3] uint8: [28, 28, 1] uint8, light on black.

    Arguments and errors are those of `interpretations`.
    """
    first, *_ = interpretations(pixels, invert=invert)
    return first[-1][1]


def interpretations(pixels: np.ndarray, *, invert: str = "auto") -> list[Steps]:
    """Return what is kept of a picture at each step, under the step's name: once for each map of its ink.

    Most pictures have one map (see `find_ink_maps`). Where there are two, a network tells which one shows a digit. All
    steps but the last are ink [height, width], float 0 to 1; the last is [28, 28, 1] uint8.
    A picture that is MNIST-like already, or the negative of one, passes through untouched but for its polarity.

    Args:
        pixels: The picture, [height, width, 1 or 3] uint8.
        invert: "yes" where its ink is dark on light paper, "no" where it is light on dark, "auto" to find out.

    Raises:
        ImageError: The picture is blank.
    """
    untouched = _find_mnist_like(pixels, invert)
    if untouched is not None:
        return [[("MNIST-like already", untouched)]]
    return [list(_steps(ink)) for ink in find_ink_maps(pixels, invert=invert)]


def _steps(ink: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    yield "ink", ink
    yield "without rules", (ink := drop_rules(ink))
    yield "without surroundings", (ink := drop_edges(drop_frames(ink)))
    yield "the digit alone", (ink := keep_digit(ink))
    yield "strokes as thick as MNIST's", (ink := _weigh(ink))
    yield "fitted and centred", _centre(_fit_into_box(ink))[..., None]


def place(ink: np.ndarray) -> np.ndarray:
    """Return [28, 28, 1] uint8 of one digit's ink, float 0 to 1: stroke weight, size and place as MNIST has them."""
    return _centre(_fit_into_box(_weigh(ink)))[..., None]


def _find_mnist_like(pixels: np.ndarray, invert: str) -> np.ndarray | None:
    if pixels.shape[:2] != (SIDE, SIDE):
        return None
    grey = pixels[..., 0] if pixels.shape[-1] == 1 else pixels.mean(-1).round().astype(np.uint8)
    candidates = {"no": [grey], "yes": [255 - grey], "auto": [grey, 255 - grey]}[invert]
    return next((candidate[..., None] for candidate in candidates if is_mnist_like(candidate)), None)


def _weigh(ink: np.ndarray) -> np.ndarray:
    ink = _crop(_shrink(_crop(ink)))
    ink = (ink / np.percentile(ink[ink > 0.5], 75)).clip(0, 1)  # what else there was may have been darker
    scale = BOX / max(ink.shape)
    return _crop(adjust_weight(np.pad(ink, int(2 / scale) + 1), thinnest=THINNEST / scale, thickest=THICKEST / scale))


def _shrink(ink: np.ndarray) -> np.ndarray:
    """Return ink of WORKING_SIDE pixels a side at most, each the most of a block: to thicken more takes seconds."""
    block = -(-max(ink.shape) // WORKING_SIDE)
    height, width = (-(-side // block) for side in ink.shape)
    padded = np.pad(ink, [(0, -side % block) for side in ink.shape])
    return np.asarray(padded.reshape(height, block, width, block).max((1, 3)))


def is_mnist_like(grey: np.ndarray) -> bool:
    """Whether the pixels are a light digit on black in 28×28, fitted and centred as MNIST's are."""
    if grey.shape != (SIDE, SIDE) or grey.max() < 128:
        return False
    by_row, by_column = grey.sum(1), grey.sum(0)
    if by_row[0] + by_row[-1] + by_column[0] + by_column[-1] >= 16 * 4 * SIDE:
        return False
    rows, columns = extent(grey > 64)
    fitted = max(rows.stop - rows.start, columns.stop - columns.start) <= BOX + 1
    return fitted and all(abs(at - CENTRE) < 1 for at in (_mean_position(by_row), _mean_position(by_column)))


def _crop(ink: np.ndarray) -> np.ndarray:
    rows, columns = extent(ink > 0.25)
    return ink[rows, columns]


def extent(mask: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns that hold any of the mask."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _fit_into_box(ink: np.ndarray) -> np.ndarray:
    height, width = ink.shape
    scale = BOX / max(height, width)
    columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(resize(Image.fromarray((ink * 255).round().astype(np.uint8)), rows, columns))


def _centre(digit: np.ndarray) -> np.ndarray:
    """Place the digit so that its centre of mass, rounded, is where MNIST has it; keep all of it inside."""
    height, width = digit.shape
    row, column = (round(CENTRE - _mean_position(digit.sum(axis))) for axis in (1, 0))
    row, column = min(max(row, 0), SIDE - height), min(max(column, 0), SIDE - width)
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    canvas[row : row + height, column : column + width] = digit
    return canvas


def _mean_position(weights: np.ndarray) -> float:
    """Return the mean of positions counted from 0, weighted by integers [n]."""
    return float(weights @ np.arange(len(weights), dtype=weights.dtype) / weights.sum())
