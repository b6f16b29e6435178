"""Several digits in a line: the places where each digit may be, from left to right.

The ink is cut into atoms: connected pieces, and the parts of pieces too wide for one digit, between the clearest cuts.
A digit is one atom or a few neighbouring ones; `commands.row` chooses the best reading with a network.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mnistcli.errors import ImageError
from mnistcli.vision.decode import Picture
from mnistcli.vision.ink import find_ink_maps
from mnistcli.vision.normalize import to_mnist_image
from mnistcli.vision.rules import drop_rules
from mnistcli.vision.strokes import SPECK
from mnistcli.vision.surroundings import drop_frames

WIDE = 0.95  # times the line's height; a wider piece may be several digits
LONGEST = 30  # times the line's height; a longer piece is a drawn line, not touching digits
TALL = 0.6  # times the line's height; two pieces that are taller are two digits, even if one leans over the other
OVERLAP = 0.5  # of the narrower piece's width; pieces that share more columns belong to one digit
BROADEST = 1.5  # times the line's height; no digit is wider
BESIDE = 0.25  # times the largest piece's height; pieces farther above or below it are not in the line
APART = 0.12  # times the line's height; the largest gap between parts of one digit
NEAREST = 0.15  # times the line's height; the smallest distance between two cuts
MOST_ATOMS = 4  # in one digit
MOST = 60  # pieces in a line of digits
Box = tuple[slice, slice]


@dataclass(frozen=True)
class Candidate:
    """A possible digit: the atoms from `first` up to, not including, `end`.

    Attributes:
        box: Its left, top, right and bottom edges in pixels of the upright picture.
        image: What a network sees, [28, 28, 1] uint8.
    """

    first: int
    end: int
    box: tuple[int, int, int, int]
    image: np.ndarray


def find_row(picture: Picture, *, invert: str = "auto") -> list[Candidate]:
    """Return all possible digits in a line, sorted by their first and last atoms.

    Raises:
        ImageError: The picture is blank, or does not show a line of digits.
    """
    from scipy.ndimage import maximum

    *_, ink = find_ink_maps(picture.pixels, invert=invert)
    ink = drop_frames(drop_rules(ink))
    pieces = _pieces(ink > 0.5)
    height = _line_height(pieces)
    groups = _join_stacked(pieces, height)
    atoms = _cut_wide(groups, ink, height)
    boxes = _boxes(atoms)
    owners = maximum(groups, atoms, np.arange(len(boxes)) + 1).tolist()
    return [
        _candidate(first, end, atoms, ink, height, picture.scale)
        for first in range(len(boxes))
        for end in range(first + 1, min(first + MOST_ATOMS, len(boxes)) + 1)
        if all(_may_be_one(boxes[first:end], owners[first:end], height))
    ]


def _pieces(mask: np.ndarray) -> np.ndarray:
    """Number connected pieces from 1, left to right, [height, width]; leave out specks and what is not in the line.

    Raises:
        ImageError: There are too many pieces for a line of digits.
    """
    from scipy.ndimage import label

    pieces, _ = label(mask, np.ones((3, 3)))
    areas = np.bincount(pieces.ravel())[1:]
    large = np.flatnonzero(areas >= SPECK * areas.max())
    if len(large) > MOST:
        raise ImageError(f"does not show a line of digits: it has {len(large)} separate pieces of ink")
    boxes = _boxes(pieces)
    main, _ = boxes[int(areas.argmax())]
    reach = BESIDE * (main.stop - main.start)
    in_line = [i for i in large if boxes[i][0].start < main.stop + reach and main.start - reach < boxes[i][0].stop]
    numbers = np.zeros(len(areas) + 1, int)
    numbers[[i + 1 for i in sorted(in_line, key=lambda i: boxes[i][1].start)]] = np.arange(len(in_line)) + 1
    return numbers[pieces]


def _line_height(pieces: np.ndarray) -> float:
    """Return the median height of pieces in pixels, weighted by their ink."""
    heights = [rows.stop - rows.start for rows, _ in _boxes(pieces)]
    return float(np.median(np.repeat(heights, np.bincount(pieces.ravel())[1:])))


def _join_stacked(pieces: np.ndarray, line: float) -> np.ndarray:
    """Renumber pieces so that those above or below each other, like the top stroke of a 5, share a number."""
    boxes = _boxes(pieces)
    numbers = [0, 1]
    for before, box in pairwise(boxes):
        numbers.append(numbers[-1] + (not _stacked(before, box, line)))
    return np.array(numbers)[pieces]


def _stacked(one: Box, other: Box, line: float) -> bool:
    if min(rows.stop - rows.start for rows, _ in (one, other)) >= TALL * line:
        return False
    a, b = one[1], other[1]
    return min(a.stop, b.stop) - max(a.start, b.start) >= OVERLAP * min(a.stop - a.start, b.stop - b.start)


def _cut_wide(pieces: np.ndarray, ink: np.ndarray, line: float) -> np.ndarray:
    """Number the atoms from left to right: pieces, and the parts of wide pieces between the clearest cuts."""
    atoms = np.zeros_like(pieces)
    for number, (rows, columns) in enumerate(_boxes(pieces), start=1):
        own = pieces[rows, columns] == number
        parts = _parts(np.where(own, ink[rows, columns], 0), line)
        _, renumbered = np.unique(parts[own], return_inverse=True)
        atoms[rows, columns][own] = atoms.max() + 1 + renumbered
    return atoms


def _parts(ink: np.ndarray, line: float) -> np.ndarray:
    """Return, for each pixel of a piece's ink [height, width], the number of seams to its left."""
    width = ink.shape[1]
    parts = np.zeros(ink.shape, int)
    if width > LONGEST * line:
        raise ImageError("does not show a line of digits: the ink is one long piece")
    if width > WIDE * line:
        for column in _thin_places(ink, line):
            parts += np.arange(width) >= _seam(ink, column, int(NEAREST * line))[:, None]
    return parts


