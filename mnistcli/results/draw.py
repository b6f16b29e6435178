"""The results of `draw`: a network's answers to a drawing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from mnistcli.results.inspect import LayerOutput
    from mnistcli.results.predict import Prediction


@dataclass(frozen=True)
class DrawingAnswer:
    """One run's answer to a drawing, and the steps that led to it.

    Attributes:
        run: The run's name.
        prediction: The answer.
        steps: The drawing after each named step: ink [height, width] float 0 to 1; the last is the network's input,
            [height, width, channels] uint8.
        layers: The output of each layer.
        saliency: How much each pixel adds to the lead of the most probable class, [height, width] float32; None unless
            requested.
    """

    run: str
    prediction: Prediction
    steps: tuple[tuple[str, np.ndarray], ...] = field(compare=False, repr=False)
    layers: tuple[LayerOutput, ...] = field(compare=False, repr=False)
    saliency: np.ndarray | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Pad:
    """The page to draw on.

    Attributes:
        address: The page's address on this machine.
        runs: The names of the runs that read the drawings.
        folder: The folder for saved drawings, with one folder per class.
    """

    address: str
    runs: tuple[str, ...]
    folder: Path
