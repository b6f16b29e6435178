"""The lines that paper is ruled with: straight, thin, and from one edge of the picture to the other."""

import numpy as np

FILLED = 0.85  # of a rule's length is ink at least
STEEPEST = 0.3  # of the picture's width that a rule may climb: 17°
THINNEST_STROKE = 2  # times a rule's thickness: what is thicker where it crosses the rule is a stroke
MOST = 40  # rules in one direction


def drop_rules(ink: np.ndarray) -> np.ndarray:
    """Return ink [height, width] without its rules, horizontal and vertical; strokes that cross them stay whole."""
    return _drop_horizontal(_drop_horizontal(ink).T).T


def _drop_horizontal(ink: np.ndarray) -> np.ndarray:
    mask = ink > 0.5
    columns = np.arange(mask.shape[1])
    for _ in range(MOST):
        path = _find_rule(mask)
        if path is None:
            break
        top, bottom = _runs(mask, path)
        thickness = np.median((bottom - top)[mask[path, columns]])
        if thickness > mask.shape[0] / 8:
            break
        rule = mask[path, columns] & (bottom - top <= THINNEST_STROKE * thickness)
        rows = np.arange(mask.shape[0])[:, None]
        mask = mask & ~(rule & (rows >= top) & (rows < bottom))
    dropped = (ink > 0.5) & ~mask
    if not dropped.any():
        return ink
    from scipy.ndimage import binary_dilation

    return np.where(binary_dilation(dropped, iterations=2) & ~mask, 0, ink)


def _find_rule(mask: np.ndarray) -> np.ndarray | None:
    """Return the row in each column of the best straight line of ink from the left edge to the right, if there is one.

    Tries every pair of ink at a left column and at a right one, a little inside, where frames and shadows end.
    """
    height, width = mask.shape
    inset = width // 50
    left, right = (_middles(mask[:, column]) for column in (inset, width - 1 - inset))
    starts, ends = (each.ravel() for each in np.meshgrid(left, right, indexing="ij"))
    flat = np.abs(ends - starts) <= STEEPEST * width
    starts, ends = starts[flat], ends[flat]
    if not len(starts) or len(starts) > 4 * height:  # noise
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
    """Return the first row, and that after the last, of the vertical run of ink that holds the path in each column."""
    height = len(mask)
    rows = np.arange(height)[:, None]
    above, below = ~mask & (rows < path), ~mask & (rows > path)
    top = np.where(above.any(0), height - above[::-1].argmax(0), 0)
    bottom = np.where(below.any(0), below.argmax(0), height)
    return top, bottom
