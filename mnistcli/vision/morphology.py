"""Grey dilation and erosion by a disc of any size, in a few passes over the picture.

The disc is approximated by an octagon, the sum of four lines; each line is grown by shifts that triple in length.
Source: R. Adams, "Radial decomposition of discs and spheres", CVGIP: Graphical Models and Image Processing 55 (1993).
"""

import numpy as np

# The reach of a line to each side, as a fraction of the octagon's width; the two diagonals have half the weight each.
STRAIGHT, DIAGONAL = 0.207, 0.146


def dilate(levels: np.ndarray, width: float) -> np.ndarray:
    """Return, for each pixel, the highest of the levels [height, width, …] uint8 in an octagon around it."""
    for step, share in (((0, 1), STRAIGHT), ((1, 0), STRAIGHT), ((1, 1), DIAGONAL), ((1, -1), DIAGONAL)):
        levels = _dilate_along(levels, step, round(share * width))
    return levels


def erode(levels: np.ndarray, width: float) -> np.ndarray:
    """Return, for each pixel, the lowest of the levels [height, width, …] uint8 in an octagon around it."""
    return 255 - dilate(255 - levels, width)


def drop_light(levels: np.ndarray, width: float) -> np.ndarray:
    """Return levels [height, width, …] uint8 without light parts that are thinner than `width` everywhere.

    A part that is as thick somewhere keeps its complete shape, with its corners; the picture is mirrored at its edge.
    """
    margin = int(width / 2) + 1
    padded = np.pad(levels, [(margin, margin)] * 2 + [(0, 0)] * (levels.ndim - 2), mode="symmetric")
    opened = dilate(erode(padded, width), width)[margin:-margin, margin:-margin]
    return _reconstruct(np.minimum(opened, levels), levels)


def drop_dark(levels: np.ndarray, width: float) -> np.ndarray:
    """Return levels [height, width, …] uint8 without dark parts that are thinner than `width` everywhere."""
    return 255 - drop_light(255 - levels, width)


def _reconstruct(marker: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the marker spread from neighbour to neighbour, but never above the levels.

    Source: L. Vincent, "Morphological grayscale reconstruction in image analysis", IEEE Transactions on Image
    Processing 2 (1993): sweeps, here by whole rows and columns, until nothing changes.
    """
    while True:
        before = marker
        for _ in ("rows", "columns"):
            marker = _sweep(_sweep(marker, levels)[::-1], levels[::-1])[::-1]
            marker, levels = (np.ascontiguousarray(each.swapaxes(0, 1)) for each in (marker, levels))
        if np.array_equal(marker, before):
            return marker


def _sweep(marker: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return the marker spread downwards."""
    marker = marker.copy()
    for row in range(1, len(marker)):
        np.minimum(np.maximum(marker[row], marker[row - 1]), levels[row], out=marker[row])
    return marker


def _dilate_along(levels: np.ndarray, step: tuple[int, int], reach: int) -> np.ndarray:
    """Return the highest level within `reach` steps (rows, columns) forwards and backwards."""
    reached = 0
    while reached < reach:
        stride = min(2 * reached + 1, reach - reached)
        levels = _with_shifted(levels, step[0] * stride, step[1] * stride)
        reached += stride
    return levels


def _with_shifted(levels: np.ndarray, down: int, right: int) -> np.ndarray:
    """Return the maximum of levels and levels shifted by (down, right) and back; nothing is shifted in."""
    height, width = levels.shape[:2]
    highest = levels.copy()
    if down < height and abs(right) < width:
        there = slice(down, None), slice(max(right, 0), width + min(right, 0))
        here = slice(None, height - down), slice(max(-right, 0), width + min(-right, 0))
        for to, source in ((there, here), (here, there)):
            np.maximum(highest[to], levels[source], out=highest[to])
    return highest
