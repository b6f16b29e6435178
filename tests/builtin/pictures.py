"""Pictures that train `builtin`, as its front end hands them on: digits of many hands and pens, and what is no digit.

A picture is drawn as ink, put on paper, and read by `images.interpretations`: training sees what predicting will.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter

from mnistcli.errors import ImageError
from mnistcli.images import interpretations
from mnistcli.images.normalize import extent
from tests.builtin.hands import GLYPH, glyph, on_paper, turned, with_thickness

NONE = 10  # the label of what is no digit
THINNEST, THICKEST = 0.04, 0.34  # of a digit's height: a pen
LETTERS = "CEHKLMNPRVWXcdehkmnprvwx@#%=+*"  # none that somebody writes as a digit, nor an F, which is a 7 with a bar
Point = tuple[float, float]

# Ways to write a digit: strokes through points (x, y), from (0, 0) at the top left to (1, 1). The first and the last
# point of a stroke that is closed are the same.
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


def bent(ink: np.ndarray, random: np.random.Generator, *, strength: float) -> np.ndarray:
    """Return ink [height, width] with its pixels shifted smoothly; strength is the deviation as a share of GLYPH.

    Source: P. Simard, D. Steinkraus and J. Platt, "Best practices for convolutional neural networks applied to visual
    document analysis", ICDAR (2003).
    """
    height, width = ink.shape
    corners = random.normal(0, strength * GLYPH, (5, 5, 2)) + np.stack(
        np.meshgrid(np.linspace(0, width, 5), np.linspace(0, height, 5)), -1
    )
    mesh = [
        (
            (j * width // 4, i * height // 4, (j + 1) * width // 4, (i + 1) * height // 4),
            [*corners[i, j], *corners[i + 1, j], *corners[i + 1, j + 1], *corners[i, j + 1]],
        )
        for i in range(4)
        for j in range(4)
    ]
    image = Image.fromarray((255 * ink).astype(np.uint8))
    return np.asarray(image.transform(image.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)) / 255.0


def in_hand(mask: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return ink [height, width] 0 to 1 of a mask: slanted, squeezed, turned and bent at random."""
    ink = turned(
        mask,
        angle=random.uniform(-12, 12),
        slant=random.uniform(-0.25, 0.25),
        squeeze=float(np.exp(random.uniform(-0.25, 0.25))),
    )
    return bent(ink, random, strength=random.uniform(0, 0.035))


