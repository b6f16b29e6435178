"""Remove what surrounds the writing: a desk beside the sheet, a scan's dark edge, a window's border, a form's box."""

import numpy as np

SMALLEST = 0.02  # of a surrounding's ink; writing inside it has more
ALONG = 0.5  # of the writing's longer side; what touches the picture's edge for longer is not writing
LYING = 0.65  # of a piece's own longer side; a digit that the edge cuts off touches it with less
FAINT = 0.25  # of a stroke's ink; in a scan of few pixels, fainter ink connects the digit to what is along the edge
FRAMED = 0.3  # of a frame's shorter side; framed writing is longer, unlike the dot in a zero


def drop_frames(ink: np.ndarray) -> np.ndarray:
    """Return ink [height, width] without frames: pieces with a hole that contains another piece that may be writing."""
    from scipy.ndimage import binary_fill_holes, find_objects

    pieces, areas, lengths = _measure(ink)
    frames = np.zeros(len(areas), bool)
    for number, box in enumerate(find_objects(pieces), start=1):
        if areas[number] >= SMALLEST * areas.max():
            own = pieces[box] == number
            framed = np.unique(pieces[box][binary_fill_holes(own) & ~own])
            frames[number] = lengths[framed].max(initial=0) >= FRAMED * min(own.shape)
    return _drop(ink, pieces, frames)


def drop_edges(ink: np.ndarray) -> np.ndarray:
    """Return ink [height, width] without pieces along the picture's edge, if there is writing away from the edge."""
    pieces, areas, lengths = _measure(ink, FAINT)
    sides = (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1])
    touching = np.max([np.bincount(side, minlength=len(areas)) for side in sides], axis=0)
    touching[0] = 0
    inside = np.where(touching == 0, lengths, 0)
    around = np.zeros(len(areas), bool)
    for number in np.flatnonzero(touching):
        longest = inside[areas >= SMALLEST * areas[number]].max(initial=0)
        around[number] = 0 < ALONG * longest < touching[number] > LYING * lengths[number]
    return _drop(ink, pieces, around)


def _measure(ink: np.ndarray, faintest: float = 0.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pieces of ink above `faintest`, numbered from 1, [height, width]; their areas and longer sides by number.

    Only ink above 0.5 counts as area; a piece without any has area and length 0, like number 0.
    """
    from scipy.ndimage import find_objects, label

    pieces, count = label(ink > faintest, np.ones((3, 3)))
    areas = np.bincount(pieces[ink > 0.5], minlength=count + 1)
    lengths = [max(side.stop - side.start for side in box) for box in find_objects(pieces)]
    return pieces, areas, np.where(areas > 0, np.array([0, *lengths]), 0)


def _drop(ink: np.ndarray, pieces: np.ndarray, dropped: np.ndarray) -> np.ndarray:
    """Return ink without the pieces that `dropped` [pieces] bool marks, and without their soft outlines."""
    from scipy.ndimage import binary_dilation

    if not dropped.any():
        return ink
    return np.where(binary_dilation(dropped[pieces], iterations=2) & (dropped[pieces] | (pieces == 0)), 0, ink)
