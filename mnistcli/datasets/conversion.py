"""How images are converted before they are stored: scaled, made grey, or normalised like MNIST's."""

from collections.abc import Callable

import numpy as np

from mnistcli.config import DataChoice
from mnistcli.vision import fit_to, normalize

Convert = Callable[[np.ndarray], np.ndarray]


def conversion(choice: DataChoice) -> Convert | None:
    """Return the function that converts an image [height, width, 1 or 3] uint8 as the choice asks; None: no conversion.

    With `mnist_like` the function raises ImageError if an image is blank.
    """
    if choice.mnist_like:
        return normalize
    if not choice.grayscale and choice.image_size is None:
        return None

    def convert(image: np.ndarray) -> np.ndarray:
        height, width, channels = image.shape
        side = choice.image_size
        return fit_to(image, (side or height, side or width, 1 if choice.grayscale else channels))

    return convert
