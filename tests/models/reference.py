"""Convolution and pooling in plain NumPy loops, to measure others by."""

from collections.abc import Callable, Iterator

import numpy as np

Sides = tuple[int, int]


def padded(images: np.ndarray, window: Sides, stride: int, fill: float) -> np.ndarray:
    """Return images [n, h, w, c] with what 'same' puts around them; of an odd number of rows, the last goes below."""
    sides = images.shape[1:3]
    missing = [
        max(0, (-(-side // stride) - 1) * stride + length - side) for side, length in zip(sides, window, strict=True)
    ]
    around = [(each // 2, each - each // 2) for each in missing]
    return np.pad(images, [(0, 0), *around, (0, 0)], constant_values=fill)


def windows(images: np.ndarray, window: Sides, stride: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield the row and column of each output, and the window [n, rows, columns, c] that it looks at."""
    for row, top in enumerate(range(0, images.shape[1] - window[0] + 1, stride)):
        for column, left in enumerate(range(0, images.shape[2] - window[1] + 1, stride)):
            yield row, column, images[:, top : top + window[0], left : left + window[1]]


def slide(images: np.ndarray, window: Sides, stride: int, what: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return `what` of each window, [n, rows, columns, …]."""
    found = {(row, column): what(part) for row, column, part in windows(images, window, stride)}
    rows, columns = (max(each) + 1 for each in zip(*found, strict=True))
    return np.stack([np.stack([found[row, column] for column in range(columns)], 1) for row in range(rows)], 1)


def conv(
    images: np.ndarray, kernel: np.ndarray, bias: np.ndarray, *, stride: int = 1, same: bool = False, groups: int = 1
) -> np.ndarray:
    """Convolve images [n, h, w, c] with a kernel [rows, columns, c / groups, filters]."""
    window = kernel.shape[0], kernel.shape[1]
    x = padded(images, window, stride, 0) if same else images
    inputs, outputs = np.split(x, groups, axis=-1), np.split(kernel, groups, axis=-1)
    return bias + np.concatenate(
        [
            slide(part, window, stride, lambda seen, own=own: np.einsum("nijc,ijcf->nf", seen, own))
            for part, own in zip(inputs, outputs, strict=True)
        ],
        axis=-1,
    )


def pool(
    images: np.ndarray, window: Sides, *, stride: int, same: bool = False, of: Callable[..., np.ndarray] = np.nanmax
) -> np.ndarray:
    """Return np.nanmax or np.nanmean of each window."""
    x = padded(images, window, stride, np.nan) if same else images
    return slide(x, window, stride, lambda seen: of(seen, axis=(1, 2)))
