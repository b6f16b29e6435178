"""Find the ink in a picture: what differs from the paper, in any colours and under uneven light."""

import numpy as np

from mnistcli.errors import ImageError
from mnistcli.vision.morphology import drop_dark, drop_light, erode
from mnistcli.vision.surroundings import drop_edges

FAINTEST = 0.08  # of the range from black to white: what differs less from the paper is not ink
SAMPLES = 64  # rows and columns of the grid of pixels that the paper's surface is fitted to
ROUNDS = 4
AREA = 0.15  # of the picture's longer side; strokes of a thick pen in a tight frame, and sheets on a desk, are thicker
THICK = 0.25  # of the picture's longer side; strokes on a sheet are thinner
DIM = 0.15  # of white, added to the light that differences are divided by: in dark areas they are noise
EDGE = 0.06  # of the picture's edge; ink that covers more of it may not be writing


def find_ink_maps(pixels: np.ndarray, *, invert: str = "auto") -> list[np.ndarray]:
    """Return one or two maps of the ink in a picture [height, width, 1 or 3] uint8: [height, width] float, 0 to 1.

    The paper is a smooth surface in each colour, fitted to the colours along the picture's edge. Ink is the distance
    from it, so dark on light and light on dark are equivalent. With `invert` "yes" or "no" instead of "auto", the paper
    is the lightest or the darkest part, wherever it is, and ink only what is darker or lighter.

    If the ink has thick areas, they may be strokes of a thick pen, or there is more than one paper, as with a sheet on
    a desk or a page half in shadow. For that case there is a second map, where only thin things count as ink.

    Raises:
        ImageError: Nothing differs from the paper.
    """
    colours = pixels / 255.0
    paper = _paper(colours, invert)
    ink = _scale_to_ink(_keep_main_direction(colours - paper, _distance_from(colours, paper, invert)))
    if not _has_areas(ink > 0.5):
        return [ink]
    lighter = (colours - paper)[ink > 0.5].mean(0) > 0
    try:
        return [ink, _find_thin(pixels, lighter, invert)]
    except ImageError:
        return [ink]


def _keep_main_direction(difference: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return distances in the direction of the largest ones, 0 for others: a gleam on a blackboard is not ink."""
    farthest = difference[distance >= 0.75 * np.percentile(distance, 99.9)].mean(0)
    return np.where(difference @ farthest > 0, distance, 0)


def _scale_to_ink(distance: np.ndarray) -> np.ndarray:
    """Return the amount of ink, 0 to 1, from distances to the paper [height, width].

    Raises:
        ImageError: Nothing differs from the paper.
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
    """Whether part of the mask is too thick for a stroke, or much of it is along the picture's edge."""
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return bool(edge.mean() > EDGE or erode(255 * mask.astype(np.uint8), AREA * max(mask.shape)).any())


def _find_thin(pixels: np.ndarray, lighter: np.ndarray, invert: str) -> np.ndarray:
    """Return as ink the thin parts of a picture that are lighter, or darker, than everything around them.

    `invert` says whether ink is darker or lighter. With "auto", both are tried: the one whose largest piece is longer
    for its thickness is the strokes, the other the gaps between them. The distance of ink from its paper is divided by
    the lighter of the two, because a shadow dims both equally.

    Source: the top-hat transforms of F. Meyer, "Contrast feature extraction", in J.-L. Chermant (ed.), Quantitative
    Analysis of Microstructures (1978), by reconstruction. The edge of a shadow, however sharp, is not thin, and so
    vanishes; so does a desk, with its corners and everything as dark that touches it.
    """
    width = THICK * max(pixels.shape)
    lowest, highest = drop_light(pixels, width) / 255.0, drop_dark(pixels, width) / 255.0
    light, dark = (pixels / 255.0 - lowest) / (pixels / 255.0 + DIM), (highest - pixels / 255.0) / (highest + DIM)
    ways = {"yes": [dark], "no": [light], "auto": [np.where(lighter, light, dark), np.where(lighter, dark, light)]}
    distances = [np.sqrt((way**2).mean(-1)) for way in ways[invert]]
    threshold = otsu(np.max(distances, axis=0))
    return _scale_to_ink(max(distances, key=lambda distance: _slenderness(distance > threshold)))


def _slenderness(mask: np.ndarray) -> float:
    """Return the length of the largest piece of the mask [height, width] divided by half its thickness."""
    from scipy.ndimage import distance_transform_edt, find_objects, label

    pieces, count = label(drop_edges(mask), np.ones((3, 3)))
    if not count:
        return 0.0
    largest = int(np.bincount(pieces.ravel())[1:].argmax())
    box = find_objects(pieces)[largest]
    thickness = distance_transform_edt(np.pad(pieces[box] == largest + 1, 1)).max()
    return float(np.hypot(*(side.stop - side.start for side in box)) / thickness)


def otsu(levels: np.ndarray) -> float:
    """Return the threshold that best separates levels, 0 to 1, into two classes.

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


def _distance_from(colours: np.ndarray, paper: np.ndarray, invert: str) -> np.ndarray:
    """Return the distance of colours [..., channels] from the paper's, 0 to 1; 0 where `invert` excludes ink."""
    distance: np.ndarray = np.sqrt(((colours - paper) ** 2).mean(-1))
    if invert == "auto":
        return distance
    darker = colours.mean(-1) < paper.mean(-1)
    return np.where(darker == (invert == "yes"), distance, 0)


def _paper(colours: np.ndarray, invert: str) -> np.ndarray:
    """Return the paper's colours, also under the ink: a quadratic surface [height, width, channels].

    It is fitted by least squares to a grid of pixels: first to those similar to the picture's edge, or to the lightest
    or darkest ones if `invert` is given, then repeatedly to those that are not ink according to the last surface.
    """
    height, width, _ = colours.shape
    rows, columns = (np.unique(np.linspace(0, side - 1, SAMPLES).round().astype(int)) for side in (height, width))
    grid = colours[rows][:, columns]
    terms, sampled = _quadratic_terms(height, width), grid.reshape(-1, colours.shape[-1])
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
        distance = _distance_from(sampled, surface, invert)
        like_paper = distance <= max(otsu(distance), np.percentile(distance, 20))
        coefficients, *_ = np.linalg.lstsq(known[like_paper], sampled[like_paper], rcond=1e-3)
        surface = known @ coefficients
    return terms @ coefficients


def _quadratic_terms(height: int, width: int) -> np.ndarray:
    """Return 1, y, x, y², xy, x² at every pixel [height, width, 6], y and x from −1 to 1."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([np.ones_like(y), y, x, y * y, x * y, x * x], axis=-1)
