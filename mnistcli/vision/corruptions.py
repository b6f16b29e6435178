"""The fifteen corruptions of MNIST-C, each at one severity: our own implementation, without its files or code.

Source of the names: N. Mu and J. Gilmer, "MNIST-C: a robustness benchmark for computer vision", 2019. Lengths are for
images of 28 pixels and scale with the shorter side. The same images are always corrupted in the same way.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from mnistcli.config import CORRUPTIONS

SIDE = 28  # pixels of the images that lengths are given for
SEED = 2019
TOGETHER = 1000  # images corrupted at a time
PHOTONS = 3
IMPULSES = 0.15
GLASS_SIGMA, GLASS_REACH, GLASS_ROUNDS = 0.5, 1, 2
MOTION_LENGTH = 7
SHEAR = 0.6
SCALE = 0.6
ANGLE = 35
BRIGHTNESS = 0.5
SHIFT = 5
STRIPE_WIDTH = 7
FOG = 0.8
FOG_CELLS = {2: 1.0, 4: 0.6, 8: 0.35}  # cells across the image: weight
SPATTER_SHARE, SPATTER_LEVEL, SPATTER_SIGMA = 0.15, 0.7, 1.2
LINE_WIDTH = 1.6
DOT_PERIOD, DOT_LENGTH = 4, 2
ZIGZAG_HEIGHT, ZIGZAG_PERIOD = 3, 8
CANNY_SIGMA, CANNY_LOW, CANNY_HIGH = 1.0, 0.1, 0.2

Random = np.random.Generator
Number = float | np.ndarray


class Corruption(NamedTuple):
    """A corruption's severity in words, and its function of images [n, height, width, channels] float32 from 0 to 1."""

    severity: str
    apply: Callable[[np.ndarray, Random], np.ndarray]


def corrupt(images: np.ndarray, name: str) -> np.ndarray:
    """Return images [n, height, width, channels] uint8 with the corruption of that name."""
    done = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), TOGETHER):
        part = images[start : start + TOGETHER]
        random = np.random.default_rng([SEED, CORRUPTIONS.index(name), start])
        changed = KINDS[name].apply(part.astype(np.float32) / 255, random)
        done[start : start + TOGETHER] = (changed.clip(0, 1) * 255).round()
    return done


def shot_noise(x: np.ndarray, random: Random) -> np.ndarray:
    """Add photon shot noise."""
    return random.poisson(x * PHOTONS) / PHOTONS


def impulse_noise(x: np.ndarray, random: Random) -> np.ndarray:
    """Make single pixels black or white."""
    drawn = random.random((*x.shape[:3], 1), np.float32)
    return np.where(drawn < IMPULSES, drawn < IMPULSES / 2, x)


def glass_blur(x: np.ndarray, random: Random) -> np.ndarray:
    """Look through frosted glass: replace each pixel by a nearby one, between two blurs."""
    reach = round(_scaled(GLASS_REACH, x))
    x = _blurred(x, GLASS_SIGMA)
    for _ in range(GLASS_ROUNDS):
        down, right = random.integers(-reach, reach + 1, (2, *x.shape[:3]))
        x = _offset(x, down, right)
    return _blurred(x, GLASS_SIGMA)


def motion_blur(x: np.ndarray, random: Random) -> np.ndarray:
    """Blur along a straight line, in a random direction for each image."""
    angle = random.uniform(0, np.pi, (len(x), 1, 1))
    length = _scaled(MOTION_LENGTH, x)
    steps = np.linspace(-(length - 1) / 2, (length - 1) / 2, max(1, round(length)))
    return np.mean([_offset(x, _round(step * np.sin(angle)), _round(step * np.cos(angle))) for step in steps], axis=0)


def shear(x: np.ndarray, random: Random) -> np.ndarray:
    """Slant to the left or to the right."""
    return _warped(x, ((1, 0), (SHEAR * _signs(x, random), 1)))


def scale(x: np.ndarray, random: Random) -> np.ndarray:  # noqa: ARG001
    """Make smaller."""
    return _warped(x, ((1 / SCALE, 0), (0, 1 / SCALE)))


