"""From a picture of a digit to an image like MNIST's.

Source of the recipe: the description published with MNIST: fit the digit into a 20×20 box, keeping its aspect ratio,
with antialiasing, then place it in 28×28 by its centre of mass. Measured on all 70,000 images: the longer side of the
ink's box is 19 or 20 pixels, and the rounded centre of mass is at row and column 14, counted from 0.
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
THINNEST, THICKEST = 1.6, 4.5  # pixels in the box; the strokes of 19 in 20 images of MNIST are between these
Steps = list[tuple[str, np.ndarray]]


def normalize(pixels: np.ndarray, *, invert: str = "auto") -> np.ndarray:
    """Return the first interpretation of a picture [height, width, 1 or 3] uint8: [28, 28, 1] uint8, light on black.

    Arguments and errors as in `interpretations`.
    """
    first, *_ = interpretations(pixels, invert=invert)
    return first[-1][1]


def interpretations(pixels: np.ndarray, *, invert: str = "auto") -> list[Steps]:
    """Return the named steps from a picture to an image, once for each map of its ink.

    Most pictures have one map (see `find_ink_maps`). If there are two, a network decides which one shows a digit. All
    steps except the last are ink [height, width], float 0 to 1; the last is [28, 28, 1] uint8. A picture that is
    already MNIST-like, or the negative of one, is not changed except for its polarity.

    Args:
        pixels: The picture, [height, width, 1 or 3] uint8.
        invert: "yes" if the ink is dark on light paper, "no" if it is light on dark, "auto" to detect it.

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
    yield "strokes as thick as MNIST's", (ink := _adjust_strokes(ink))
    yield "fitted and centred", _centre(_fit_into_box(ink))[..., None]


def to_mnist_image(ink: np.ndarray) -> np.ndarray:
    """Return one digit's ink, float 0 to 1, as [28, 28, 1] uint8 with strokes, size and position like MNIST's."""
    return _centre(_fit_into_box(_adjust_strokes(ink)))[..., None]


def _find_mnist_like(pixels: np.ndarray, invert: str) -> np.ndarray | None:
    if pixels.shape[:2] != (SIDE, SIDE):
        return None
    grey = pixels[..., 0] if pixels.shape[-1] == 1 else pixels.mean(-1).round().astype(np.uint8)
    candidates = {"no": [grey], "yes": [255 - grey], "auto": [grey, 255 - grey]}[invert]
    return next((candidate[..., None] for candidate in candidates if is_mnist_like(candidate)), None)


def _adjust_strokes(ink: np.ndarray) -> np.ndarray:
    ink = _crop(_shrink(_crop(ink)))
    ink = (ink / np.percentile(ink[ink > 0.5], 75)).clip(0, 1)  # what was removed may have been darker
    scale = BOX / max(ink.shape)
    return _crop(adjust_weight(np.pad(ink, int(2 / scale) + 1), thinnest=THINNEST / scale, thickest=THICKEST / scale))


def _shrink(ink: np.ndarray) -> np.ndarray:
    """Return ink of at most WORKING_SIDE pixels a side, by the maximum of blocks: to thicken more takes seconds."""
    block = -(-max(ink.shape) // WORKING_SIDE)
    height, width = (-(-side // block) for side in ink.shape)
    padded = np.pad(ink, [(0, -side % block) for side in ink.shape])
    return np.asarray(padded.reshape(height, block, width, block).max((1, 3)))


def is_mnist_like(grey: np.ndarray) -> bool:
    """Whether grey pixels are 28×28 with a light digit on black, fitted and centred like MNIST's."""
    if grey.shape != (SIDE, SIDE) or grey.max() < 128:
        return False
    by_row, by_column = grey.sum(1), grey.sum(0)
    if by_row[0] + by_row[-1] + by_column[0] + by_column[-1] >= 16 * 4 * SIDE:
        return False
    rows, columns = bounding_box(grey > 64)
    fitted = max(rows.stop - rows.start, columns.stop - columns.start) <= BOX + 1
    return fitted and all(abs(at - CENTRE) < 1 for at in (_mean_position(by_row), _mean_position(by_column)))


def _crop(ink: np.ndarray) -> np.ndarray:
    rows, columns = bounding_box(ink > 0.25)
    return ink[rows, columns]


def bounding_box(mask: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns of the mask's bounding box."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _fit_into_box(ink: np.ndarray) -> np.ndarray:
    height, width = ink.shape
    scale = BOX / max(height, width)
    columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(resize(Image.fromarray((ink * 255).round().astype(np.uint8)), rows, columns))


def _centre(digit: np.ndarray) -> np.ndarray:
    """Place the digit in 28×28 with its rounded centre of mass at CENTRE, as far as it fits."""
    height, width = digit.shape
    row, column = (round(CENTRE - _mean_position(digit.sum(axis))) for axis in (1, 0))
    row, column = min(max(row, 0), SIDE - height), min(max(column, 0), SIDE - width)
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    canvas[row : row + height, column : column + width] = digit
    return canvas


def _mean_position(weights: np.ndarray) -> float:
    """Return the mean position, counted from 0, with integer weights [n]."""
    return float(weights @ np.arange(len(weights), dtype=weights.dtype) / weights.sum())
