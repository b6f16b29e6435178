"""A run as a classifier of a data set's images: with JAX, or with ONNX Runtime if it is an ONNX file."""

import numpy as np
from flax import nnx

from mnistcli.commands.onnx import onnx_of
from mnistcli.datasets import Dataset
from mnistcli.errors import RunError
from mnistcli.inference.logits import predict_logits
from mnistcli.inference.onnx_model import OnnxModel, read_model_file
from mnistcli.inference.stablehlo import stablehlo_logits
from mnistcli.metrics.scores import softmax
from mnistcli.models.network import Parts, restore
from mnistcli.runs import STABLEHLO, Run, StoredModel, load_model

Classifier = StoredModel | OnnxModel


def logits_of(model: Classifier, images: np.ndarray) -> np.ndarray:
    """Return the model's logits [n, classes] float32 of images uint8, computed by JAX or ONNX Runtime.

    Raises:
        RunError: A file is missing or damaged.
    """
    if isinstance(model, OnnxModel):
        return model.logits(images)
    if model.network is None:
        file = model.path.with_name(STABLEHLO)
        if not file.exists():
            raise RunError(f"{str(file)!r} is missing: a class in Flax can be used only after its run has finished.")
        return stablehlo_logits(read_model_file(file), images, name=repr(str(file)))
    return predict_logits(*network_of(model), images)


def probabilities_of(model: Classifier, logits: np.ndarray) -> np.ndarray:
    """Return the calibrated probabilities [n, classes] float64 of the model's logits."""
    return softmax(logits, temperature=model.temperature, rejects=model.rejects)


def network_of(model: StoredModel) -> tuple[nnx.GraphDef[nnx.Module], Parts]:
    """Return the model's network for JAX, and its variables.

    Raises:
        RunError: It is a class in Flax.
    """
    return restore(model.description, model.image_shape, len(model.class_names), model.arrays)


def load_for(run: Run, dataset: Dataset) -> Classifier:
    """Load a run's model and check that it fits the data set's images and classes.

    Another program's file takes the class names of the data set.

    Raises:
        RunError: It is missing or damaged, could do harm, or does not fit the data.
    """
    if run.reading is None:
        return load_stored_for(run, dataset)
    model = onnx_of(run)
    if model.is_foreign and len(model.class_names) == len(dataset.class_names):
        model = model.named(dataset.class_names)
    _check_fit(model, run, dataset)
    return model


def load_stored_for(run: Run, dataset: Dataset) -> StoredModel:
    """Load a run's model for JAX, and check that it fits the data set.

    Raises:
        RunError: It is missing or damaged, does not fit the data, or is an ONNX file.
    """
    model = load_model(run.weights)
    _check_fit(model, run, dataset)
    return model


def _check_fit(model: Classifier, run: Run, dataset: Dataset) -> None:
    """Check that the model and the data set have the same image shape and classes.

    If the data set does not name its classes, only their number must be the same.
    """
    expected, found = (dataset.image_shape, len(dataset.class_names)), (model.image_shape, len(model.class_names))
    if expected != found:
        raise RunError(
            f"The run {run.name!r} takes images {_text(found[0])} of {found[1]} classes, but {dataset.name!r} has "
            f"images {_text(expected[0])} of {expected[1]} classes."
        )
    if dataset.class_names == model.class_names or not dataset.named:
        return
    ours, theirs = next(pair for pair in zip(model.class_names, dataset.class_names, strict=True) if len({*pair}) > 1)
    raise RunError(f"The run {run.name!r} has the class {ours!r} where {dataset.name!r} has {theirs!r}.")


def _text(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
