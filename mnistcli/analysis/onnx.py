"""The ONNX file that a run has, or is given."""

from mnistcli import __version__
from mnistcli.inference.onnx_model import OnnxModel, open_onnx, read_model_file
from mnistcli.runs import Run, StoredModel, load_model


def onnx_of(run: Run) -> OnnxModel:
    """Return the run's network for ONNX Runtime: its model.onnx, or, where it has none yet, what that would hold.

    Raises:
        RunError: Its files are missing or damaged, or its network is a class in Flax.
    """
    if run.onnx is not None and run.onnx.exists():
        return open_onnx(read_model_file(run.onnx), name=repr(str(run.onnx)))
    return open_onnx(make_onnx(run, load_model(run.weights)), name=repr(str(run.weights)))


def make_onnx(run: Run, model: StoredModel) -> bytes:
    """Return the ONNX file of a run's network."""
    from mnistcli.inference.onnx_file import onnx_file  # 0.1 s to import

    record = run.record()
    metadata = {
        "run": run.name,
        "arch": model.arch,
        "network": model.network,
        "image_shape": model.image_shape,
        "class_names": model.class_names,
        "pictures": model.pictures,
        "data_fingerprint": model.data_fingerprint,
        "temperature": model.temperature,
        "mnistcli": __version__,
    }
    if record is not None:
        metadata["seed"] = record.config.seed
    return onnx_file(
        model.steps,
        model.arrays,
        image_shape=model.image_shape,
        classes=len(model.class_names),
        temperature=model.temperature,
        metadata=metadata,
    )
