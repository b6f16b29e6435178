"""Where a picture shows ink: what differs from the paper, whatever the colour of either and however light falls."""

import numpy as np

from mnistcli.errors import ImageError

FAINTEST = 0.08  # of the way from black to white: what is less apart from the paper is no ink
SAMPLES = 64  # a side of the grid of pixels to which the paper's surface is fitted
ROUNDS = 4


def find_ink(pixels: np.ndarray, *, invert: str = "auto") -> np.ndarray:
    """Return how much ink each pixel holds, float 0 to 1 [height, width], of a picture [height, width, 1 or 3] uint8.

    The paper is a smooth surface in each colour, fitted to what the picture's edge shows most; ink is the distance
    from it, so dark on light and light on dark are the same. Where `invert` is "yes" or "no" instead of "auto", the
    paper is what is lightest or darkest, wherever it lies, and ink only what is darker or lighter than it.

    Raises:
        ImageError: Nothing stands out from the paper.
    """
    from scipy.ndimage import gaussian_filter

    colours = pixels / 255.0
    distance = _apart(colours, _paper(colours, invert), invert)
    distance = gaussian_filter(distance, max(distance.shape) / 400)
    threshold = otsu(distance)
    above = distance > threshold
    if not above.any() or above.all():
        raise ImageError("is blank: no ink was found on it")
    paper, ink = np.median(distance[~above]), np.percentile(distance[above], 75)
    if ink - paper < FAINTEST:
        raise ImageError("is blank: no ink was found on it")
    return ((distance - paper) / (ink - paper)).clip(0, 1)


def otsu(levels: np.ndarray) -> float:
    """Return the threshold that parts levels, 0 to 1, best into two classes.

    Source: N. Otsu, "A threshold selection method from gray-level histograms", IEEE Transactions on Systems, Man, and
    Cybernetics 9 (1979).
    """
    histogram, edges = np.histogram(levels, bins=256, range=(0, 1))
    share = histogram / levels.size
    centres = (edges[:-1] + edges[1:]) / 2
    below, sums = share.cumsum(), (share * centres).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (sums[-1] * below - sums) ** 2 / (below * (1 - below))
    between = np.nan_to_num(between, posinf=0)
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    return float(edges[1:][best].mean())


def _apart(colours: np.ndarray, paper: np.ndarray, invert: str) -> np.ndarray:
    """Return how far colours [..., channels] are from the paper's, 0 to 1; 0 on the side where no ink can be."""
    distance: np.ndarray = np.sqrt(((colours - paper) ** 2).mean(-1))
    if invert == "auto":
        return distance
    darker = colours.mean(-1) < paper.mean(-1)
    return np.where(darker == (invert == "yes"), distance, 0)


def _paper(colours: np.ndarray, invert: str) -> np.ndarray:
    """Return the paper's colours under the ink: a quadratic surface [height, width, channels].

    Fitted by least squares to a grid of pixels, first to those like the picture's edge or, where ink is said to be
    darker or lighter, like the lightest or darkest, then, round by round, to those that the last surface did not call
    ink.
    """
    height, width, _ = colours.shape
    rows, columns = (np.unique(np.linspace(0, side - 1, SAMPLES).round().astype(int)) for side in (height, width))
    grid = colours[rows][:, columns]
    terms, sampled = _terms(height, width), grid.reshape(-1, colours.shape[-1])
    known = terms[rows][:, columns].reshape(-1, terms.shape[-1])
    if invert == "auto":
        likely = np.concatenate([grid[0], grid[-1], grid[:, 0], grid[:, -1]])
    else:
        by_light = sampled[sampled.mean(-1).argsort()]
        fifth = len(sampled) // 5 + 1
        likely = by_light[-fifth:] if invert == "yes" else by_light[:fifth]
    surface = np.tile(np.median(likely, axis=0), (len(sampled), 1))
    coefficients = np.zeros((known.shape[1], colours.shape[-1]))
    for _ in range(ROUNDS):
        distance = _apart(sampled, surface, invert)
        like_paper = distance <= max(otsu(distance), np.percentile(distance, 20))
        coefficients, *_ = np.linalg.lstsq(known[like_paper], sampled[like_paper], rcond=1e-3)
        surface = known @ coefficients
    return terms @ coefficients


def _terms(height: int, width: int) -> np.ndarray:
    """Return 1, y, x, y², xy, x² at every pixel [height, width, 6], y and x from −1 to 1."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([np.ones_like(y), y, x, y * y, x * y, x * x], axis=-1)
