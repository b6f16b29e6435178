"""Pictures that train `builtin`, as its front end hands them on: digits of many hands and pens, and what is no digit.

A picture is drawn as ink, put on paper, and read by `images.interpretations`: training sees what predicting will.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mnistcli.errors import ImageError
from mnistcli.vision import interpretations
from mnistcli.vision.normalize import bounding_box
from tests.builtin.hands import GLYPH, glyph, on_paper, turned, with_thickness
from tests.builtin.others import blob, figure, half, icon, noise, scene, scribble, sign
from tests.builtin.ways import WAYS, drawn, pen

NONE = 10  # the label of what is no digit
LETTERS = "CEHKLMNPRVWXcdehkmnprvwx@#%=+*ÆæœÞ¥€©®‡"  # none looks like a digit; an F is a 7 with a bar
ODD = "AKRXkx#@*+Ææœ¥©®‡"  # letters that look like no digit at any angle
LYING, ONE_SIDED = (3, 4, 8), (3, 4, 9)  # digits that are none on their side, or mirrored
MISSING = "\U0010fffd"  # no face has it: its glyph is that of every missing character
SLIM = 8  # pixels of 28, of a height of 20
SCANNED = 0.12  # the share of pictures that have few pixels


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
    tight = [mask[bounding_box(mask)] for mask in masks]
    height = max(map(len, tight))
    page = np.zeros((2 * height + GLYPH, sum(each.shape[1] for each in tight) * 2 + 2 * GLYPH), bool)
    column = GLYPH // 2
    for each in tight:
        top = GLYPH // 2 + (height - len(each)) // 2 + int(random.uniform(-0.1, 0.1) * height)
        page[top : top + len(each), column : column + each.shape[1]] |= each
        column += max(4, each.shape[1] + int(random.uniform(-0.08, 0.33) * GLYPH))
    return page


def scanned(ink: np.ndarray, random: np.random.Generator, *, fewest: int, most: int) -> np.ndarray:
    """Return a picture [height, width, 1] uint8 of ink scanned with `fewest` to `most` pixels a side, and enlarged."""
    few = int(random.integers(fewest, most + 1))
    tight = ink[bounding_box(ink > 0.5)]
    size = [max(2, round(few * length / max(tight.shape))) for length in tight.shape[::-1]]
    small = np.asarray(Image.fromarray((255 * tight).astype(np.uint8)).resize(size, Image.Resampling.BOX)) / 255
    small = np.pad(small, random.integers(0, 3, (2, 2)))
    paper, contrast = random.uniform(150, 255), random.uniform(0.5, 1)
    picture = Image.fromarray((paper * (1 - contrast * small)).astype(np.uint8))
    ways = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
    times = random.uniform(1, 12)
    picture = picture.resize([round(times * length) for length in picture.size], ways[random.integers(3)])
    return np.asarray(picture)[..., None]


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
        self,
        images: np.ndarray,
        labels: np.ndarray,
        faces: Sequence[Path],
        scripts: Sequence[tuple[Path, str]],
        photos: Sequence[np.ndarray],
        views: Sequence[np.ndarray],
        *,
        seed: int | Sequence[int],
    ) -> None:
        self.images, self.labels, self.faces, self.scripts = images, labels, faces, scripts
        self.photos, self.views = photos, views
        self.random = np.random.default_rng(seed)

    def make(self, kind: str) -> Iterator[tuple[np.ndarray, int]]:
        """Yield what the front end makes of one picture, [28, 28, 1] uint8, with its label."""
        random = self.random
        if kind in FULL:
            yield from _read(FULL[kind](self), NONE, every=True)
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
                if kind == "scan":
                    picture = scanned(ink, random, fewest=7, most=11)
                elif random.random() < SCANNED:
                    picture = scanned(ink, random, fewest=12 if label == NONE else 8, most=18)
                else:
                    picture = on_paper(ink, random, side=(24, 160))
                yield from _read(picture, label, every=label == NONE)

    def _mnist(self) -> tuple[np.ndarray, int]:
        chosen = self.random.integers(len(self.labels))
        mask = from_mnist(self.images[chosen, ..., 0])
        return with_thickness(mask, pen(self.random) if self.random.random() < 0.7 else None), int(self.labels[chosen])

    def _face(self, characters: str, *, thickest: float = 1) -> tuple[np.ndarray, str]:
        """Return one of the characters in a pen of any thickness up to a share of the thickest, and its text."""
        while True:
            face = self.faces[self.random.integers(len(self.faces))]
            text = characters[self.random.integers(len(characters))]
            mask = glyph(face, text)
            if mask.any() and not np.array_equal(mask, glyph(face, MISSING)):
                return with_thickness(mask, thickest * pen(self.random) if self.random.random() < 0.75 else None), text

    def _typeface(self) -> tuple[np.ndarray, int]:
        mask, text = self._face("0123456789")
        return mask, int(text)

    def _hand(self) -> tuple[np.ndarray, int]:
        label, strokes = WAYS[self.random.integers(len(WAYS))]
        return drawn(strokes, pen(self.random), wobble=self.random.uniform(0.01, 0.045), random=self.random), label

    def _scan(self) -> tuple[np.ndarray, int]:
        return (self._mnist, self._mnist, self._typeface, self._hand)[self.random.integers(4)]()

    def _letter(self) -> tuple[np.ndarray, int]:
        return self._face(LETTERS, thickest=0.65)[0], NONE

    def _script(self) -> tuple[np.ndarray, int]:
        while True:
            face, letters = self.scripts[self.random.integers(len(self.scripts))]
            mask = glyph(face, letters[self.random.integers(len(letters))])
            if mask.any() and not np.array_equal(mask, glyph(face, MISSING)):
                return with_thickness(mask, 0.65 * pen(self.random) if self.random.random() < 0.75 else None), NONE

    def photo(self) -> np.ndarray:
        """Return a part [side, side, 1] uint8 of a small photograph, enlarged."""
        part = int(self.random.integers(14, 33))
        return self._part(self.photos, part, round(part * self.random.uniform(1, 6)))

    def view(self) -> np.ndarray:
        """Return a part [side, side, 1] uint8 of a large photograph, from a 30th of its height to all of it."""
        part = int(480 * np.exp(self.random.uniform(np.log(1 / 15), 0)))
        return self._part(self.views, part, int(np.exp(self.random.uniform(*np.log((40, 300))))))

    def _part(self, photos: Sequence[np.ndarray], part: int, side: int) -> np.ndarray:
        photo = photos[self.random.integers(len(photos))]
        row, column = (self.random.integers(0, length - part + 1) for length in photo.shape)
        square = Image.fromarray(photo[row : row + part, column : column + part])
        way = Image.Resampling.BOX if side < part else Image.Resampling.BICUBIC
        return np.asarray(square.resize((side, side), way))[..., None]

    def _turned(self) -> tuple[np.ndarray, int]:
        """Return a digit on its side or mirrored, or a letter at any angle: neither is a digit."""
        random, mirror = self.random, False
        kind = random.random()
        if kind < 0.5:
            mask, angle, mirror = self._face(ODD, thickest=0.65)[0], random.uniform(0, 360), random.random() < 0.5
        elif kind < 0.75:
            mask, angle = self._digit_of(LYING), random.choice([90, 270]) + random.uniform(-12, 12)
        else:
            mask, angle, mirror = self._digit_of(ONE_SIDED), random.uniform(-10, 10), True
        return turned(mask[:, ::-1] if mirror else mask, angle=angle, slant=0, squeeze=1, expand=True) > 0.5, NONE

    def _digit_of(self, labels: tuple[int, ...]) -> np.ndarray:
        while True:
            mask, label = self._mnist() if self.random.random() < 0.6 else self._typeface()
            if label in labels:
                return mask

    def _sign(self) -> tuple[np.ndarray, int]:
        return sign(self.random), NONE

    def _icon(self) -> tuple[np.ndarray, int]:
        return icon(self.random), NONE

    def _word(self) -> tuple[np.ndarray, int]:
        letters = [self._face(LETTERS + "aostiuy", thickest=0.65)[0] for _ in range(self.random.integers(2, 5))]
        return mixed(letters, self.random), NONE

    def _several(self) -> tuple[np.ndarray, int]:
        source: Callable[[], tuple[np.ndarray, int]] = self._mnist if self.random.random() < 0.6 else self._typeface
        return mixed([source()[0] for _ in range(self.random.integers(2, 4))], self.random), NONE

    def _half(self) -> tuple[np.ndarray, int]:
        return half(self._digit_of((0,)), self.random), NONE  # of an 8 it may be a 0, of a 4 a 1, of a 3 a 7

    def _scribble(self) -> tuple[np.ndarray, int]:
        return scribble(self.random), NONE

    def _figure(self) -> tuple[np.ndarray, int]:
        return figure(self.random), NONE

    def _blob(self) -> tuple[np.ndarray, int]:
        return blob(self.random), NONE


FULL: dict[str, Callable[[Maker], np.ndarray]] = {  # kinds that fill the frame
    "noise": lambda maker: noise(maker.random),
    "scene": lambda maker: scene(maker.random),
    "photo": Maker.photo,
    "view": Maker.view,
}


def _read(picture: np.ndarray, label: int, *, every: bool) -> list[tuple[np.ndarray, int]]:
    """Return the images that the front end makes of a picture, all interpretations or the first, with the label.

    Whatever is tall and slim is a 1: such images of what is no digit are left out.
    """
    try:
        found = interpretations(picture)
    except ImageError:
        return []
    images = [steps[-1][1] for steps in (found if every else found[:1])]
    return [(image, label) for image in images if label != NONE or (image > 64).any((0, 2)).sum() > SLIM]
