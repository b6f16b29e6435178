"""Decode picture files of any size and kind to 8-bit pixels."""

import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mnistcli.errors import ImageError
from mnistcli.files import check_regular

# Recognised by a file's content, never by its name; Pillow's other decoders are not used.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
MOST_PIXELS = 64 * 2**20  # a 64-megapixel photograph; larger ones may be decompression bombs
LARGE = 4 * 2**20  # pixels; larger pictures are reduced by averaging before steps that need much memory
WORKING_SIDE = 512  # more pixels make reading a digit slower, not better
DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")


@dataclass(frozen=True)
class Source:
    """A picture to read.

    Attributes:
        name: As the user wrote it.
        content: None: read the file of that name; else a file's bytes, pixels [height, width] or
            [height, width, 1, 3 or 4] of any numeric type, or the error that prevents reading.
    """

    name: str
    content: bytes | np.ndarray | ImageError | None = None


@dataclass(frozen=True)
class Picture:
    """A decoded picture: upright, without transparency, shrunk to fit.

    Attributes:
        pixels: [height, width, 1 or 3] uint8.
        scale: The side of one of these pixels in pixels of the original upright picture.
        note: What the user should know, for example that only the first of several frames was read.
    """

    pixels: np.ndarray
    scale: float = 1.0
    note: str | None = None


def read_picture(source: Source, *, side: int = WORKING_SIDE) -> Picture:
    """Return the picture, with a longer side of at most `side` pixels.

    Raises:
        ImageError: The file does not exist, or is not a picture that can be read.
    """
    content = source.content
    if isinstance(content, ImageError):
        raise content
    if isinstance(content, np.ndarray):
        return _fit(_from_numbers(content), side, longest=max(content.shape[:2]))
    try:
        if content is None:
            check_regular(source.name)
        return _decode(source.name if content is None else io.BytesIO(content), side)
    except UnidentifiedImageError as error:
        raise ImageError(f"is not a picture: expected {', '.join(FORMATS)}, .npy, .npz or IDX") from error
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror or error}") from error
    except (Image.DecompressionBombError, ValueError, SyntaxError, MemoryError, OverflowError, EOFError) as error:
        raise ImageError(f"is a damaged picture: {error}") from error


def _decode(file: str | io.BytesIO, side: int) -> Picture:
    with Image.open(file, formats=FORMATS) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ImageError(f"has {image.width}×{image.height} pixels: expected at most {MOST_PIXELS:,} in total")
        several = image.format != "MPO" and getattr(image, "is_animated", False)  # MPO: a photograph and its preview
        longest = max(image.size)
        image.draft(None, (side, side))  # for JPEG: decode at a reduced size
        ImageOps.exif_transpose(image, in_place=True)
        plain = image if image.mode == "L" and not image.has_transparency_data else _to_plain(image)
        note = "contains several pictures: only the first was read" if several else None
        return _fit(plain, side, longest=longest, note=note)


def _fit(plain: Image.Image, side: int, *, longest: int, note: str | None = None) -> Picture:
    """Shrink a plain picture to fit; its longer side was `longest` pixels before decoding."""
    if longest > side:
        plain.thumbnail((side, side))
    pixels = np.asarray(plain)
    return Picture(pixels if pixels.ndim == 3 else pixels[..., None], longest / max(plain.size), note)


def _from_numbers(values: np.ndarray) -> Image.Image:
    """Return numbers as a picture; white is 1 for floats up to 1, 255 for numbers up to 255, otherwise 65,535.

    Raises:
        ImageError: A number is below 0, above 65,535, infinite or NaN.
    """
    least, most = float(values.min()), float(values.max())
    if not (least >= 0 and most <= 65535):
        raise ImageError(f"contains numbers from {least:g} to {most:g}: expected 0 to 1, 0 to 255 or 0 to 65,535")
    white = 1 if values.dtype.kind in "bf" and most <= 1 else 255 if most <= 255 else 65535
    pixels = values if values.dtype == np.uint8 else _to_bytes(values / white)
    return _to_plain(Image.fromarray(pixels.squeeze(-1) if pixels.shape[2:] == (1,) else pixels))


def _to_bytes(levels: np.ndarray) -> np.ndarray:
    """Return levels from 0 to 1 as 8 bits; the argument is overwritten."""
    levels *= 255
    return np.round(levels, out=levels).astype(np.uint8)


def _to_plain(image: Image.Image) -> Image.Image:
    """Return the picture as 8-bit grey or RGB."""
    if image.mode in DEEP:
        return _scale_deep(np.asarray(_reduce(image), np.float64))
    if image.has_transparency_data:
        return _flatten_alpha(_reduce(image.convert("RGBA")))
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _reduce(image: Image.Image) -> Image.Image:
    """Shrink a LARGE picture by averaging blocks of pixels."""
    factor = math.isqrt(-(-image.width * image.height // LARGE))
    if factor < 2:
        return image
    return (image.convert("I") if image.mode.startswith("I;") else image).reduce(factor)


def _scale_deep(values: np.ndarray) -> Image.Image:
    """Scale numbers of more than 8 bits: 16-bit ones by their full range, others from their smallest to their largest.

    Raises:
        ValueError: A number is infinite or NaN.
    """
    if not np.isfinite(values).all():
        raise ValueError("a pixel is infinite or NaN")
    low, high = (0.0, 65535.0) if 255 < values.max() <= 65535 and values.min() >= 0 else (values.min(), values.max())
    return Image.fromarray(_to_bytes((values - low) / max(high - low, 1e-12)))


def _flatten_alpha(image: Image.Image) -> Image.Image:
    """Put a background behind transparency: the picture's median colour if mostly opaque, else a contrasting one."""
    pixels = np.asarray(image)
    opaque = pixels[pixels[..., 3] > 127][:, :3]
    if 2 * len(opaque) > pixels[..., 3].size:
        red, green, blue = (round(float(level)) for level in np.median(opaque, axis=0))
    else:
        red = green = blue = 0 if len(opaque) and opaque.mean() > 127 else 255
    flat = Image.new("RGBA", image.size, (red, green, blue, 255))
    flat.alpha_composite(image)
    return flat.convert("RGB")
