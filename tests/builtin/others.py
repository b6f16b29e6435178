"""What is no digit, drawn: invented signs, icons, scribbles, shapes, blobs, and pictures that fill the frame."""

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from mnistcli.vision.normalize import bounding_box
from tests.builtin.hands import GLYPH
from tests.builtin.ways import drawn, pen


def half(mask: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a mask without its upper or its lower half."""
    rows, out = bounding_box(mask)[0], mask.copy()
    row = int(rows.start + random.uniform(0.4, 0.6) * (rows.stop - rows.start))
    if random.random() < 0.5:
        out[row:] = False
    else:
        out[:row] = False
    return out


def sign(random: np.random.Generator) -> np.ndarray:
    """Return ink of a letter of no script: four to seven strokes, straight or bent, each from a point of one before it.

    At least four of its ends are free: what has fewer may be an 8 or a 5.
    """
    while True:
        strokes, points = [], [_place(random)]
        for _ in range(random.integers(4, 8)):
            first, last = points[random.integers(len(points))], _place(random)
            bend = (last - first)[::-1] * (1, -1) * random.choice([0, 0, random.normal(0, 0.45)])
            stroke = np.array([first, (first + last) / 2 + bend, last])
            strokes.append(stroke)
            points += [stroke[1], stroke[2]]
        along = [_along(stroke) for stroke in strokes]
        free = [
            min(np.hypot(*(other - stroke[2]).T).min() for other in along[:i] + along[i + 1 :]) > 0.2
            for i, stroke in enumerate(strokes)
        ]
        if sum(free) >= 4:
            return drawn([stroke.tolist() for stroke in strokes], 0.45 * pen(random), wobble=0.02, random=random)


def _place(random: np.random.Generator) -> np.ndarray:
    return random.integers((0, 0), (3, 4)) / (2, 3) + random.normal(0, 0.04, 2)


def _along(stroke: np.ndarray) -> np.ndarray:
    """Return points [20, 2] along the straight lines between those of a stroke [3, 2]."""
    at = np.linspace(0, 2, 20)
    return np.stack([np.interp(at, (0, 1, 2), axis) for axis in stroke.T], 1)


def icon(random: np.random.Generator) -> np.ndarray:
    """Return ink of a body, filled or in outline, with four to nine smaller shapes on it and about it."""
    image = Image.new("L", (2 * GLYPH, 2 * GLYPH))
    draw, width = ImageDraw.Draw(image), max(2, int(GLYPH * random.uniform(0.03, 0.08)))
    for number in range(random.integers(5, 11)):
        size = GLYPH * (random.uniform(0.3, 0.5, 2) if number == 0 else random.uniform(0.05, 0.25, 2))
        middle = GLYPH + GLYPH * random.uniform(-0.45, 0.45, 2) * (number > 0)
        box = [round(each) for each in (*(middle - size), *(middle + size))]
        fill = (None, 0, 255)[random.integers(3)]
        kind = random.integers(4)
        if kind == 0:
            draw.ellipse(box, fill=fill, outline=255, width=width)
        elif kind == 1:
            draw.rounded_rectangle(box, int(size.min() * random.uniform(0, 0.9)), fill=fill, outline=255, width=width)
        elif kind == 2:
            turns = np.sort(random.uniform(0, 2 * np.pi, random.integers(3, 7)))
            around = middle + size * np.stack([np.cos(turns), np.sin(turns)], 1)
            draw.polygon([tuple(each) for each in around], fill=fill, outline=255, width=width)
        else:
            draw.arc(box, random.uniform(0, 360), random.uniform(360, 600), fill=255, width=width)
    return np.asarray(image) > 127


def scribble(random: np.random.Generator) -> np.ndarray:
    """Return ink of one to three curves through random points."""
    strokes = [random.uniform(0, 1, (random.integers(4, 12), 2)).tolist() for _ in range(random.integers(1, 4))]
    return drawn(strokes, pen(random) * 0.6, wobble=0, random=random)


def figure(random: np.random.Generator) -> np.ndarray:
    """Return ink of a polygon, a cross, a horizontal bar, a star, a spiral or a grid: as an outline or filled."""
    image = Image.new("L", (2 * GLYPH, 2 * GLYPH))
    draw, middle = ImageDraw.Draw(image), np.array([GLYPH, GLYPH])
    width = max(2, int(pen(random) * GLYPH * 0.7))
    kind = random.integers(5)
    turns = np.sort(random.uniform(0, 2 * np.pi, random.integers(3, 7)))
    if kind == 0:
        around = middle + GLYPH / 2 * random.uniform(0.6, 1) * np.stack([np.cos(turns), np.sin(turns)], 1)
        draw.polygon(
            [tuple(each) for each in around], fill=255 if random.random() < 0.6 else None, outline=255, width=width
        )
    elif kind == 1:
        for angle in turns:
            end = GLYPH / 2 * np.array([np.cos(angle), np.sin(angle)])
            draw.line([tuple(middle - end), tuple(middle + end)], fill=255, width=width)
    elif kind == 2:
        long, short = GLYPH * random.uniform(0.3, 0.6), GLYPH * random.uniform(0.05, 0.45)
        if long < 1.7 * short or random.random() < 0.5:
            draw.rectangle([GLYPH - long, GLYPH - short, GLYPH + long, GLYPH + short], fill=255)
        else:
            draw.line(
                [(GLYPH - long, GLYPH - long / 3), (GLYPH + long, GLYPH + random.uniform(-0.3, 0.3) * long)],
                fill=255,
                width=width,
            )
    elif kind == 3:
        angles = np.linspace(0, random.uniform(2.3, 4) * 2 * np.pi, 200)
        radius = np.linspace(0.03, 0.5, 200) * GLYPH
        line = middle + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
        draw.line([tuple(each) for each in line], fill=255, width=max(2, width // 3))
    else:
        step = random.integers(GLYPH // 6, GLYPH // 2)
        for at in range(0, GLYPH + 1, step):
            draw.line(
                [(GLYPH // 2 + at, GLYPH // 2), (GLYPH // 2 + at, GLYPH * 3 // 2)], fill=255, width=width // 3 + 1
            )
            draw.line(
                [(GLYPH // 2, GLYPH // 2 + at), (GLYPH * 3 // 2, GLYPH // 2 + at)], fill=255, width=width // 3 + 1
            )
    return np.asarray(image.rotate(random.uniform(-15, 15) if kind == 2 else random.uniform(-180, 180))) > 127


def blob(random: np.random.Generator) -> np.ndarray:
    """Return ink of smooth spots: one large, or many."""
    field = gaussian_filter(random.normal(0, 1, (2 * GLYPH, 2 * GLYPH)), GLYPH * random.uniform(0.03, 0.3))
    y, x = np.indices(field.shape) / GLYPH - 1
    inside = np.hypot(y, x / random.uniform(0.6, 1.5)) < 0.5
    return np.asarray((field > np.quantile(field, random.uniform(0.2, 0.7))) & inside)


def noise(random: np.random.Generator) -> np.ndarray:
    """Return a picture [height, width, 1] uint8 of noise or of stripes, without any paper around."""
    side = random.integers(28, 160)
    field = gaussian_filter(random.normal(0, 1, (side, side)), random.uniform(0, side / 12))
    if random.random() < 0.4:
        y, x = np.indices((side, side)) / side
        field = field / field.std() * 0.2 + np.sin(2 * np.pi * random.uniform(2, 12) * (x * random.uniform(-1, 1) + y))
    field = (field - field.min()) / np.ptp(field)
    return (255 * field).astype(np.uint8)[..., None]


def scene(random: np.random.Generator) -> np.ndarray:
    """Return a picture [height, width, 1] uint8 of overlapping shaded shapes, many small and few large.

    Source: A. Lee, D. Mumford and J. Huang, "Occlusion models for natural images" (IJCV 2001), who show that
    sizes distributed as size**-3 give the statistics of photographs.
    """
    side = int(random.integers(40, 160))
    image = Image.new("L", (side, side), int(random.uniform(0, 256)))
    draw = ImageDraw.Draw(image)
    for _ in range(int(np.exp(random.uniform(np.log(6), np.log(300))))):
        size = side * min(0.6, random.uniform(0.02, 0.12) / np.sqrt(random.uniform(0.002, 1)))
        sides = size * random.uniform(0.3, 1, 2)
        middle, grey = random.uniform(0, side, 2), int(random.uniform(0, 256))
        if random.random() < 0.5:
            draw.ellipse([*(middle - sides), *(middle + sides)], fill=grey)
        else:
            turns = np.sort(random.uniform(0, 2 * np.pi, random.integers(3, 8)))
            around = middle + sides * np.stack([np.cos(turns), np.sin(turns)], 1)
            draw.polygon([tuple(each) for each in around], fill=grey)
    light = gaussian_filter(random.normal(0, 1, (side, side)), side / 4, mode="wrap")
    light *= random.uniform(0, 50) / light.std()
    grain = gaussian_filter(random.normal(0, 1, (side, side)), random.uniform(0, 1.5))
    grain *= random.uniform(0, 20) / grain.std()
    picture = gaussian_filter(np.asarray(image) + light + grain, random.uniform(0, side / 60))
    return ((picture - 128) * random.uniform(0.3, 1) + random.uniform(80, 176)).clip(0, 255).astype(np.uint8)[..., None]