def _thin_places(ink: np.ndarray, line: float) -> list[int]:
    """Return the columns with the least ink nearby, from left to right, not too close to each other or the edges."""
    from scipy.ndimage import gaussian_filter1d

    amount = gaussian_filter1d(ink.sum(0), max(line / 40, 0.5))
    apart = int(NEAREST * line)
    chosen: list[int] = []
    inside = range(apart, len(amount) - apart)
    for column in sorted(inside, key=lambda column: amount[column]):
        lowest = amount[column] <= amount[max(column - apart, 0) : column + apart + 1].min() + 1e-9
        if lowest and all(abs(column - other) >= apart for other in chosen):
            chosen.append(column)
    return sorted(chosen)


def _seam(ink: np.ndarray, column: int, reach: int) -> np.ndarray:
    """Return, for each row, the column of the path from top to bottom that crosses the least ink, near a column.

    Source: the dynamic programme of S. Avidan and A. Shamir, "Seam carving for content-aware image resizing", ACM
    Transactions on Graphics 26 (2007), within a window, with ink as energy.
    """
    low, high = max(column - reach, 0), min(column + reach + 1, ink.shape[1])
    cost = ink[:, low:high] + 0.01 * np.abs(np.arange(low, high) - column) / max(reach, 1)
    total = cost.copy()
    for row in range(1, len(total)):
        padded = np.pad(total[row - 1], 1, constant_values=np.inf)
        total[row] += np.minimum(np.minimum(padded[:-2], padded[2:]) + 0.01, padded[1:-1])
    path = np.empty(len(total), int)
    path[-1] = total[-1].argmin()
    for row in range(len(total) - 2, -1, -1):
        start = max(path[row + 1] - 1, 0)
        path[row] = start + total[row, start : path[row + 1] + 2].argmin()
    return path + low


def _may_be_one(boxes: list[Box], owners: list[int], line: float) -> Iterator[bool]:
    """Yield conditions for atoms to be one digit: not too wide, close to each other, not two tall pieces."""
    yield len(boxes) == 1 or max(columns.stop for _, columns in boxes) - boxes[0][1].start <= BROADEST * line
    for (a, b), (piece, other) in zip(pairwise(boxes), pairwise(owners), strict=True):
        apart = piece != other and min(rows.stop - rows.start for rows, _ in (a, b)) >= TALL * line
        yield not apart and b[1].start - a[1].stop <= APART * line


def _candidate(first: int, end: int, atoms: np.ndarray, ink: np.ndarray, line: float, scale: float) -> Candidate:
    from scipy.ndimage import binary_dilation, find_objects

    rows, columns = find_objects(((atoms > first) & (atoms <= end)).astype(int))[0]
    edge = int(line / 20) + 2
    window = tuple(slice(max(each.start - edge, 0), each.stop + edge) for each in (rows, columns))
    own, others = (atoms[window] > first) & (atoms[window] <= end), atoms[window] > 0
    soft = binary_dilation(own, np.ones((3, 3)), iterations=1 + int(line / 100)) & (own | ~others)
    left, top, right, bottom = (round(at * scale) for at in (columns.start, rows.start, columns.stop, rows.stop))
    return Candidate(first, end, (left, top, right, bottom), to_mnist_image(np.where(soft, ink[window], 0)))


def _boxes(numbered: np.ndarray) -> list[Box]:
    """Return the bounding box of each number from 1 in [height, width]."""
    from scipy.ndimage import find_objects

    return find_objects(numbered)
