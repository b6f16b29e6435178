"""From a picture file of any size and colour to grey pixels."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mnistcli.errors import ImageError

# Decided by a file's content, never by its name; Pillow's other decoders stay shut.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
MOST_PIXELS = 64 * 2**20  # a 64-megapixel photograph; a larger one is taken for a decompression bomb
WORKING_SIDE = 1024  # a digit is read no better from more pixels, only slower
SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N", "I")


@dataclass(frozen=True)
class Source:
    """A picture to read: its name as the user wrote it, and its bytes where it came from a pipe."""

    name: str
    content: bytes | None = None


def read_picture(source: Source) -> np.ndarray:
    """Return the picture's grey pixels [height, width] uint8: turned upright, transparency flattened, shrunk to fit.

    Raises:
        ImageError: There is no such file, or it is not a picture that can be read.
    """
    try:
        return _decode(io.BytesIO(source.content) if source.content is not None else source.name)
    except UnidentifiedImageError as error:
        raise ImageError(f"is not a picture in a format that can be read: {', '.join(FORMATS)}") from error
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror or error}") from error
    except (Image.DecompressionBombError, ValueError, SyntaxError, MemoryError, OverflowError, EOFError) as error:
        raise ImageError(f"is a damaged picture: {error}") from error


def _decode(file: str | io.BytesIO) -> np.ndarray:
    with Image.open(file, formats=FORMATS) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ImageError(f"has {image.width}×{image.height} pixels, more than {MOST_PIXELS:,} in all")
        image.draft("L", (WORKING_SIDE, WORKING_SIDE))  # JPEG alone: decodes at a fraction of the size
        ImageOps.exif_transpose(image, in_place=True)
        grey = image if image.mode == "L" and not image.has_transparency_data else _to_grey(image)
        if max(grey.size) > WORKING_SIDE:
            grey.thumbnail((WORKING_SIDE, WORKING_SIDE))
        return np.asarray(grey)


def _to_grey(image: Image.Image) -> Image.Image:
    if image.mode in SIXTEEN_BIT:
        values = np.asarray(image, np.float64)
        return Image.fromarray((values.clip(0, 65535) / 257).round().astype(np.uint8))
    if image.has_transparency_data:
        return _flatten_alpha(image.convert("RGBA"))
    return image.convert("L")


def _flatten_alpha(image: Image.Image) -> Image.Image:
    """Lay the picture on paper: more of its own where it is mostly opaque, else one that its ink stands out from."""
    grey, alpha = np.asarray(image.convert("L")), np.asarray(image.getchannel("A"))
    opaque = grey[alpha > 127]
    if 2 * opaque.size > alpha.size:
        paper = round(float(np.median(opaque)))
    else:
        paper = 0 if opaque.size and opaque.mean() > 127 else 255
    flat = Image.new("RGBA", image.size, (paper, paper, paper, 255))
    flat.alpha_composite(image)
    return flat.convert("L")
