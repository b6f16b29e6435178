"""Say why a picture got its answer."""

import numpy as np

from mnistcli.analysis.predict import steps_for
from mnistcli.errors import RunError
from mnistcli.images import Source, read_picture
from mnistcli.inference.saliency import integrated_gradients
from mnistcli.models.network import restore
from mnistcli.results import Explanation, Prediction
from mnistcli.runs import Run, load_model

METHOD = "integrated gradients (Sundararajan, Taly and Yan, 2017) of the answer's logit, from black"


def explain(source: Source, prediction: Prediction, run: Run, *, invert: str = "auto") -> Explanation:
    """Explain how a picture of one digit led to its prediction; arguments as of `predict`.

    Raises:
        ImageError: The picture cannot be read.
    """
    picture, model = read_picture(source), load_model(run.weights)
    steps = steps_for(model.pictures, model.image_shape, picture.pixels, invert=invert)
    kept = [("the picture", picture.pixels), *steps]
    seen, label = kept[-1][1], int(np.argmax(prediction.probabilities))
    if model.network is None:
        raise RunError(f"--explain needs gradients, which the run {run.name!r} does not hold: it is a class in Flax.")
    network = restore(model.network, model.image_shape, len(model.class_names), model.arrays)
    saliency = integrated_gradients(*network, seen, label=label)
    return Explanation(prediction, tuple(kept), saliency.sum(-1), METHOD)
