"""Pictures such as people take of digits, made of test images: any ink, paper, size and place, bad light, JPEG.

    python -m tests.vision.pictures [N]

prints how many of the first N test digits (2,000) `builtin` reads in such pictures, and with ink and paper swapped;
then how many of N / 4 rows of five, with gaps from 0 to a digit's width, and of as many whose digits all but touch;
then how many of N / 10 pictures of no digit get an answer above 0.6.
"""

import io
import sys
import textwrap
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnistcli.commands.predict import predict
from mnistcli.datasets import load
from mnistcli.results.predict import NONE, Prediction
from mnistcli.runs import RunsFolder
from mnistcli.vision import Source

ORIENTATION = 0x0112
HOPELESS = ("blank", "noise", "rectangle", "text")
TURNS = {1: 0, 3: 2, 6: 1, 8: 3}  # EXIF orientation → quarter turns anticlockwise that undo it


def photograph(digit: np.ndarray, *, seed: int, invert: bool = False) -> bytes:
    """Return a JPEG file of a digit [28, 28] uint8; `invert` swaps the colours of ink and paper."""
    random = np.random.default_rng(seed)
    ink, paper = _two_colours(random)
    if invert:
        ink, paper = paper, ink
    side = int(np.exp(random.uniform(np.log(60), np.log(2000))))
    shape = (side, int(side * random.uniform(0.7, 1.4)))
    coverage = _place(digit, shape, random)
    picture = paper + (ink - paper) * coverage[..., None]
    picture = picture * _light(shape, random)[..., None] + random.normal(0, random.uniform(0, 8), (*shape, 3))
    orientation = int(random.choice(list(TURNS)))
    pixels = np.rot90(picture.clip(0, 255).astype(np.uint8), TURNS[orientation])
    exif, file = Image.Exif(), io.BytesIO()
    exif[ORIENTATION] = orientation
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "JPEG", quality=60, exif=exif)
    return file.getvalue()


def row(digits: np.ndarray, *, seed: int, widest: float = 1.0) -> bytes:
    """Return a PNG file of digits [n, 28, 28] uint8 in a line, gaps from 0 to `widest` times a digit's width."""
    random = np.random.default_rng(seed)
    ink, paper = _two_colours(random)
    size = int(random.uniform(40, 160))
    page = np.zeros((3 * size, size * (3 * len(digits) + 2)))
    column = int(size * random.uniform(0.3, 1))
    for digit in digits:
        rows, columns = np.flatnonzero((digit > 64).any(1)), np.flatnonzero((digit > 64).any(0))
        tight = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        scale = size / 20 * random.uniform(0.9, 1.1)
        image = Image.fromarray(tight).resize([round(n * scale) for n in tight.shape[::-1]], Image.Resampling.BICUBIC)
        top = size + int(random.uniform(-0.06, 0.06) * size) + (int(20 * scale) - image.height) // 2
        region = page[top : top + image.height, column : column + image.width]
        np.maximum(region, np.asarray(image) / 255.0, out=region)
        column += image.width + int(random.uniform(0, widest) * image.width)
    page = page[:, : column + int(size * random.uniform(0.3, 1))]
    light = _light(page.shape, random)[..., None]
    picture = (paper + (ink - paper) * page[..., None]) * light + random.normal(
        0, random.uniform(0, 8), (*page.shape, 3)
    )
    file = io.BytesIO()
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def count_right_rows(n: int, *, widest: float = 1.0) -> int:
    """Return how many of n rows of five test digits `builtin` reads without any fault."""
    test, builtin = load("mnist").test, RunsFolder(Path("runs")).find("builtin")
    chosen = np.random.default_rng(0).integers(0, len(test.labels), (n, 5))
    sources = (Source("row", row(test.images[each, ..., 0], seed=i, widest=widest)) for i, each in enumerate(chosen))
    read = [
        "".join(digit.label for digit in answer.digits) for answer in predict(sources, [builtin], split_digits=True)
    ]
    return sum(a == "".join(map(str, test.labels[each])) for a, each in zip(read, chosen, strict=True))


def count_right(n: int, *, invert: bool) -> int:
    """Return how many of the first n test digits `builtin` reads in such pictures."""
    test, builtin = load("mnist").test, RunsFolder(Path("runs")).find("builtin")
    sources = (Source("photograph", photograph(test.images[i, ..., 0], seed=i, invert=invert)) for i in range(n))
    answers = predict(sources, [builtin])
    return sum(
        each.error is None and each.top[0][0] == str(label) for each, label in zip(answers, test.labels, strict=False)
    )


