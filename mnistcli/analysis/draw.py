"""Read a drawing while it grows, by one run or several."""

from collections.abc import Sequence

import numpy as np

from mnistcli.analysis.classifier import network_of
from mnistcli.analysis.look import look, look_at_picture
from mnistcli.errors import RunError
from mnistcli.images import Source, read_picture
from mnistcli.inference.saliency import integrated_gradients
from mnistcli.results.drawing import DrawingAnswer
from mnistcli.results.prediction import Prediction
from mnistcli.runs import Run, StoredModel, load_model


class Reader:
    """Runs that read drawings.

    Attributes:
        class_names: Of all the runs.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        """Load the runs and compile what they compute.

        Raises:
            RunError: A run's weights are missing or damaged, JAX cannot compute it, or it knows other classes.
        """
        self._models = {run.name: _load(run) for run in runs}
        first, *others = self._models.items()
        self.class_names = first[1].class_names
        for name, model in others:
            if model.class_names != self.class_names:
                known = [", ".join(each.class_names) for each in (first[1], model)]
                raise RunError(f"The runs know different classes: {first[0]!r} {known[0]}, but {name!r} {known[1]}.")
        for model in self._models.values():
            blank = look(model, np.zeros(model.image_shape, np.uint8))
            _saliency(model, blank.seen, label=0)

    def read(self, content: bytes, *, saliency: bool) -> tuple[np.ndarray, list[DrawingAnswer]]:
        """Return the pixels [height, width, 1 or 3] uint8 of a drawing, a picture file, and each run's answer.

        Raises:
            ImageError: It is not a picture, or is blank.
        """
        pixels = read_picture(Source("the drawing", content)).pixels
        return pixels, [self._answer(name, pixels, saliency=saliency) for name in self._models]

    def _answer(self, name: str, pixels: np.ndarray, *, saliency: bool) -> DrawingAnswer:
        model = self._models[name]
        found, steps = look_at_picture(model, pixels)
        prediction = Prediction("", found.probabilities, model.class_names, picture=found.seen, rejects=model.rejects)
        label = int(np.argmax(found.probabilities))
        return DrawingAnswer(
            name,
            prediction,
            tuple(steps),
            found.layers,
            _saliency(model, found.seen, label=label) if saliency else None,
        )


def _load(run: Run) -> StoredModel:
    if run.reading is not None or run.needs_jax:
        kind = "a class in Flax" if run.needs_jax else "an ONNX file"
        raise RunError(
            f"draw looks into a network, and {run.name!r} is {kind}: name a run whose layers mnistcli knows."
        )
    return load_model(run.weights)


def _saliency(model: StoredModel, seen: np.ndarray, *, label: int) -> np.ndarray:
    """Return [height, width] float32: how much each pixel adds to the logit of a class."""
    return integrated_gradients(*network_of(model), seen, label=label).sum(-1)
