"""Write a run's network to a file for other programs, and verify the file against JAX."""

from pathlib import Path

import numpy as np

from mnistcli.commands.classifier import load_stored_for, logits_of, network_of, probabilities_of
from mnistcli.commands.onnx import make_onnx
from mnistcli.datasets import Dataset
from mnistcli.errors import RunError
from mnistcli.files import write_output
from mnistcli.inference.onnx_model import open_onnx, read_model_file
from mnistcli.inference.script import script_network
from mnistcli.inference.stablehlo import make_stablehlo, stablehlo_logits
from mnistcli.results.summary import Export, OfflineNetwork
from mnistcli.runs import STABLEHLO, Run, StoredModel

PROOF = 20  # test images in a page


def export(run: Run, dataset: Dataset, path: Path, *, form: str) -> Export:
    """Write the run's network to `path`, run the test images through that file, and compare with JAX's answers.

    Args:
        run: The run.
        dataset: The data set whose test images verify the file.
        path: The file to write.
        form: "onnx" or "stablehlo".

    Raises:
        RunError: The run's weights are missing or damaged, or do not fit the data.
        UsageError: The file cannot be written.
    """
    model = load_stored_for(run, dataset) if form == "stablehlo" else _load_described(run, dataset)
    write_output(path, make_onnx(run, model) if form == "onnx" else _stablehlo(model))
    written = read_model_file(path)
    images = dataset.split("test").images
    name = repr(str(path))
    if form == "onnx":
        probabilities = open_onnx(written, name=name).probabilities(images)
    else:
        probabilities = probabilities_of(model, stablehlo_logits(written, images, name=name))
    ours = probabilities_of(model, logits_of(model, images))
    return Export(
        run=run.name,
        file=str(path),
        size=len(written),
        images=len(images),
        same_answers=int((probabilities.argmax(1) == ours.argmax(1)).sum()),
        largest_difference=float(np.abs(probabilities - ours).max()),
    )


def offline_network(run: Run, dataset: Dataset) -> OfflineNetwork:
    """Return what a page needs to compute the run's answers, with test images for checking itself.

    Raises:
        RunError: The run's weights are missing or damaged, do not fit the data, are a class in Flax's, or give NaN.
    """
    model = _load_described(run, dataset)
    images = np.asarray(dataset.split("test").images[:PROOF])
    probabilities = probabilities_of(model, logits_of(model, images))
    if not np.isfinite(probabilities).all():
        raise RunError(f"The run {run.name!r} returns NaN: its training diverged.")
    return OfflineNetwork(
        run=run.name,
        pictures=model.pictures,
        image_shape=model.image_shape,
        class_names=model.class_names,
        temperature=model.temperature,
        rejects=model.rejects,
        layers=script_network(model.steps, model.arrays),
        images=images,
        probabilities=probabilities,
    )


def _load_described(run: Run, dataset: Dataset) -> StoredModel:
    """Load the run's model; refuse a class in Flax."""
    model = load_stored_for(run, dataset)
    if model.network is None:
        raise RunError(f"The run {run.name!r} is a class in Flax: export it as .stablehlo.")
    return model


def _stablehlo(model: StoredModel) -> bytes:
    if model.network is None:
        return read_model_file(model.path.with_name(STABLEHLO))
    return make_stablehlo(
        *network_of(model), image_shape=model.image_shape, temperature=model.temperature, rejects=model.rejects
    )
