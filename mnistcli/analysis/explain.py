"""Say why a picture got its answer."""

import numpy as np

from mnistcli.analysis.classifier import network_of
from mnistcli.analysis.predict import steps_for
from mnistcli.images import Source, read_picture
from mnistcli.inference.saliency import integrated_gradients
from mnistcli.results.prediction import Explanation, Prediction
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
    saliency = integrated_gradients(*network_of(model), seen, label=label)
    return Explanation(prediction, tuple(kept), saliency.sum(-1), METHOD)
