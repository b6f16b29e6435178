"""How a network reads hands that it never saw, and what it says of what is no digit:

    python -m tests.builtin.measure FOLDER [RUN]

The typefaces are those whose names begin with l to z; the pictures of no digit are of kinds that training has none of.
Scans, photographs and textures come with scikit-learn and scikit-image, where they are installed.
"""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnistcli.commands.predict import predict
from mnistcli.datasets import load
from mnistcli.results.predict import NONE
from mnistcli.runs import RunsFolder
from mnistcli.vision import Source
from tests.builtin.hands import TESTING, fetch, glyph, on_paper, turned, with_thickness

SCRIPTS = {
    "devanagari": (0x905, 0x939), "bengali": (0x985, 0x9B9), "tamil": (0xB85, 0xBB9), "thai": (0xE01, 0xE2E),
    "georgian": (0x10D0, 0x10F0), "ethiopic": (0x1200, 0x1240), "hebrew": (0x5D0, 0x5EA), "arabic": (0x628, 0x64A),
    "khmer": (0x1780, 0x17A2),
}  # fmt: skip
EMOJI = (0x1F400, 0x1F4FF)  # animals, food, things
THICKNESSES = {"thin": (0.04, 0.07), "normal": (0.09, 0.15), "thick": (0.2, 0.333)}
Labelled = tuple[Source, str]


def typefaces(folder: Path, kind: str) -> Iterator[Labelled]:
    """Yield each digit of each family in a pen of that kind, turned by up to 10°."""
    random = np.random.default_rng(0)
    for family in TESTING:
        face = fetch(family, folder)
        for digit in "0123456789" if face else ():
            ink = turned(
                with_thickness(glyph(face, digit), random.uniform(*THICKNESSES[kind])),
                angle=random.uniform(-10, 10), slant=0, squeeze=1,
            )  # fmt: skip
            yield Source(f"{family} {digit}", on_paper(ink, random, side=(60, 400))), digit


def scans() -> Iterator[Labelled]:
    """Yield scikit-learn's 1,797 digits of 8×8 pixels, enlarged."""
    from sklearn.datasets import load_digits

    found = load_digits()
    for i, (image, label) in enumerate(zip(found.images, found.target, strict=True)):
        picture = Image.fromarray((255 - image / 16 * 255).astype(np.uint8))
        way = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)[i % 3]
        yield Source(f"scan {i}", np.asarray(picture.resize((96, 96), way))[..., None]), str(label)


def coarse_mnist(n: int) -> Iterator[Labelled]:
    """Yield n test digits scanned with 16×16 pixels and enlarged."""
    test = load("mnist").test
    for i in range(n):
        small = Image.fromarray(255 - test.images[i, ..., 0]).resize((16, 16), Image.Resampling.BOX)
        yield (
            Source(f"test {i}", np.asarray(small.resize((80, 80), Image.Resampling.BICUBIC))[..., None]),
            str(test.labels[i]),
        )


def letters(folder: Path) -> Iterator[Source]:
    """Yield letters of other scripts."""
    random = np.random.default_rng(1)
    for script, (first, last) in SCRIPTS.items():
        fetch(f"noto-sans-{script}", folder)
        face = next((folder / f"noto-sans-{script}").glob(f"**/*-{script}-400-normal.woff"))
        for code in random.permutation(np.arange(first, last + 1))[:34]:
            mask = glyph(face, chr(code))
            if mask.any():
                yield Source(
                    f"{script} {code:x}",
                    on_paper(turned(mask, angle=random.uniform(-10, 10), slant=0, squeeze=1), random),
                )


def emoji(folder: Path) -> Iterator[Source]:
    """Yield emoji in outline."""
    random = np.random.default_rng(2)
    fetch("noto-emoji", folder)
    faces = [ImageFont.truetype(path, 96) for path in sorted((folder / "noto-emoji").glob("**/*-400-normal.woff"))]
    for code in range(*EMOJI):
        for face in faces:
            image = Image.new("L", (160, 160))
            ImageDraw.Draw(image).text((20, 20), chr(code), fill=255, font=face)
            missing = Image.new("L", (160, 160))
            ImageDraw.Draw(missing).text((20, 20), "\U0010fffd", fill=255, font=face)
            if image.getbbox() and image.tobytes() != missing.tobytes():
                yield Source(f"emoji {code:x}", on_paper(np.asarray(image) / 255, random))
                break


