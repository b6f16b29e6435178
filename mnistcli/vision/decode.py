"""From a picture file of any size and kind to pixels in 8 bits."""

import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mnistcli.errors import ImageError
from mnistcli.files import check_regular

# Decided by a file's content, never by its name; Pillow's other decoders stay shut.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
MOST_PIXELS = 64 * 2**20  # a 64-megapixel photograph; a larger one is taken for a decompression bomb
LARGE = 4 * 2**20  # pixels: of more, what needs many bytes for each is computed from means of blocks
WORKING_SIDE = 512  # a digit is read no better from more pixels, only slower
DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")


@dataclass(frozen=True)
class Source:
    """A picture to read.

    Attributes:
        name: As the user wrote it.
        content: None where it is in the file of that name; else the bytes of such a file, its pixels [height, width] or
            [height, width, 1, 3 or 4] as any numbers, or why there are none.
    """

    name: str
    content: bytes | np.ndarray | ImageError | None = None


@dataclass(frozen=True)
class Picture:
    """A picture as it was decoded: turned upright, transparency flattened, shrunk to fit.

    Attributes:
        pixels: [height, width, 1 or 3] uint8.
        scale: How many pixels of the upright picture a side of one of these was.
        note: What its owner should know, such as that it is one frame of many.
    """

    pixels: np.ndarray
    scale: float = 1.0
    note: str | None = None


def read_picture(source: Source, *, side: int = WORKING_SIDE) -> Picture:
    """Return the picture, its longer side `side` pixels at most.

    Raises:
        ImageError: There is no such file, or it is not a picture that can be read.
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
        raise ImageError(
            f"is not a picture in a format that can be read: {', '.join(FORMATS)}, .npy, .npz or IDX"
        ) from error
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror or error}") from error
    except (Image.DecompressionBombError, ValueError, SyntaxError, MemoryError, OverflowError, EOFError) as error:
        raise ImageError(f"is a damaged picture: {error}") from error


def _decode(file: str | io.BytesIO, side: int) -> Picture:
    with Image.open(file, formats=FORMATS) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ImageError(f"has {image.width}×{image.height} pixels, more than {MOST_PIXELS:,} in all")
        several = image.format != "MPO" and getattr(image, "is_animated", False)  # MPO: a photograph and its preview
        longest = max(image.size)
        image.draft(None, (side, side))  # JPEG alone: decodes at a fraction of the size
        ImageOps.exif_transpose(image, in_place=True)
        plain = image if image.mode == "L" and not image.has_transparency_data else _to_plain(image)
        note = "holds several pictures: the first was read" if several else None
        return _fit(plain, side, longest=longest, note=note)


def _fit(plain: Image.Image, side: int, *, longest: int, note: str | None = None) -> Picture:
    """Shrink a plain picture, whose longer side was `longest` pixels before it was decoded."""
    if longest > side:
        plain.thumbnail((side, side))
    pixels = np.asarray(plain)
    return Picture(pixels if pixels.ndim == 3 else pixels[..., None], longest / max(plain.size), note)


def _from_numbers(values: np.ndarray) -> Image.Image:
    """Return numbers as a picture: integers up to 255 and numbers up to 1 by that range, larger ones by 16 bits.

    Raises:
        ImageError: One is below 0, above 65,535, infinite or no number.
    """
    least, most = float(values.min()), float(values.max())
    if not (least >= 0 and most <= 65535):
        raise ImageError(f"holds numbers from {least:g} to {most:g}: expected 0 to 1, 0 to 255 or 0 to 65,535")
    full = 1 if values.dtype.kind in "bf" and most <= 1 else 255 if most <= 255 else 65535
    pixels = values if values.dtype == np.uint8 else _to_bytes(values / full)
    return _to_plain(Image.fromarray(pixels.squeeze(-1) if pixels.shape[2:] == (1,) else pixels))


def _to_bytes(levels: np.ndarray) -> np.ndarray:
    """Return levels from 0 to 1, which are lost, in 8 bits."""
    levels *= 255
    return np.round(levels, out=levels).astype(np.uint8)


def _to_plain(image: Image.Image) -> Image.Image:
    """Return the picture in 8 bits, grey or red, green and blue."""
    if image.mode in DEEP:
        return _scale_deep(np.asarray(_reduce(image), np.float64))
    if image.has_transparency_data:
        return _flatten_alpha(_reduce(image.convert("RGBA")))
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _reduce(image: Image.Image) -> Image.Image:
    """Shrink a LARGE picture to means of blocks."""
    factor = math.isqrt(-(-image.width * image.height // LARGE))
    if factor < 2:
        return image
    return (image.convert("I") if image.mode.startswith("I;") else image).reduce(factor)


def _scale_deep(values: np.ndarray) -> Image.Image:
    """Scale numbers of more than 8 bits: 16-bit ones by their full range, others from their smallest to their largest.

    Raises:
        ValueError: One is infinite or no number.
    """
    if not np.isfinite(values).all():
        raise ValueError("a pixel is infinite or no number")
    low, high = (0.0, 65535.0) if 255 < values.max() <= 65535 and values.min() >= 0 else (values.min(), values.max())
    return Image.fromarray(_to_bytes((values - low) / max(high - low, 1e-12)))


def _flatten_alpha(image: Image.Image) -> Image.Image:
    """Lay the picture on paper: more of its own where it is mostly opaque, else one that its ink stands out from."""
    pixels = np.asarray(image)
    opaque = pixels[pixels[..., 3] > 127][:, :3]
    if 2 * len(opaque) > pixels[..., 3].size:
        red, green, blue = (round(float(level)) for level in np.median(opaque, axis=0))
    else:
        red = green = blue = 0 if len(opaque) and opaque.mean() > 127 else 255
    flat = Image.new("RGBA", image.size, (red, green, blue, 255))
    flat.alpha_composite(image)
    return flat.convert("RGB")