def rotate(x: np.ndarray, random: Random) -> np.ndarray:
    """Rotate to the left or to the right."""
    angle = np.radians(ANGLE) * _signs(x, random)
    return _warped(x, ((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))


def brightness(x: np.ndarray, random: Random) -> np.ndarray:  # noqa: ARG001
    """Make brighter."""
    return x + BRIGHTNESS


def translate(x: np.ndarray, random: Random) -> np.ndarray:
    """Shift in a random direction for each image."""
    angle, length = random.uniform(0, 2 * np.pi, (len(x), 1, 1)), _scaled(SHIFT, x)
    return _warped(x, ((1, 0), (0, 1)), shift=(length * np.sin(angle), length * np.cos(angle)))


def stripe(x: np.ndarray, random: Random) -> np.ndarray:  # noqa: ARG001
    """Invert a vertical stripe in the middle."""
    _, along = _grid(x)
    return np.where((np.abs(along) < _scaled(STRIPE_WIDTH, x) / 2)[None, ..., None], 1 - x, x)


def fog(x: np.ndarray, random: Random) -> np.ndarray:
    """Cover with a cloud of varying density."""
    clouds = [_cloud(x, cells, random) for cells in FOG_CELLS]
    veil = FOG * np.average(clouds, axis=0, weights=list(FOG_CELLS.values()))[..., None]
    return x * (1 - veil) + veil


def spatter(x: np.ndarray, random: Random) -> np.ndarray:
    """Splash grey drops on the image."""
    wetness = _blurred(random.random((*x.shape[:3], 1), np.float32), SPATTER_SIGMA)
    drops = wetness > np.quantile(wetness, 1 - SPATTER_SHARE, axis=(1, 2), keepdims=True)
    return x * (1 - drops) + SPATTER_LEVEL * drops


def dotted_line(x: np.ndarray, random: Random) -> np.ndarray:
    """Draw a white dotted line across the image."""
    along, across = _along_line(x, random)
    period, length = _scaled(DOT_PERIOD, x), _scaled(DOT_LENGTH, x)
    return np.maximum(x, _stroke(x, across) * (along % period < length)[..., None])


def zigzag(x: np.ndarray, random: Random) -> np.ndarray:
    """Draw a white zigzag line across the image."""
    along, across = _along_line(x, random)
    teeth = np.abs(along / _scaled(ZIGZAG_PERIOD, x) % 1 - 0.5) * 4 - 1
    slope = 4 * ZIGZAG_HEIGHT / ZIGZAG_PERIOD
    return np.maximum(x, _stroke(x, (across - _scaled(ZIGZAG_HEIGHT, x) * teeth) / np.hypot(1, slope)))


def canny_edges(x: np.ndarray, random: Random) -> np.ndarray:  # noqa: ARG001
    """Keep only the edges.

    Source: J. Canny, "A computational approach to edge detection", IEEE Transactions on Pattern Analysis and Machine
    Intelligence 8 (1986): ridges in the gradient of the blurred image that exceed a low threshold and are connected to
    one above a high one.
    """
    grey = _blurred(x, CANNY_SIGMA).mean(-1)
    down, right = (_slope(grey, *axes) for axes in ((1, 2), (2, 1)))
    strength = np.hypot(down, right)
    sector = _round(np.arctan2(down, right) / (np.pi / 4)) % 4
    steps = np.array([(0, 1), (1, 1), (1, 0), (1, -1)])[sector]
    ahead, behind = (_offset(strength[..., None], *(sign * np.moveaxis(steps, -1, 0)))[..., 0] for sign in (1, -1))
    ridge = (strength > ahead) & (strength >= behind) & (strength > CANNY_LOW)
    within = np.zeros((3, 3, 3))
    within[1] = 1  # connect pixels within an image, not across images
    parts, n = ndimage.label(ridge, within)
    strong = np.zeros(n + 1, bool)
    strong[parts[ridge & (strength > CANNY_HIGH)]] = True
    return np.broadcast_to(strong[parts][..., None], x.shape)


def _scaled(length: float, x: np.ndarray) -> float:
    return length * min(x.shape[1:3]) / SIDE


def _blurred(x: np.ndarray, sigma: float) -> np.ndarray:
    sigma = _scaled(sigma, x)
    return ndimage.gaussian_filter(x, (0, sigma, sigma, 0), mode="nearest")


def _round(numbers: np.ndarray) -> np.ndarray:
    return np.rint(numbers).astype(int)


def _slope(grey: np.ndarray, along: int, across: int) -> np.ndarray:
    """Return Sobel's derivative of [n, height, width] along an axis, smoothed across it."""
    smooth = ndimage.correlate1d(grey, [0.25, 0.5, 0.25], across, mode="nearest")
    return ndimage.correlate1d(smooth, [-1, 0, 1], along, mode="nearest")


def _signs(x: np.ndarray, random: Random) -> np.ndarray:
    return random.choice([-1.0, 1.0], (len(x), 1, 1))


def _grid(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each pixel's row and column relative to the centre, [height, width]."""
    down, right = (np.arange(side) - (side - 1) / 2 for side in x.shape[1:3])
    return np.meshgrid(down, right, indexing="ij")


def _offset(x: np.ndarray, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return for each pixel the one at offset down, right [n, height, width] or [n, 1, 1]; the edge is repeated."""
    n, height, width, channels = x.shape
    rows = (np.arange(height)[:, None] + down).clip(0, height - 1)
    columns = (np.arange(width) + right).clip(0, width - 1)
    places = (np.arange(n)[:, None, None] * height + rows) * width + columns
    return x.reshape(-1, channels)[places]


def _warped(
    x: np.ndarray, matrix: tuple[tuple[Number, Number], tuple[Number, Number]], shift: tuple[Number, Number] = (0, 0)
) -> np.ndarray:
    """Return images whose pixel at p, relative to the centre, is the one that was at matrix · p − shift.

    Interpolation is bilinear, black beyond the edge. Rows come first; entries are numbers or arrays [n, 1, 1].
    """
    n, height, width, channels = x.shape
    (a, b), (c, d) = matrix
    down, right = _grid(x)
    padded = np.pad(x, ((0, 0), (1, 2), (1, 2), (0, 0)))
    # Offset by one in the padded images, whose black frame stands for everything outside.
    row = (a * down + b * right - shift[0] + (height + 1) / 2).clip(0, height + 1).astype(np.float32)
    column = (c * down + d * right - shift[1] + (width + 1) / 2).clip(0, width + 1).astype(np.float32)
    top, left = row.astype(np.intp), column.astype(np.intp)
    below, beside = (row - top)[..., None], (column - left)[..., None]
    corner = (np.arange(n)[:, None, None] * (height + 3) + top) * (width + 3) + left
    pixels = padded.reshape(-1, channels)
    upper, lower = (
        (1 - beside) * pixels.take(start, axis=0) + beside * pixels.take(start + 1, axis=0)
        for start in (corner, corner + width + 3)
    )
    return (1 - below) * upper + below * lower


def _cloud(x: np.ndarray, cells: int, random: Random) -> np.ndarray:
    """Return smooth noise from 0 to 1, [n, height, width]: random values at cell corners, bilinear between them."""
    noise = random.random((len(x), cells + 1, cells + 1), np.float32)
    down, right = (_interpolation(side, cells) for side in x.shape[1:3])
    return down @ noise @ right.T


def _interpolation(side: int, cells: int) -> np.ndarray:
    """Return the interpolation weights [side, cells + 1] of the cell corners for each pixel along a side."""
    places = np.linspace(0, cells, side)[:, None]
    return (1 - np.abs(places - np.arange(cells + 1))).clip(0).astype(np.float32)


def _along_line(x: np.ndarray, random: Random) -> tuple[np.ndarray, np.ndarray]:
    """Return each pixel's position along and across a random line near the image's centre, [n, height, width]."""
    down, right = _grid(x)
    angle = random.uniform(0, np.pi, (len(x), 1, 1))
    aside = random.uniform(-0.2, 0.2, (len(x), 1, 1)) * min(x.shape[1:3])
    return down * np.sin(angle) + right * np.cos(angle), down * np.cos(angle) - right * np.sin(angle) + aside


def _stroke(x: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return a white line, [n, height, width, 1], from each pixel's distance to its middle."""
    return (_scaled(LINE_WIDTH, x) / 2 + 0.5 - np.abs(distance)).clip(0, 1)[..., None]


KINDS = {
    "shot_noise": Corruption(f"Poisson noise, {PHOTONS} photons for white", shot_noise),
    "impulse_noise": Corruption(f"{IMPULSES * 100:.0f} % of the pixels are black or white", impulse_noise),
    "glass_blur": Corruption(f"pixels displaced {GLASS_ROUNDS} times by {GLASS_REACH}, blurred", glass_blur),
    "motion_blur": Corruption(f"blurred along {MOTION_LENGTH} pixels", motion_blur),
    "shear": Corruption(f"slanted by {SHEAR:g} of the height", shear),
    "scale": Corruption(f"scaled to {SCALE * 100:.0f} %", scale),
    "rotate": Corruption(f"rotated by {ANGLE}°", rotate),
    "brightness": Corruption(f"brighter by {BRIGHTNESS:g} of white", brightness),
    "translate": Corruption(f"shifted by {SHIFT} pixels", translate),
    "stripe": Corruption(f"a stripe of {STRIPE_WIDTH} pixels inverted", stripe),
    "fog": Corruption(f"under a cloud of up to {FOG * 100:.0f} %", fog),
    "spatter": Corruption(f"{SPATTER_SHARE * 100:.0f} % covered by drops", spatter),
    "dotted_line": Corruption("a dotted line across", dotted_line),
    "zigzag": Corruption(f"a zigzag line across, teeth of {2 * ZIGZAG_HEIGHT} pixels", zigzag),
    "canny_edges": Corruption(f"only edges, thresholds {CANNY_LOW:g} and {CANNY_HIGH:g}", canny_edges),
}
