"""Separate a digit's ink from other ink, and adjust the thickness of its strokes."""

import numpy as np

SPECK = 0.03  # of the largest piece's ink; a smaller piece is dirt
REACH = 0.5  # of the largest piece's longer side; a piece farther away belongs to something else
FAINT = 0.15  # of a stroke's ink; fainter ink does not connect pieces


def keep_digit(ink: np.ndarray) -> np.ndarray:
    """Return the ink [height, width] of the largest piece above 0.5 and of those near it; 0 elsewhere.

    Faint ink close to these pieces is kept if it touches one: in a scan of few pixels, strokes have faint parts.
    Source: the two thresholds of J. Canny, "A computational approach to edge detection", IEEE Transactions on Pattern
    Analysis and Machine Intelligence 8 (1986).
    """
    from scipy.ndimage import binary_dilation, find_objects, label

    pieces, count = label(ink > 0.5, np.ones((3, 3)))
    areas = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    largest = int(areas.argmax())
    boxes = find_objects(pieces)
    extent = max(side.stop - side.start for side in boxes[largest])
    large = np.flatnonzero(areas >= SPECK * areas[largest]).tolist()
    kept = [number + 1 for number in large if _gap(boxes[number], boxes[largest]) <= REACH * extent]
    mask = np.isin(pieces, kept)
    near = binary_dilation(mask, np.ones((3, 3)), iterations=2 + extent // 20)
    joined, _ = label((ink > FAINT) & near, np.ones((3, 3)))
    return np.where(np.isin(joined, joined[mask]), ink, 0)


def adjust_weight(ink: np.ndarray, *, thinnest: float, thickest: float) -> np.ndarray:
    """Return ink [height, width] with strokes of a mean thickness from `thinnest` to `thickest` pixels."""
    from scipy.ndimage import grey_dilation, grey_erosion

    thickness = stroke_thickness(ink)
    if thickness < thinnest:
        return grey_dilation(ink, footprint=_disc((thinnest - thickness) / 2))
    if thickness > thickest:
        return grey_erosion(ink, footprint=_disc((thickness - thickest) / 2))
    return ink


def stroke_thickness(ink: np.ndarray) -> float:
    """Return the mean thickness of the strokes in pixels: twice their area over the length of their outline."""
    mask = np.pad(ink > 0.5, 1)
    steps = [np.count_nonzero(mask[1:] != mask[:-1]), np.count_nonzero(mask[:, 1:] != mask[:, :-1])]
    outline = sum(steps) * np.pi / 4  # an outline with all directions equally has 4 / π steps per pixel of length
    return 2 * np.count_nonzero(mask) / max(outline, 1.0)


def _gap(one: tuple[slice, ...], other: tuple[slice, ...]) -> int:
    """Return the gap in pixels between two boxes, along the axis where it is larger."""
    return max(max(a.start - b.stop, b.start - a.stop, 0) for a, b in zip(one, other, strict=True))


def _disc(radius: float) -> np.ndarray:
    reach = int(np.ceil(radius))
    y, x = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    return np.hypot(y, x) <= radius
