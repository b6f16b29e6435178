"""Ways to write a digit, and a pen that draws strokes."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from scipy.interpolate import CubicSpline

from tests.builtin.hands import GLYPH

THINNEST, THICKEST = 0.04, 0.34  # of a pen, as shares of a digit's height
Point = tuple[float, float]

# Each way is a digit and its strokes, through points (x, y), from (0, 0) at the top left to (1, 1). The first and the
# last point of a stroke that is closed are the same.
LOOP = [(0.75, 0.25), (0.5, 0.02), (0.24, 0.28), (0.5, 0.53), (0.75, 0.25)]
WAYS: tuple[tuple[int, list[list[Point]]], ...] = (
    (0, [[(0.5, 0), (0.15, 0.5), (0.5, 1), (0.85, 0.5), (0.5, 0)], [(0.9, 0.02), (0.1, 0.98)]]),
    (0, [[(0.5, 0), (0.2, 0.5), (0.5, 1), (0.8, 0.5), (0.5, 0)], [(0.72, 0.2), (0.28, 0.8)]]),
    (0, [[(0.6, 0), (0.15, 0.45), (0.45, 1), (0.88, 0.5), (0.45, 0.03)]]),
    (1, [[(0.5, 0), (0.5, 1)]]),
    (1, [[(0.25, 0.28), (0.55, 0)], [(0.55, 0), (0.55, 1)]]),
    (1, [[(0.12, 0.5), (0.6, 0)], [(0.6, 0), (0.6, 1)]]),
    (1, [[(0.2, 0.3), (0.52, 0)], [(0.52, 0), (0.52, 1)], [(0.15, 1), (0.88, 1)]]),
    (1, [[(0.1, 0.45), (0.55, 0)], [(0.55, 0), (0.55, 1)], [(0.25, 1), (0.85, 1)]]),
    (1, [[(0.5, 0), (0.5, 1)], [(0.2, 1), (0.8, 1)]]),
    (2, [[(0.15, 0.25), (0.5, 0), (0.82, 0.27), (0.5, 0.65), (0.1, 1)], [(0.1, 1), (0.9, 0.97)]]),
    (2, [[(0.15, 0.25), (0.5, 0), (0.8, 0.27), (0.45, 0.75), (0.15, 0.97), (0.1, 0.8), (0.35, 0.8), (0.6, 0.97),
          (0.92, 0.9)]]),
    (2, [[(0.2, 0.2), (0.55, 0), (0.8, 0.25), (0.4, 0.7), (0.12, 0.85), (0.2, 0.68), (0.5, 0.9), (0.9, 1)]]),
    (3, [[(0.15, 0.1), (0.6, 0), (0.78, 0.22), (0.4, 0.46)], [(0.4, 0.46), (0.85, 0.7), (0.55, 1), (0.1, 0.9)]]),
    (3, [[(0.15, 0.03), (0.85, 0.03)], [(0.85, 0.03), (0.45, 0.4)],
         [(0.45, 0.4), (0.85, 0.65), (0.55, 1), (0.1, 0.9)]]),
    (4, [[(0.35, 0), (0.12, 0.55)], [(0.12, 0.55), (0.9, 0.55)], [(0.68, 0.2), (0.66, 1)]]),
    (4, [[(0.25, 0), (0.22, 0.5)], [(0.22, 0.5), (0.78, 0.48)], [(0.78, 0), (0.76, 1)]]),
    (4, [[(0.66, 1), (0.66, 0)], [(0.66, 0), (0.05, 0.68)], [(0.05, 0.68), (0.95, 0.68)]]),
    (4, [[(0.6, 0), (0.1, 0.62)], [(0.1, 0.62), (0.9, 0.6)], [(0.6, 0.02), (0.6, 1)]]),
    (5, [[(0.27, 0.08), (0.22, 0.46)], [(0.22, 0.46), (0.6, 0.38), (0.85, 0.68), (0.5, 1), (0.12, 0.9)],
         [(0.3, 0.05), (0.88, 0.03)]]),
    (5, [[(0.2, 0.03), (0.2, 0.45), (0.65, 0.42), (0.82, 0.72), (0.5, 1), (0.12, 0.92)], [(0.38, 0), (0.92, 0)]]),
    (5, [[(0.85, 0.03), (0.3, 0.04)], [(0.3, 0.04), (0.24, 0.44)],
         [(0.24, 0.44), (0.65, 0.4), (0.84, 0.7), (0.5, 1), (0.1, 0.93)]]),
    (6, [[(0.72, 0), (0.3, 0.4), (0.2, 0.75), (0.5, 1), (0.8, 0.76), (0.52, 0.55), (0.24, 0.75)]]),
    (6, [[(0.5, 0), (0.22, 0.55), (0.4, 0.98), (0.8, 0.8), (0.6, 0.55), (0.24, 0.8)]]),
    (7, [[(0.1, 0.04), (0.88, 0.04)], [(0.88, 0.04), (0.55, 0.5), (0.4, 1)]]),
    (7, [[(0.1, 0.04), (0.88, 0.04)], [(0.88, 0.04), (0.38, 1)], [(0.3, 0.5), (0.85, 0.48)]]),
    (7, [[(0.12, 0.18), (0.12, 0.03)], [(0.12, 0.03), (0.88, 0.03)], [(0.88, 0.03), (0.55, 0.5), (0.45, 1)]]),
    (7, [[(0.1, 0.15), (0.25, 0.03), (0.88, 0.06)], [(0.88, 0.06), (0.45, 1)], [(0.35, 0.52), (0.8, 0.5)]]),
    (8, [[(0.75, 0.15), (0.45, 0), (0.27, 0.24), (0.55, 0.48), (0.8, 0.76), (0.5, 1), (0.2, 0.76), (0.48, 0.48),
          (0.78, 0.2), (0.6, 0.02)]]),
    (8, [[(0.5, 0), (0.25, 0.23), (0.5, 0.46), (0.75, 0.23), (0.5, 0)],
         [(0.5, 0.46), (0.18, 0.73), (0.5, 1), (0.82, 0.73), (0.5, 0.46)]]),
    (9, [LOOP, [(0.75, 0.15), (0.74, 1)]]),
    (9, [LOOP, [(0.75, 0.2), (0.55, 1)]]),
    (9, [LOOP, [(0.76, 0.2), (0.76, 0.75), (0.5, 1), (0.15, 0.88)]]),
    (9, [LOOP, [(0.76, 0.2), (0.75, 0.8), (0.6, 0.99), (0.42, 0.93)]]),
    (9, [LOOP, [(0.75, 0.2), (0.72, 0.85), (0.9, 1)]]),
)  # fmt: skip


def pen(random: np.random.Generator) -> float:
    """Return how thick a pen is, as a share of a digit's height: thin ones as often as thick ones."""
    return float(np.exp(random.uniform(np.log(THINNEST), np.log(THICKEST))))


def drawn(
    strokes: Sequence[Sequence[Point]], thickness: float, *, wobble: float, random: np.random.Generator
) -> np.ndarray:
    """Return ink [height, width] bool of strokes, GLYPH pixels high; thickness and wobble are shares of that."""
    shift, jitter = random.normal(0, wobble / 2, (len(strokes), 1, 2)), wobble
    margin, scale = GLYPH // 2, GLYPH * (1 - thickness)
    width = max(1.5, thickness * GLYPH)
    image = Image.new("L", (2 * GLYPH, 2 * GLYPH))
    draw = ImageDraw.Draw(image)
    for stroke, moved in zip(strokes, shift, strict=True):
        points = np.array(stroke) * (0.72, 1) + moved
        points = points + random.normal(0, jitter, points.shape)
        if len(points) > 2:
            places = np.linspace(0, len(points) - 1, 12 * len(points))
            points = CubicSpline(np.arange(len(points)), points)(places)
        line = [tuple(each) for each in (points * scale + margin)]
        draw.line(line, fill=255, width=round(width), joint="curve")
        for x, y in (line[0], line[-1]):
            draw.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=255)
    return np.asarray(image) > 127
