"""A run's ONNX file, or an ONNX file that the user names instead of a run."""

from mnistcli import __version__
from mnistcli.errors import RunError
from mnistcli.inference.onnx_check import check_onnx
from mnistcli.inference.onnx_model import OnnxModel, check_seal, open_onnx, read_model_file
from mnistcli.runs import Run, StoredModel, load_model


def onnx_of(run: Run) -> OnnxModel:
    """Return the run's network for ONNX Runtime, from its ONNX file or, if it has none yet, from its weights.

    Raises:
        RunError: Its files are missing or damaged or could do harm, their input or output is not suitable, or its
            network is a class in Flax.
        UsageError: The --onnx options do not fit its file.
    """
    if run.onnx is not None and run.onnx.exists():
        content, name = read_model_file(run.onnx), repr(str(run.onnx))
        if run.reading is None:
            check_seal(content, name=name)
        if not run.is_builtin:
            check_onnx(content, name=name)
        return open_onnx(content, name=name, reading=run.reading)
    model = load_model(run.weights)
    if model.network is None:
        raise RunError(f"The run {run.name!r} is not finished: a class in Flax can be used only after that.")
    return open_onnx(make_onnx(run, model), name=repr(str(run.weights)))


def describe_reading(run: Run) -> str | None:
    """Return a sentence that says how another program's file is read; None if the run is not such a file.

    Raises:
        RunError, UsageError: As in `onnx_of`.
    """
    if run.reading is None:
        return None
    model = onnx_of(run)
    if not model.is_foreign:
        return None
    size, output = "×".join(map(str, model.image_shape)), next(iter(model.outputs))
    return (
        f"{run.name} takes images {size} as {model.feed}; its {len(model.class_names)} outputs are taken as {output}."
    )


def make_onnx(run: Run, model: StoredModel) -> bytes:
    """Return the content of an ONNX file with a run's network."""
    from mnistcli.inference.onnx_file import onnx_file  # takes 0.1 s to import

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
        "rejects": model.rejects,
        "mnistcli": __version__,
    }
    if record is not None:
        metadata["seed"] = record.config.seed
    return onnx_file(model.steps, model.arrays, metadata)
