"""Figures, read: what stands where on their axes."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mnistcli.results.evaluate import Evaluation
from tests.render.by_hand import evaluation


def of_classes(n: int) -> Evaluation:
    return evaluation((np.eye(n, dtype=int) * 5 + 1).tolist(), names=[f"class {i}" for i in range(n)])


def lines(axes: Axes) -> dict[str, Any]:
    return {str(line.get_label()): line for line in axes.lines}


def cells(axes: Axes) -> dict[tuple[int, int], str]:
    """Return the texts in a matrix by row and column."""
    return {(round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in axes.texts}


def tick_labels(axis: Any) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def ticks_in_view(axis: Any) -> list[float]:
    low, high = sorted(axis.get_view_interval())
    return [tick for tick in axis.get_ticklocs() if low <= tick <= high]


def pixels(axes: Axes) -> np.ndarray:
    """Return a picture's pixels [height, width, 3] uint8 as they are drawn."""
    (image,) = axes.images
    return image.to_rgba(image.get_array(), bytes=True)[..., :3]
