"""Score a run on one split of a data set."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from flax import nnx

from mnistcli.analysis.onnx import onnx_of
from mnistcli.data import Dataset, Split
from mnistcli.errors import RunError
from mnistcli.inference.logits import predict_logits
from mnistcli.inference.onnx_model import OnnxModel, read_model_file
from mnistcli.inference.stablehlo import stablehlo_logits
from mnistcli.metrics.calibration import calibration_of
from mnistcli.metrics.scores import cross_entropy, ensemble_logits
from mnistcli.models.language import describe
from mnistcli.models.network import Parts, restore
from mnistcli.results.evaluation import Cost, Evaluation, GroupEvaluation
from mnistcli.runs import STABLEHLO, Run, StoredModel, load_model

Classifier = StoredModel | OnnxModel  # what a run is once it is read: by JAX, or, where it is an ONNX file, by that


def evaluate(run: Run, dataset: Dataset, *, split: str) -> Evaluation:
    """Return how the run does on a split.

    Raises:
        RunError: The run's weights are missing or damaged, or do not fit the data.
        UsageError: There is no such split.
    """
    images = dataset.split(split)
    model = load_for(run, dataset)
    scored = score(logits_of(model, images.images), images, model, run=run.name, split=split)
    return replace(scored, cost=cost_of(run, model))


def cost_of(run: Run, model: Classifier) -> Cost:
    """Return what the run's model takes."""
    record, products = run.record(), None
    if model.network is not None:
        summary = describe(model.arch, model.network, model.image_shape, len(model.class_names))
        products = summary.multiply_accumulates
    return Cost(
        parameters=model.parameters,
        multiply_accumulates=products,
        model_bytes=run.weights.stat().st_size,
        train_seconds=record.results.get("train_seconds") if record else None,
    )


def evaluate_group(group: str, runs: Sequence[Run], dataset: Dataset, *, split: str) -> GroupEvaluation:
    """Return how each run of a group does on a split, and their ensemble.

    Raises:
        RunError, UsageError: As of `evaluate`.
    """
    images = dataset.split(split)
    models = [load_stored_for(run, dataset) for run in runs]
    logits = [logits_of(model, images.images) for model in models]
    members = [
        score(each, images, model, run=run.name, split=split)
        for run, model, each in zip(runs, models, logits, strict=True)
    ]
    return GroupEvaluation(group, tuple(members), ensemble(logits, models, images, group=group, split=split))


def ensemble(
    logits: Sequence[np.ndarray], models: Sequence[Classifier], images: Split, *, group: str, split: str
) -> Evaluation:
    """Return the evaluation of the mean of the models' calibrated probabilities, of logits [n, classes] each."""
    together = ensemble_logits((each, model.temperature) for each, model in zip(logits, models, strict=True))
    return score(together, images, replace(models[0], temperature=1.0), run=group, split=split)


def logits_of(model: Classifier, images: np.ndarray) -> np.ndarray:
    """Return the model's logits [n, classes] float32 of images uint8, computed on JAX's device or by ONNX Runtime."""
    if isinstance(model, OnnxModel):
        return model.logits(images)
    if model.network is None:
        file = model.path.with_name(STABLEHLO)
        if not file.exists():
            raise RunError(f"{str(file)!r} is missing: a class in Flax can be used once its run is finished.")
        return stablehlo_logits(read_model_file(file), images, name=repr(str(file)))
    return predict_logits(*network_of(model), images)


def network_of(model: StoredModel) -> tuple[nnx.GraphDef[nnx.Module], Parts]:
    """Return the model's network for JAX, and its numbers.

    Raises:
        RunError: It is a class in Flax, whose code is not read.
    """
    return restore(model.description, model.image_shape, len(model.class_names), model.arrays)


def load_for(run: Run, dataset: Dataset) -> Classifier:
    """Load a run's model and check that it fits the data set's images and classes.

    Another program's file gets the data set's class names.

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
    """Load a run's model, which JAX computes, and check that it fits the data set.

    Raises:
        RunError: It is missing or damaged, does not fit the data, or is an ONNX file.
    """
    model = load_model(run.weights)
    _check_fit(model, run, dataset)
    return model


def _check_fit(model: Classifier, run: Run, dataset: Dataset) -> None:
    """Check that images and classes are the same.

    Where the data set does not name its classes, they are taken for the model's, if they are equally many.
    """
    expected, found = (dataset.image_shape, len(dataset.class_names)), (model.image_shape, len(model.class_names))
    if expected != found:
        raise RunError(
            f"The run {run.name!r} reads images {_text(found[0])} of {found[1]} classes, but {dataset.name!r} has "
            f"images {_text(expected[0])} of {expected[1]} classes."
        )
    if dataset.class_names == model.class_names or not dataset.named:
        return
    ours, theirs = next(pair for pair in zip(model.class_names, dataset.class_names, strict=True) if len({*pair}) > 1)
    raise RunError(f"The run {run.name!r} knows a class {ours!r}, for which {dataset.name!r} has {theirs!r}.")


def _text(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def score(logits: np.ndarray, images: Split, model: Classifier, *, run: str, split: str) -> Evaluation:
    """Return the evaluation of a model's logits [n, classes] against a split's labels."""
    classes = len(model.class_names)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (images.labels, logits.argmax(1)), 1)
    return Evaluation(
        run=run,
        arch=model.arch,
        split=split,
        loss=cross_entropy(logits, images.labels),
        calibration=calibration_of(logits, images.labels, temperature=model.temperature),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        class_names=model.class_names,
    )
