"""What is made of a data set's images before they are stored: another size, grey, or what MNIST holds."""

from collections.abc import Callable

import numpy as np

from mnistcli.config import DataChoice
from mnistcli.vision import fit_to, normalize

Convert = Callable[[np.ndarray], np.ndarray]


def conversion(choice: DataChoice) -> Convert | None:
    """Return what makes of an image [height, width, 1 or 3] uint8 what the choice asks for; None: nothing is to do.

    It raises ImageError if an image that is to be made like MNIST's is blank.
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
