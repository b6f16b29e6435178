"""Remove the lines of ruled paper: straight, thin, and from one edge of the picture to the other."""

import numpy as np

FAINT = 0.3  # of a stroke's ink; a rule is thinner than the pen, and fainter after shrinking
FILLED = 0.85  # of a rule's length must be ink
THICKEST = 1 / 16  # of the picture's longer side; a stroke in a tight scan of 8×8 pixels is thicker
STEEPEST = 0.3  # of the picture's width; how far a rule may rise or fall: 17°
STROKE = 2  # times a rule's thickness; what is thicker on a rule is a stroke that crosses it
BEYOND = 0.15  # of the writing's height; a rule extends at least so far on both sides, unlike the bar of a 7
MOST = 40  # rules in one direction


def drop_rules(ink: np.ndarray) -> np.ndarray:
    """Return ink [height, width] without horizontal and vertical rules; strokes that cross them stay complete.

    Writing that was fainter than the rules is darkened to full ink.
    """
    mask = ink > FAINT
    without_rows = _drop_horizontal(mask)
    written = _drop_horizontal(without_rows.T).T
    crossed = not np.array_equal(without_rows, mask), not np.array_equal(written, without_rows)
    if all(crossed):
        written = _drop_horizontal(written)  # rules whose ends were hidden by vertical ones
    if not any(crossed) or not _extend_beyond(written, *crossed):
        return ink
    from scipy.ndimage import binary_dilation

    kept = np.where(binary_dilation(mask & ~written, iterations=2) & ~written, 0, ink)
    return (kept / np.percentile(kept[written], 75)).clip(0, 1)


def _extend_beyond(written: np.ndarray, horizontal: bool, vertical: bool) -> bool:
    """Whether rules extended beyond the largest remaining piece; otherwise they were parts of the writing."""
    from scipy.ndimage import find_objects, label

    pieces, count = label(written, np.ones((3, 3)))
    if not count:
        return False
    rows, columns = find_objects(pieces)[int(np.bincount(pieces.ravel())[1:].argmax())]
    height, width = written.shape
    beyond = BEYOND * (rows.stop - rows.start)
    beside = min(columns.start, width - columns.stop) >= beyond
    above_and_below = min(rows.start, height - rows.stop) >= beyond
    return (beside or not horizontal) and (above_and_below or not vertical)


def _drop_horizontal(mask: np.ndarray) -> np.ndarray:
    columns, rows = np.arange(mask.shape[1]), np.arange(mask.shape[0])[:, None]
    for _ in range(MOST):
        path = _find_rule(mask)
        if path is None:
            break
        top, bottom = _runs(mask, path)
        thickness = np.median((bottom - top)[mask[path, columns]])
        if thickness > THICKEST * max(mask.shape):
            break
        rule = mask[path, columns] & (bottom - top <= STROKE * thickness)
        mask = mask & ~(rule & (rows >= top) & (rows < bottom))
    return mask


def _find_rule(mask: np.ndarray) -> np.ndarray | None:
    """Return, for each column, the row of the best straight line of ink from the left edge to the right; None if none.

    It tries every pair of ink in a left and a right column, a little inside the edges, past frames and shadows.
    """
    height, width = mask.shape
    inset = width // 50
    left, right = (_middles(mask[:, column]) for column in (inset, width - 1 - inset))
    starts, ends = (each.ravel() for each in np.meshgrid(left, right, indexing="ij"))
    flat = np.abs(ends - starts) <= STEEPEST * width
    starts, ends = starts[flat], ends[flat]
    if not len(starts) or len(left) * len(right) > MOST**2:
        return None
    along = (np.arange(width) - inset) / max(width - 1 - 2 * inset, 1)
    paths = (starts[:, None] + (ends - starts)[:, None] * along).round().astype(int).clip(0, height - 1)
    filled = mask[paths, np.arange(width)].mean(1)
    best = int(filled.argmax())
    return paths[best] if filled[best] >= FILLED else None


def _middles(line: np.ndarray) -> np.ndarray:
    """Return the middle of each run of true values."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], line, [False]]).astype(np.int8)))
    return (steps[::2] + steps[1::2] - 1) // 2


def _runs(mask: np.ndarray, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first row, and the row after the last, of the vertical run of ink around the path in each column."""
    height = len(mask)
    rows = np.arange(height)[:, None]
    above, below = ~mask & (rows < path), ~mask & (rows > path)
    top = np.where(above.any(0), height - above[::-1].argmax(0), 0)
    bottom = np.where(below.any(0), below.argmax(0), height)
    return top, bottom
