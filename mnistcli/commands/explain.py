"""Explain why a picture got its answer."""

import numpy as np

from mnistcli.commands.classifier import network_of
from mnistcli.commands.predict import interpretations_for
from mnistcli.inference.saliency import integrated_gradients
from mnistcli.results.predict import Explanation, Prediction
from mnistcli.runs import Run, load_model
from mnistcli.vision import Source, read_picture

METHOD = "integrated gradients (Sundararajan, Taly and Yan, 2017) of the logit of {} minus the mean logit, from black"


def explain(source: Source, prediction: Prediction, run: Run, *, invert: str = "auto") -> Explanation:
    """Explain how a picture of one digit led to its prediction; arguments as in `predict`.

    The saliency is for the most probable class, even if "no digit" is more probable.

    Raises:
        ImageError: The picture cannot be read.
    """
    picture, model = read_picture(source), load_model(run.weights)
    every = interpretations_for(model.pictures, model.image_shape, picture.pixels, invert=invert)
    chosen = next(steps for steps in every if (steps[-1][1] == prediction.picture).all())
    kept = [("the picture", picture.pixels), *chosen]
    seen, label = kept[-1][1], int(np.argmax(prediction.probabilities))
    saliency = integrated_gradients(*network_of(model), seen, label=label)
    return Explanation(prediction, tuple(kept), saliency.sum(-1), METHOD.format(model.class_names[label]))
