"""Where a picture shows ink: what differs from the paper, whatever the colour of either and however light falls."""

import numpy as np

from mnistcli.errors import ImageError
from mnistcli.vision.morphology import drop_dark, drop_light, erode
from mnistcli.vision.surroundings import drop_edges

FAINTEST = 0.08  # of the way from black to white: what is less apart from the paper is no ink
SAMPLES = 64  # a side of the grid of pixels to which the paper's surface is fitted
ROUNDS = 4
AREA = 0.15  # of the picture's longer side: strokes of a thick pen in a tight frame, and sheets on a desk, are thicker
THICK = 0.25  # of the picture's longer side: strokes on a sheet are thinner
DIM = 0.15  # of white, added to the light by which a difference is divided: in the dark all of it is noise
EDGE = 0.06  # of the picture's edge: ink that covers more of it may be no writing


def find_ink_maps(pixels: np.ndarray, *, invert: str = "auto") -> list[np.ndarray]:
    """Return how much ink each pixel of a picture holds: one map [height, width], float 0 to 1, and sometimes another.

    The picture is [height, width, 1 or 3] uint8.

    The paper is a smooth surface in each colour, fitted to what the picture's edge shows most; ink is the distance
    from it, so dark on light and light on dark are the same. Where `invert` is "yes" or "no" instead of "auto", the
    paper is what is lightest or darkest, wherever it lies, and ink only what is darker or lighter than it.

    Where that leaves areas, they may be strokes of a thick pen, or there is more than one paper: a sheet on a desk, a
    page half in shadow. For the second case there is a second map, on which only what is thin counts as ink.

    Raises:
        ImageError: Nothing stands out from the paper.
    """
    colours = pixels / 255.0
    paper = _paper(colours, invert)
    ink = _stretch(_one_side(colours - paper, _apart(colours, paper, invert)))
    if not _has_areas(ink > 0.5):
        return [ink]
    lighter = (colours - paper)[ink > 0.5].mean(0) > 0
    try:
        return [ink, _find_thin(pixels, lighter, invert)]
    except ImageError:
        return [ink]


def _one_side(difference: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return the distance from the paper where it goes the way that the farthest go: a gleam on a board is no ink."""
    farthest = difference[distance >= 0.75 * np.percentile(distance, 99.9)].mean(0)
    return np.where(difference @ farthest > 0, distance, 0)


def _stretch(distance: np.ndarray) -> np.ndarray:
    """Return how much ink there is, 0 to 1, by the distance from the paper [height, width].

    Raises:
        ImageError: Nothing stands out.
    """
    from scipy.ndimage import gaussian_filter

    distance = gaussian_filter(distance, max(distance.shape) / 400)
    threshold = otsu(distance)
    above = distance > threshold
    if not above.any() or above.all():
        raise ImageError("is blank: no ink was found on it")
    paper, ink = np.median(distance[~above]), np.percentile(distance[above], 75)
    if ink - paper < FAINTEST:
        raise ImageError("is blank: no ink was found on it")
    return ((distance - paper) / (ink - paper)).clip(0, 1)


def _has_areas(mask: np.ndarray) -> bool:
    """Whether some of the mask is so thick that it may be no stroke, or lies along the picture's edge."""
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return bool(edge.mean() > EDGE or erode(255 * mask.astype(np.uint8), AREA * max(mask.shape)).any())


def _find_thin(pixels: np.ndarray, lighter: np.ndarray, invert: str) -> np.ndarray:
    """Return as ink what of a picture's pixels is lighter, or darker, than all around it and thin.

    Whether ink is lighter than paper in each channel, or the contrary, is told by `invert`; else, of both, what is
    longer for its thickness is the strokes, and the other what lies between them. How far ink is from its paper counts
    by the lighter of the two: a shadow dims both alike.

    Source: the top-hat transforms of F. Meyer, "Contrast feature extraction", in J.-L. Chermant (ed.), Quantitative
    Analysis of Microstructures (1978), by reconstruction. A shadow's edge, however sharp, is no thin thing, and
    vanishes; so does a desk, with its corners and all that hangs on to it as dark.
    """
    width = THICK * max(pixels.shape)
    lowest, highest = drop_light(pixels, width) / 255.0, drop_dark(pixels, width) / 255.0
    light, dark = (pixels / 255.0 - lowest) / (pixels / 255.0 + DIM), (highest - pixels / 255.0) / (highest + DIM)
    ways = {"yes": [dark], "no": [light], "auto": [np.where(lighter, light, dark), np.where(lighter, dark, light)]}
    distances = [np.sqrt((way**2).mean(-1)) for way in ways[invert]]
    threshold = otsu(np.max(distances, axis=0))
    return _stretch(max(distances, key=lambda distance: _slenderness(distance > threshold)))


def _slenderness(mask: np.ndarray) -> float:
    """Return how many times half its thickness the largest piece of the mask [height, width] is long."""
    from scipy.ndimage import distance_transform_edt, find_objects, label

    pieces, count = label(drop_edges(mask), np.ones((3, 3)))
    if not count:
        return 0.0
    largest = int(np.bincount(pieces.ravel())[1:].argmax())
    box = find_objects(pieces)[largest]
    thickness = distance_transform_edt(np.pad(pieces[box] == largest + 1, 1)).max()
    return float(np.hypot(*(side.stop - side.start for side in box)) / thickness)


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
