"""Drawings of one hand that `builtin` does not know well, as a data set to teach it:

    python -m tests.builtin.one_hand FOLDER [N]

writes N drawings (20) of each digit to train with, and 20 to test with: slanted, a 1 with an upstroke from the line, a
2 like a Z, a 5 like an S, a 6 like a b, an 8 of two rings, a 9 like a g.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from tests.builtin.hands import on_paper, turned
from tests.builtin.ways import Point, drawn

RING = [(0.5, 0), (0.2, 0.24), (0.5, 0.46), (0.8, 0.24), (0.5, 0)]
STROKES: tuple[list[list[Point]], ...] = (
    [[(0.75, 0.1), (0.3, 0.15), (0.2, 0.7), (0.6, 1), (0.85, 0.5), (0.6, 0.05)], [(0.95, 0.05), (0.15, 0.9)]],
    [[(0.1, 0.95), (0.65, 0)], [(0.65, 0), (0.65, 1)]],
    [[(0.1, 0.05), (0.85, 0.03)], [(0.85, 0.03), (0.1, 0.97)], [(0.1, 0.97), (0.95, 0.95)], [(0.25, 0.5), (0.7, 0.5)]],
    [[(0.15, 0.03), (0.85, 0.03)], [(0.85, 0.03), (0.4, 0.35)], [(0.4, 0.35), (0.9, 0.6), (0.6, 1), (0.05, 0.75)]],
    [[(0.55, 0), (0.1, 0.35)], [(0.1, 0.35), (0.95, 0.4)], [(0.75, 0.1), (0.5, 1)]],
    [[(0.9, 0.12), (0.5, 0), (0.2, 0.25), (0.5, 0.5), (0.82, 0.75), (0.5, 1), (0.1, 0.88)]],
    [[(0.25, 0), (0.25, 1)], [(0.25, 0.65), (0.55, 0.5), (0.8, 0.75), (0.55, 1), (0.25, 0.9)]],
    [[(0.1, 0.2), (0.15, 0.03), (0.85, 0.03)], [(0.85, 0.03), (0.5, 0.6), (0.45, 1)], [(0.2, 0.6), (0.9, 0.4)]],
    [RING, [(x, y + 0.54) for x, y in RING]],
    [RING, [(0.8, 0.1), (0.8, 0.75), (0.5, 1), (0.15, 0.85), (0.5, 0.7), (0.95, 0.6)]],
)


def drawing(digit: int, random: np.random.Generator) -> np.ndarray:
    """Return a picture [height, width, 1] uint8 of a digit in this hand."""
    mask = drawn(STROKES[digit], random.uniform(0.05, 0.11), wobble=0.03, random=random)
    ink = turned(mask, angle=random.uniform(-5, 5), slant=random.uniform(0.3, 0.5), squeeze=random.uniform(0.7, 0.9))
    return on_paper(ink, random)


def main(folder: Path, n: int) -> None:
    """Write the drawings."""
    for part, count in (("train", n), ("test", 20)):
        random = np.random.default_rng(part == "test")
        for digit in range(10):
            place = folder / part / str(digit)
            place.mkdir(parents=True)
            for i in range(count):
                Image.fromarray(drawing(digit, random)[..., 0]).save(place / f"{i:03}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20)
