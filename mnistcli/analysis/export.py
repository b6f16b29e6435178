"""Write a run's network to an ONNX file, and prove the file against JAX."""

from pathlib import Path

import numpy as np

from mnistcli.analysis.evaluate import load_stored_for, logits_of
from mnistcli.analysis.onnx import make_onnx
from mnistcli.data import Dataset
from mnistcli.errors import UsageError
from mnistcli.files import write_atomically
from mnistcli.inference.onnx_model import open_onnx, read_onnx
from mnistcli.metrics import softmax
from mnistcli.results import Export
from mnistcli.runs import Run


def export(run: Run, dataset: Dataset, path: Path) -> Export:
    """Write the run's network to `path`, run the test images through that file, and compare with JAX's answers.

    Raises:
        RunError: The run's weights are missing or damaged, or do not fit the data.
        UsageError: The file cannot be written.
    """
    model = load_stored_for(run, dataset)
    try:
        write_atomically(path, make_onnx(run, model))
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be written: {error.strerror}.") from error
    written = read_onnx(path)
    images = dataset.split("test").images
    probabilities = open_onnx(written, name=repr(str(path))).probabilities(images)
    ours = softmax(logits_of(model, images), temperature=model.temperature)
    return Export(
        run=run.name,
        file=str(path),
        size=len(written),
        images=len(images),
        same_answers=int((probabilities.argmax(1) == ours.argmax(1)).sum()),
        largest_difference=float(np.abs(probabilities - ours).max()),
    )
