"""Several digits in a line: where each may be, from left to right.

The ink is cut into atoms: pieces that hang together, and, of pieces too wide for one digit, the parts between the
clearest cuts. A digit is one atom or a few neighbours; which reading is the best is for who can read them.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mnistcli.errors import ImageError
from mnistcli.images.decode import Picture
from mnistcli.images.ink import find_ink
from mnistcli.images.normalize import extent, place
from mnistcli.images.rules import drop_rules
from mnistcli.images.strokes import SPECK

WIDE = 0.95  # of the line's height: a piece that is wider may be several digits
TALL = 0.6  # of the line's height: two pieces that tall are two digits, even one above the other's slant
OVERLAP = 0.5  # of the narrower piece's width: pieces that share so many columns are one digit's
BROADEST = 1.5  # times the line's height: no digit is wider
APART = 0.12  # of the line's height between parts of one digit at most
NEAREST = 0.15  # of the line's height between two cuts
MOST_ATOMS = 4  # in one digit
MOST = 400  # pieces in a line of digits


@dataclass(frozen=True)
class Candidate:
    """What may be one digit: the atoms from `first` to before `end`.

    Attributes:
        box: Its left, top, right and bottom edge in pixels of the upright picture.
        aspect: Its width over its height.
        height: Its height over the line's.
        image: What a network sees, [28, 28, 1] uint8.
    """

    first: int
    end: int
    box: tuple[int, int, int, int]
    aspect: float
    height: float
    image: np.ndarray


def find_row(picture: Picture, *, invert: str = "auto") -> list[Candidate]:
    """Return all that may be a digit of a line of them, ordered by the atoms they begin and end with.

    Raises:
        ImageError: The picture is blank, or shows no line of digits.
    """
    ink = drop_rules(find_ink(picture.pixels, invert=invert))
    pieces = _pieces(ink > 0.5)
    line = _line_height(pieces)
    atoms = [atom for group in _groups(pieces, line) for atom in _cut(group, ink, line)]
    return [
        _candidate(first, end, atoms, ink, line, picture.scale)
        for first in range(len(atoms))
        for end in range(first + 1, min(first + MOST_ATOMS, len(atoms)) + 1)
        if end == first + 1 or _may_be_one(atoms[first:end], line)
    ]


def _pieces(mask: np.ndarray) -> list[np.ndarray]:
    """Return the masks of what hangs together, without specks and what is above or below the line, left to right."""
    from scipy.ndimage import label

    numbered, count = label(mask, np.ones((3, 3)))
    areas = np.bincount(numbered.ravel(), minlength=count + 1)[1:]
    large = np.flatnonzero(areas >= SPECK * areas.max())
    if len(large) > MOST:
        raise ImageError("shows no line of digits: what stands out from the paper is in many pieces")
    found = [numbered == number + 1 for number in large]
    rows = [extent(piece)[0] for piece in found]
    main = rows[int(areas[large].argmax())]
    in_line = [
        piece for piece, own in zip(found, rows, strict=True) if min(own.stop, main.stop) > max(own.start, main.start)
    ]
    return sorted(in_line, key=lambda piece: extent(piece)[1].start)


def _line_height(pieces: list[np.ndarray]) -> float:
    """Return the height of most of the ink's pieces, in pixels."""
    heights = np.repeat([_size(piece)[0] for piece in pieces], [int(np.count_nonzero(piece)) for piece in pieces])
    return float(np.median(heights))


def _groups(pieces: list[np.ndarray], line: float) -> list[np.ndarray]:
    """Return the masks of pieces with those that lie above or below them, as the stroke of a 5 does."""
    groups: list[np.ndarray] = []
    for piece in pieces:
        if groups and _stacked(groups[-1], piece, line):
            groups[-1] = groups[-1] | piece
        else:
            groups.append(piece)
    return groups


def _stacked(one: np.ndarray, other: np.ndarray, line: float) -> bool:
    if min(_size(one)[0], _size(other)[0]) >= TALL * line:
        return False
    a, b = extent(one)[1], extent(other)[1]
    shared = min(a.stop, b.stop) - max(a.start, b.start)
    return shared >= OVERLAP * min(a.stop - a.start, b.stop - b.start)


def _cut(piece: np.ndarray, ink: np.ndarray, line: float) -> list[np.ndarray]:
    """Return the parts of a piece between its clearest cuts, left to right; the piece alone where it is not wide."""
    rows, columns = extent(piece)
    if columns.stop - columns.start <= WIDE * line:
        return [piece]
    own = np.where(piece, ink, 0)[rows, columns]
    seams = [_seam(own, column, int(NEAREST * line)) for column in _thin_places(own, line)]
    position = np.arange(piece.shape[1])
    edges = [np.full(piece.shape[0], 0), *(_widen(seam + columns.start, rows, piece) for seam in seams),
             np.full(piece.shape[0], piece.shape[1])]  # fmt: skip
    parts = [piece & (position >= a[:, None]) & (position < b[:, None]) for a, b in pairwise(edges)]
    return [part for part in parts if part.any()]


def _thin_places(ink: np.ndarray, line: float) -> list[int]:
    """Return the columns that hold the least ink around, from left to right, none too near another or the edge."""
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
    """Return the column in each row of the path from top to bottom that crosses the least ink, near a column.

    Source: the dynamic programme of S. Avidan and A. Shamir, "Seam carving for content-aware image resizing", ACM
    Transactions on Graphics 26 (2007), within a window, with ink as the energy.
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


def _widen(seam: np.ndarray, rows: slice, piece: np.ndarray) -> np.ndarray:
    """Return a seam over the rows of a piece as one over all rows of the picture."""
    whole = np.empty(piece.shape[0], int)
    whole[: rows.start], whole[rows], whole[rows.stop :] = seam[0], seam, seam[-1]
    return whole


def _may_be_one(atoms: list[np.ndarray], line: float) -> bool:
    columns = [extent(atom)[1] for atom in atoms]
    near = all(b.start - a.stop <= APART * line for a, b in pairwise(columns))
    return near and max(each.stop for each in columns) - columns[0].start <= BROADEST * line


def _candidate(first: int, end: int, atoms: list[np.ndarray], ink: np.ndarray, line: float, scale: float) -> Candidate:
    from scipy.ndimage import binary_dilation

    mask, others = np.zeros(ink.shape, bool), np.zeros(ink.shape, bool)
    for number, atom in enumerate(atoms):
        (mask if first <= number < end else others)[atom] = True
    rows, columns = extent(mask)
    edge = int(line / 20) + 2
    window = (
        slice(max(rows.start - edge, 0), rows.stop + edge),
        slice(max(columns.start - edge, 0), columns.stop + edge),
    )
    soft = binary_dilation(mask[window], np.ones((3, 3)), iterations=1 + int(line / 100)) & ~others[window]
    height, width = rows.stop - rows.start, columns.stop - columns.start
    edges = (columns.start, rows.start, columns.stop, rows.stop)
    box = tuple(round(edge * scale) for edge in edges)
    return Candidate(first, end, box, width / height, height / line, place(np.where(soft, ink[window], 0)))


def _size(mask: np.ndarray) -> tuple[int, int]:
    rows, columns = extent(mask)
    return rows.stop - rows.start, columns.stop - columns.start