def hopeless(kind: str, *, seed: int) -> bytes:
    """Return a PNG file of no digit: blank paper, noise, a filled rectangle, or a page of text, in bad light."""
    random = np.random.default_rng(seed)
    side = int(np.exp(random.uniform(np.log(60), np.log(1200))))
    shape = (side, int(side * random.uniform(0.7, 1.4)))
    ink, paper = _two_colours(random)
    coverage = Image.new("L", shape[::-1], 0)
    draw = ImageDraw.Draw(coverage)
    if kind == "rectangle":
        (left, right), (top, bottom) = (np.sort(random.choice(n, 2, replace=False)) for n in coverage.size)
        draw.rectangle([int(left), int(top), int(right), int(bottom)], fill=255)
    if kind == "text":
        font = ImageFont.load_default(max(8, shape[1] / random.uniform(15, 40)))
        words = ("".join(random.choice(list("abcdefghijklmnopqrstuvwxyz"), random.integers(1, 9))) for _ in range(600))
        draw.multiline_text((4, 4), textwrap.fill(" ".join(words), 60), fill=255, font=font)
    picture = paper + (ink - paper) * np.asarray(coverage)[..., None] / 255
    grain = random.uniform(40, 120) if kind == "noise" else random.uniform(0, 8)
    picture = picture * _light(shape, random)[..., None] + random.normal(0, grain, (*shape, 3))
    file = io.BytesIO()
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def count_answered(n: int) -> dict[str, int]:
    """Return, of each kind of n hopeless pictures in all, how many `builtin` answers with more than 0.6 confidence."""
    builtin, each = RunsFolder(Path("runs")).find("builtin"), n // len(HOPELESS)
    sources = {kind: [Source(kind, hopeless(kind, seed=seed)) for seed in range(each)] for kind in HOPELESS}
    return {kind: sum(map(is_sure, predict(pictures, [builtin]))) for kind, pictures in sources.items()}


def thick_ring() -> np.ndarray:
    """Return a picture [height, width] uint8 of a 0 by a thick pen, which may be taken for paper around its hole."""
    page = Image.new("L", (200, 200), 250)
    ImageDraw.Draw(page).ellipse([25, 8, 175, 192], outline=20, width=55)
    return np.asarray(page)


def sheet_on_a_desk() -> np.ndarray:
    """Return a picture [height, width] uint8 of a 7 on a sheet on a dark desk, which may be taken for ink."""
    page = Image.new("L", (300, 300), 20)
    draw = ImageDraw.Draw(page)
    draw.rectangle([60, 40, 240, 260], fill=240)
    draw.line([(110, 90), (190, 90), (140, 210)], fill=20, width=14)
    return np.asarray(page)


def is_sure(answer: Prediction) -> bool:
    """Return whether the answer is a digit, with a confidence above 0.6."""
    return answer.error is None and answer.top[0][0] != NONE and answer.top[0][1] > 0.6


def _two_colours(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    while True:
        ink, paper = random.uniform(0, 255, (2, 3))
        if np.sqrt(((ink - paper) ** 2).mean()) > 90:
            return ink, paper


def _place(digit: np.ndarray, shape: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """Return how much of each pixel is ink, 0 to 1: the digit turned by up to 15° and put anywhere."""
    large = int(min(shape) * random.uniform(0.45, 0.95))
    image = Image.fromarray(digit).resize((large, large), Image.Resampling.BICUBIC)
    turned = np.asarray(image.rotate(random.uniform(-15, 15), Image.Resampling.BICUBIC)) / 255.0
    page = np.zeros(shape)
    row, column = (random.integers(0, space - large + 1) for space in shape)
    page[row : row + large, column : column + large] = turned
    return page


def _light(shape: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """Return a gradient of light across the picture, in any direction."""
    y, x = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
    direction = random.uniform(0, 2 * np.pi)
    return 1 + random.uniform(0, 0.3) * (np.cos(direction) * y + np.sin(direction) * x) / np.sqrt(2)


if __name__ == "__main__":
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    for invert in (False, True):
        print(f"{count_right(n, invert=invert)} of {n} right, ink and paper {'swapped' if invert else 'as drawn'}")
    for widest in (1.0, 0.0):
        print(
            f"{count_right_rows(n // 4, widest=widest)} of {n // 4} rows right, gaps to {widest:g} of a digit's width"
        )
    print(f"{count_answered(n // 10)} of {n // 10 // len(HOPELESS)} pictures each of no digit answered above 0.6")