def crops(names: tuple[str, ...], n: int) -> Iterator[Source]:
    """Yield n parts of scikit-image's pictures."""
    random = np.random.default_rng(3)
    folder = Path(importlib.util.find_spec("skimage").submodule_search_locations[0]) / "data"
    pictures = [np.asarray(Image.open(folder / name).convert("L")) for name in names]
    for i in range(n):
        picture = pictures[i % len(pictures)]
        side = int(random.uniform(0.15, 1) * min(picture.shape))
        row, column = (random.integers(0, length - side + 1) for length in picture.shape)
        yield Source(f"crop {i}", picture[row : row + side, column : column + side, None])


def pages(n: int) -> Iterator[Source]:
    """Yield layouts of pages: a heading, columns of grey lines, boxes for pictures."""
    random = np.random.default_rng(4)
    for i in range(n):
        width, height = (int(random.uniform(150, 400)) for _ in range(2))
        page = Image.new("L", (width, height), int(random.uniform(200, 255)))
        draw, columns = ImageDraw.Draw(page), int(random.integers(1, 4))
        draw.rectangle([10, 10, width * random.uniform(0.3, 0.9), 22], fill=30)
        for column in range(columns):
            left, right = width * column / columns + 8, width * (column + 1) / columns - 8
            top = 34.0
            while top < height - 12:
                if random.random() < 0.12:
                    draw.rectangle(
                        [left, top, right, min(top + 50, height - 8)],
                        outline=60,
                        fill=None if random.random() < 0.5 else 120,
                    )
                    top += 58
                else:
                    draw.line([left, top, left + (right - left) * random.uniform(0.6, 1), top], fill=80, width=2)
                    top += 7
        yield Source(f"page {i}", np.asarray(page)[..., None])


def main(folder: Path, name: str) -> None:
    """Print a line a measure."""
    run = RunsFolder(Path("runs")).find(name)

    def digits(what: str, made: Iterator[Labelled]) -> None:
        pairs = list(made)
        answers = list(predict((source for source, _ in pairs), [run]))
        right = sum(a.error is None and a.top[0][0] == label for a, (_, label) in zip(answers, pairs, strict=True))
        refused = sum(a.error is not None or a.top[0][0] == NONE for a in answers)
        n = len(pairs)
        print(f"{what:34} {n:6,}: {right / n:7.2%} right, {refused / n:6.2%} refused")

    def others(what: str, made: Iterator[Source]) -> None:
        answers = list(predict(made, [run]))
        told = sum(a.error is not None or a.top[0][0] == NONE or a.top[0][1] < 0.5 for a in answers)
        print(f"{what:34} {len(answers):6,}: {told / len(answers):7.2%} no digit or below 0.5")

    kinds: dict[str, Callable[[], Iterator[Source]]] = {
        "letters of other scripts": lambda: letters(folder),
        "emoji": lambda: emoji(folder),
        "layouts of pages": lambda: pages(150),
    }
    for kind in THICKNESSES:
        digits(f"typefaces l to z, {kind}", typefaces(folder, kind))
    digits("test digits by 16×16 pixels", coarse_mnist(1000))
    if importlib.util.find_spec("sklearn"):
        digits("scans of 8×8 pixels", scans())
    if importlib.util.find_spec("skimage"):
        kinds["photographs"] = lambda: crops(
            ("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "rocket.jpg"), 200
        )
        kinds["textures"] = lambda: crops(("brick.png", "grass.png", "gravel.png"), 150)
        kinds["pages, photographed"] = lambda: crops(("page.png", "text.png"), 50)
    for what, make in kinds.items():
        others(what, make())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "builtin")
