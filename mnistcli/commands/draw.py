"""Read drawings with one or more runs, while the user draws."""

from collections.abc import Sequence

import numpy as np

from mnistcli.commands.classifier import network_of
from mnistcli.commands.look import look, look_at_picture
from mnistcli.errors import ImageError, RunError
from mnistcli.inference.saliency import integrated_gradients
from mnistcli.results.draw import DrawingAnswer
from mnistcli.results.predict import Prediction
from mnistcli.runs import Run, StoredModel, load_model
from mnistcli.vision import Source, read_picture


def decode(content: bytes) -> np.ndarray:
    """Return the pixels [height, width, 1 or 3] uint8 of a drawing; `content` is a picture file's.

    Raises:
        ImageError: It is not a picture.
    """
    try:
        return read_picture(Source("", content)).pixels
    except ImageError as error:
        raise ImageError(f"The drawing {error}.") from error


class Reader:
    """Runs that read drawings.

    Attributes:
        class_names: The classes, the same in every run.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        """Load the runs, and compile their networks.

        Raises:
            RunError: A run's weights are missing or damaged, or the runs have different classes.
        """
        self._models = [(run.name, load_model(run.weights)) for run in runs]
        (first, model), *others = self._models
        self.class_names = model.class_names
        for name, other in others:
            if other.class_names != self.class_names:
                ours, theirs = (", ".join(each.class_names) for each in (model, other))
                raise RunError(f"The runs have different classes: {first!r} has {ours}; {name!r} has {theirs}.")
        for _, each in self._models:
            _saliency(each, look(each, np.zeros(each.image_shape, np.uint8)).seen, label=0)

    def read(self, pixels: np.ndarray, *, saliency: bool) -> list[DrawingAnswer]:
        """Return each run's answer to a drawing [height, width, 1 or 3] uint8.

        Raises:
            ImageError: It is blank.
        """
        try:
            return [_answer(name, model, pixels, saliency=saliency) for name, model in self._models]
        except ImageError as error:
            raise ImageError(f"The drawing {error}.") from error


def _answer(name: str, model: StoredModel, pixels: np.ndarray, *, saliency: bool) -> DrawingAnswer:
    found, steps = look_at_picture(model, pixels)
    prediction = Prediction("", found.probabilities, model.class_names, rejects=model.rejects)
    label = int(np.argmax(found.probabilities))
    shares = _saliency(model, found.seen, label=label) if saliency else None
    return DrawingAnswer(name, prediction, tuple(steps), found.layers, shares)


def _saliency(model: StoredModel, seen: np.ndarray, *, label: int) -> np.ndarray:
    """Return how much each pixel adds to the logit of a class, [height, width] float32."""
    return integrated_gradients(*network_of(model), seen, label=label).sum(-1)
