"""The fixed kernel of the layer `dct`."""

import numpy as np


def cosine_kernel(shape: tuple[int, ...]) -> np.ndarray:
    """Return a kernel [rows, columns, channels, filters] float32 for the lowest frequencies of a patch.

    The first half of the filters are basis functions of the discrete cosine transform over rows, columns and channels,
    in order of frequency u + v + w, lowest first; the second half are their negatives. Each is normalised to length 1
    and multiplied by (1 + u + v + w) / 3, because amplitudes in natural images fall with frequency. Source: D. J.
    Field, "Relations between the statistics of natural images and the response properties of cortical cells", Journal
    of the Optical Society of America A 4 (1987).
    """
    *patch, filters = shape
    frequencies = np.indices(patch).reshape(len(patch), -1)
    lowest = frequencies[:, np.argsort(frequencies.sum(axis=0), kind="stable")[: filters // 2]]
    waves = [_waves(each, length) for each, length in zip(lowest, patch, strict=True)]
    half = np.einsum("ni,nj,nk->ijkn", *waves) * (1 + lowest.sum(axis=0)) / 3
    return np.concatenate([half, -half], axis=-1).astype(np.float32)


def _waves(frequencies: np.ndarray, length: int) -> np.ndarray:
    """Return a cosine with norm 1 for each frequency [n], float64 [n, length]."""
    waves = np.cos(np.pi * np.outer(frequencies, np.arange(length) + 0.5) / length)
    return waves / np.linalg.norm(waves, axis=1, keepdims=True)
