"""Write a run's network to an ONNX file, and prove the file against JAX."""

from pathlib import Path

import numpy as np

from mnistcli import __version__
from mnistcli.analysis.evaluate import load_for
from mnistcli.data import Dataset
from mnistcli.errors import UsageError
from mnistcli.files import write_atomically
from mnistcli.inference import predict_logits
from mnistcli.inference.onnx_file import onnx_file, run_onnx
from mnistcli.network import softmax
from mnistcli.results import Export
from mnistcli.runs import Run


def export(run: Run, dataset: Dataset, path: Path) -> Export:
    """Write the run's network to `path`, run the test images through that file, and compare with JAX's answers.

    Raises:
        RunError: The run's weights are missing or damaged, or do not fit the data.
        UsageError: The file cannot be written.
    """
    model, record = load_for(run, dataset), run.record()
    metadata = {
        "run": run.name,
        "arch": model.arch,
        "image_shape": model.image_shape,
        "class_names": model.class_names,
        "pictures": model.pictures,
        "data_fingerprint": model.data_fingerprint,
        "temperature": model.temperature,
        "mnistcli": __version__,
    }
    if record is not None:
        metadata["seed"] = record.config.seed
    content = onnx_file(
        model.layers,
        model.params,
        image_shape=model.image_shape,
        classes=len(model.class_names),
        temperature=model.temperature,
        metadata=metadata,
    )
    try:
        write_atomically(path, content)
        written = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be written: {error.strerror}.") from error
    images = dataset.split("test").images
    logits, probabilities = run_onnx(written, images)
    ours = predict_logits(model.layers, model.params, images)
    difference = np.abs(probabilities - softmax(ours, temperature=model.temperature))
    return Export(
        run=run.name,
        file=str(path),
        size=len(written),
        images=len(images),
        same_answers=int((logits.argmax(1) == ours.argmax(1)).sum()),
        largest_difference=float(difference.max()),
    )