def from_mnist(image: np.ndarray) -> np.ndarray:
    """Return ink [height, width] bool, GLYPH pixels high, of an image [28, 28] uint8 of MNIST."""
    side = round(GLYPH * 28 / 20)
    large = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))
    return np.pad(large > 110, GLYPH // 3)


def mixed(masks: Sequence[np.ndarray], random: np.random.Generator) -> np.ndarray:
    """Return ink of several masks side by side, from overlapping a little to a third of GLYPH apart."""
    tight = [mask[extent(mask)] for mask in masks]
    height = max(map(len, tight))
    page = np.zeros((2 * height + GLYPH, sum(each.shape[1] for each in tight) * 2 + 2 * GLYPH), bool)
    column = GLYPH // 2
    for each in tight:
        top = GLYPH // 2 + (height - len(each)) // 2 + int(random.uniform(-0.1, 0.1) * height)
        page[top : top + len(each), column : column + each.shape[1]] |= each
        column += max(4, each.shape[1] + int(random.uniform(-0.08, 0.33) * GLYPH))
    return page


def half(mask: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a mask without its upper or its lower half."""
    rows, out = extent(mask)[0], mask.copy()
    row = int(rows.start + random.uniform(0.4, 0.6) * (rows.stop - rows.start))
    if random.random() < 0.5:
        out[row:] = False
    else:
        out[:row] = False
    return out


def scribble(random: np.random.Generator) -> np.ndarray:
    """Return ink of one to three curves through random points."""
    strokes = [random.uniform(0, 1, (random.integers(4, 12), 2)).tolist() for _ in range(random.integers(1, 4))]
    return drawn(strokes, pen(random) * 0.6, wobble=0, random=random)


def figure(random: np.random.Generator) -> np.ndarray:
    """Return ink of a polygon, a cross, a bar that lies, a star, a spiral or a grid: as an outline or filled."""
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


def coarse(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a picture [height, width, 1] uint8 scanned with few pixels and enlarged."""
    few = random.integers(8, 18)
    ways = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
    small = Image.fromarray(picture[..., 0]).resize((few, few), Image.Resampling.BOX)
    side = int(random.integers(few, 100))
    return np.asarray(small.resize((side, side), ways[random.integers(3)]))[..., None]


def on_sheet(ink: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a picture of a digit on a sheet that lies on a darker or lighter desk."""
    height, width = ink.shape
    frame = [int(random.uniform(0.15, 0.5) * side) for side in (height, height, width, width)]
    desk = np.pad(np.ones_like(ink), ((frame[0], frame[1]), (frame[2], frame[3])))
    page = np.pad(ink, ((frame[0], frame[1]), (frame[2], frame[3])))
    sheet, table = random.uniform(150, 255), random.uniform(0, 110)
    picture = np.where(desk > 0, sheet - page * random.uniform(90, 0.95 * sheet), table)
    if random.random() < 0.3:
        picture = 255 - picture
    side = int(random.uniform(60, 200))
    return np.asarray(Image.fromarray(picture.clip(0, 255).astype(np.uint8)).resize((side, side * height // width)))[
        ..., None
    ]


class Maker:
    """Makes pictures of one kind after another, from MNIST's training images and typefaces."""

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, faces: Sequence[Path], *, seed: int | Sequence[int]
    ) -> None:
        self.images, self.labels, self.faces = images, labels, faces
        self.random = np.random.default_rng(seed)

    def make(self, kind: str) -> Iterator[tuple[np.ndarray, int]]:
        """Yield what the front end makes of one picture, [28, 28, 1] uint8, with its label."""
        random = self.random
        if kind == "noise":
            yield from _read(noise(random), NONE, every=True)
        elif kind == "sheet":
            mask, label = self._mnist()
            first, *others = _read(on_sheet(in_hand(mask, random), random), label, every=True) or [(None, 0)]
            if others:
                yield first[0], NONE
                yield from others
        else:
            mask, label = getattr(self, f"_{kind}")()
            ink = in_hand(mask, random)
            if (ink > 0.5).any():
                picture = on_paper(ink, random, side=(24, 160))
                if random.random() < 0.12 and label != NONE:
                    picture = coarse(picture, random)
                yield from _read(picture, label, every=label == NONE)

    def _mnist(self) -> tuple[np.ndarray, int]:
        chosen = self.random.integers(len(self.labels))
        mask = from_mnist(self.images[chosen, ..., 0])
        return with_thickness(mask, pen(self.random) if self.random.random() < 0.7 else None), int(self.labels[chosen])

    def _face(self, characters: str) -> tuple[np.ndarray, str]:
        mask = np.zeros((1, 1), bool)
        while not mask.any():  # a face may lack a character
            face = self.faces[self.random.integers(len(self.faces))]
            text = characters[self.random.integers(len(characters))]
            mask = glyph(face, text)
        return with_thickness(mask, pen(self.random) if self.random.random() < 0.75 else None), text

    def _typeface(self) -> tuple[np.ndarray, int]:
        mask, text = self._face("0123456789")
        return mask, int(text)

    def _hand(self) -> tuple[np.ndarray, int]:
        label, strokes = WAYS[self.random.integers(len(WAYS))]
        return drawn(strokes, pen(self.random), wobble=self.random.uniform(0.01, 0.045), random=self.random), label

    def _letter(self) -> tuple[np.ndarray, int]:
        return self._face(LETTERS)[0], NONE

    def _word(self) -> tuple[np.ndarray, int]:
        letters = [self._face(LETTERS + "aostiuy")[0] for _ in range(self.random.integers(2, 5))]
        return mixed(letters, self.random), NONE

    def _several(self) -> tuple[np.ndarray, int]:
        source: Callable[[], tuple[np.ndarray, int]] = self._mnist if self.random.random() < 0.6 else self._typeface
        return mixed([source()[0] for _ in range(self.random.integers(2, 4))], self.random), NONE

    def _half(self) -> tuple[np.ndarray, int]:
        while True:
            mask, label = self._mnist() if self.random.random() < 0.6 else self._typeface()
            if label == 0:  # half of another may be a digit too: of an 8 a 0, of a 4 a 1, of a 3 a 7
                return half(mask, self.random), NONE

    def _scribble(self) -> tuple[np.ndarray, int]:
        return scribble(self.random), NONE

    def _figure(self) -> tuple[np.ndarray, int]:
        return figure(self.random), NONE

    def _blob(self) -> tuple[np.ndarray, int]:
        return blob(self.random), NONE


def _read(picture: np.ndarray, label: int, *, every: bool) -> list[tuple[np.ndarray, int]]:
    """Return the images that the front end makes of a picture, all ways or the first, with the label."""
    try:
        found = interpretations(picture)
    except ImageError:
        return []
    return [(steps[-1][1], label) for steps in (found if every else found[:1])]
