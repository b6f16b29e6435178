"""Pictures such as people take of digits, made of test images: any ink, paper, size and place, bad light, JPEG.

    python -m tests.images.pictures [N]

prints how many of the first N test digits (2,000) `builtin` reads in such pictures, and with ink and paper swapped.
"""

import io
import sys

import numpy as np
from PIL import Image

from mnistcli.data import load
from mnistcli.images import Source, normalize, read_picture
from mnistcli.network import logits
from mnistcli.runs import load_model
from mnistcli.runs.store import BUILTIN

ORIENTATION = 0x0112
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


def count_right(n: int, *, invert: bool) -> int:
    """Return how many of the first n test digits `builtin` reads in such pictures."""
    model, test = load_model(BUILTIN), load("mnist").test
    files = (photograph(test.images[i, ..., 0], seed=i, invert=invert) for i in range(n))
    pictures = np.stack([normalize(read_picture(Source("photograph", file))) for file in files])
    answers = np.concatenate([logits(model.layers, model.params, pictures[i : i + 100]) for i in range(0, n, 100)])
    return int((answers.argmax(1) == test.labels[:n]).sum())


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
