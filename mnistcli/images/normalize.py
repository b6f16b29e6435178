"""From grey pixels to a picture such as MNIST holds.

Source of the recipe: the description published with MNIST: the digit fitted into a 20×20 box keeping its aspect,
antialiased, then placed in 28×28 by its centre of mass. Measured on all 70,000 images: the longer side of the ink's
box is 19 or 20 pixels, the centre of mass, rounded, is at row and column 14, counted from 0.
"""

import numpy as np
from PIL import Image

from mnistcli.errors import ImageError

SIDE, BOX, CENTRE = 28, 20, 14
FAINTEST = 24  # grey levels between paper and ink under which a picture is blank


def normalize(grey: np.ndarray) -> np.ndarray:
    """Return [28, 28, 1] uint8, light ink on black, of grey pixels [height, width] uint8.

    A picture that is MNIST-like already, or the negative of one, passes through untouched but for its polarity.

    Raises:
        ImageError: The picture is blank.
    """
    for candidate in (grey, 255 - grey):
        if is_mnist_like(candidate):
            return candidate[..., None]
    return _centre(_fit_into_box(_crop(_ink(grey))))[..., None]


def is_mnist_like(grey: np.ndarray) -> bool:
    """Whether the pixels are a light digit on black in 28×28, fitted and centred as MNIST's are."""
    if grey.shape != (SIDE, SIDE) or grey.max() < 128:
        return False
    by_row, by_column = grey.sum(1), grey.sum(0)
    if by_row[0] + by_row[-1] + by_column[0] + by_column[-1] >= 16 * 4 * SIDE:
        return False
    rows, columns = _extent(grey > 64)
    fitted = max(rows.stop - rows.start, columns.stop - columns.start) <= BOX + 1
    return fitted and all(abs(at - CENTRE) < 1 for at in (_mean_position(by_row), _mean_position(by_column)))


def _ink(grey: np.ndarray) -> np.ndarray:
    """Return how much ink each pixel holds, 0 to 255: the paper is what the picture's edge shows most."""
    levels = grey.astype(np.float64)
    threshold = _otsu(grey)
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if np.median(edge) > threshold:
        levels, threshold = 255 - levels, 255 - threshold
    above = levels > threshold
    if not above.any() or above.all():
        raise ImageError("is blank: no ink was found on it")
    paper, ink = np.median(levels[~above]), np.percentile(levels[above], 90)
    if ink - paper < FAINTEST:
        raise ImageError("is blank: no ink was found on it")
    return ((levels - paper) / (ink - paper)).clip(0, 1) * 255


def _otsu(grey: np.ndarray) -> float:
    """Return the threshold that parts the grey levels best into two classes.

    Source: N. Otsu, "A threshold selection method from gray-level histograms", IEEE Transactions on Systems, Man, and
    Cybernetics 9 (1979).
    """
    histogram = np.bincount(grey.ravel(), minlength=256) / grey.size
    below, level_sums = histogram.cumsum(), (histogram * np.arange(256)).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (level_sums[-1] * below - level_sums) ** 2 / (below * (1 - below))
    between = np.nan_to_num(between, posinf=0)
    return float(np.flatnonzero(between == between.max()).mean())


def _crop(ink: np.ndarray) -> np.ndarray:
    rows, columns = _extent(ink > 64)
    return ink[rows, columns]


def _extent(mask: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns that hold any of the mask."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _fit_into_box(ink: np.ndarray) -> np.ndarray:
    height, width = ink.shape
    scale = BOX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(ink.round().astype(np.uint8)).resize(size, Image.Resampling.LANCZOS))


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
