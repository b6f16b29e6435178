"""Scale a picture to the shape that a network or a data set needs, without looking for a digit in it."""

import numpy as np
from PIL import Image


def fit_to(pixels: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the picture [height, width, 1 or 3] uint8 in another shape [height, width, 1 or 3], antialiased.

    The aspect ratio is not kept; a picture that already has the shape is returned as it is.
    """
    height, width, channels = shape
    if pixels.shape == shape:
        return pixels
    picture = to_pillow(pixels).convert("RGB" if channels == 3 else "L")
    if picture.size != (width, height):
        picture = resize(picture, height, width)
    return np.asarray(picture).reshape(shape)


def to_pillow(pixels: np.ndarray) -> Image.Image:
    """Return pixels [height, width, 1 or 3] uint8 as a Pillow image."""
    return Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels)


def resize(picture: Image.Image, height: int, width: int) -> Image.Image:
    """Return a picture scaled to another size: columns, then rows, because Pillow's order depends on its version."""
    for size in ((width, picture.height), (width, height)):
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return picture
