"""Which of the ink belongs to the digit, and how thick its strokes are."""

import numpy as np

from mnistcli.errors import ImageError

SPECK = 0.03  # of the largest piece's ink: a smaller piece is dirt
REACH = 0.5  # of the largest piece's longer side: a piece farther off belongs to something else
FILLED = 0.23  # of the longer side: what is thicker than twice that is an area; the most in 3,000 test digits is 0.225
LIKE = 0.2  # of the largest piece's ink: pieces of its kind
MOST = 6  # pieces of that kind in one broken digit; a page of text has more
FLAT = 3  # times as wide as high; MNIST's flattest digit is 2.5 times
SOLID = 0.92  # of an ellipse of the same spread is ink; a rectangle's share is 0.955
SLIM = 0.3  # of the longer axis: a solid stroke that is slimmer may be a 1; 80 of MNIST's 70,000 are solid and not slim
BAR = 0.2  # of the longer axis: a slimmer box is a 1 of a square pen
BOX = 0.97  # of the box around it is ink; a round pen's stroke 4 times as long as wide fills 0.946 of its own
SHARP = 8  # pixels: in a narrower one no corner is told from a round end
HOLES = 40  # in one digit, specks of light among them; noise has more


def keep_digit(ink: np.ndarray) -> np.ndarray:
    """Return the ink [height, width] of the largest piece and those that belong to it; 0 elsewhere.

    Raises:
        ImageError: What there is has no strokes, or is in too many pieces for one digit.
    """
    from scipy.ndimage import binary_dilation, find_objects, label

    pieces, count = label(ink > 0.5, np.ones((3, 3)))
    areas = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    largest = int(areas.argmax())
    if np.count_nonzero(areas >= LIKE * areas[largest]) > MOST:
        raise ImageError("shows no single digit: what stands out from the paper is in many pieces")
    boxes = find_objects(pieces)
    extent = max(side.stop - side.start for side in boxes[largest])
    kept = [
        number
        for number in range(count)
        if areas[number] >= SPECK * areas[largest] and _gap(boxes[number], boxes[largest]) <= REACH * extent
    ]
    mask = np.isin(pieces, [number + 1 for number in kept])
    check_strokes(mask, extent)
    _check_figure(mask)
    return np.where(binary_dilation(mask, np.ones((3, 3)), iterations=1 + extent // 100), ink, 0)


def check_strokes(mask: np.ndarray, extent: float) -> None:
    """Refuse ink [height, width] that no digit of that longer side, in pixels, is made of.

    Raises:
        ImageError: It is full of holes, or an area.
    """
    from scipy.ndimage import distance_transform_edt, label

    if label(~mask)[1] > HOLES:
        raise ImageError("shows no digit: what stands out from the paper is full of holes")
    if distance_transform_edt(np.pad(mask, 1)).max() > FILLED * extent + 1:
        raise ImageError("shows no digit: what stands out from the paper is an area, not strokes")


def _check_figure(mask: np.ndarray) -> None:
    """Refuse ink [height, width] that is all of one digit and has no digit's figure.

    Raises:
        ImageError: It is much wider than high, or a solid shape, other than a slim one with blunt ends.
    """
    rows, columns = np.nonzero(mask)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    if width > FLAT * height:
        raise ImageError(f"shows no single digit: what stands out is {width / height:.1f} times as wide as high")
    spread = np.cov(rows, columns, ddof=0) + np.eye(2) / 12  # a pixel is a square, not a point
    variances, axes = np.linalg.eigh(spread)
    shorter, longer = np.sqrt(variances)
    solid = shorter > SLIM * longer and len(rows) > SOLID * 4 * np.pi * shorter * longer
    if solid or (shorter > BAR * longer and _is_box(np.stack([rows, columns], -1) @ axes)):
        raise ImageError("shows no digit: what stands out from the paper is an area, not strokes")


def _is_box(points: np.ndarray) -> bool:
    """Whether pixels [n, 2], along and across their longer axis, fill the box around them: its corners too."""
    sides = np.ptp(points, axis=0) + 1
    return bool(sides.min() >= SHARP and len(points) > BOX * sides.prod())


def adjust_weight(ink: np.ndarray, *, thinnest: float, thickest: float) -> np.ndarray:
    """Return ink [height, width] whose strokes are from `thinnest` to `thickest` pixels thick, as a mean."""
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
    outline = sum(steps) * np.pi / 4  # an outline in every direction alike has 4 / π steps a pixel of length
    return 2 * np.count_nonzero(mask) / max(outline, 1.0)


def _gap(one: tuple[slice, ...], other: tuple[slice, ...]) -> int:
    """Return the pixels between two boxes along the axis on which they are farther apart."""
    return max(max(a.start - b.stop, b.start - a.stop, 0) for a, b in zip(one, other, strict=True))


def _disc(radius: float) -> np.ndarray:
    reach = int(np.ceil(radius))
    y, x = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    return np.hypot(y, x) <= radius
