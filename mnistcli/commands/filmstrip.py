"""A network's first filters, now and at the end of each epoch, without JAX."""

from collections.abc import Iterable

import numpy as np

from mnistcli.errors import RunError
from mnistcli.models.language import OUTPUT, Step
from mnistcli.models.layers import Conv, Dense, Flatten
from mnistcli.results.inspect import Filmstrip, Filters
from mnistcli.runs import Run, StoredModel, load_model


def filmstrip(run: Run) -> Filmstrip:
    """Return the first layer's filters at the end of each epoch that the run kept.

    Raises:
        RunError: It kept no weights of epochs, or a file is damaged or belongs to another network.
    """
    files = run.epochs()
    if not files:
        raise RunError(f"The run {run.name!r} has no weights of epochs: train one with 'mnistcli train --keep-epochs'.")
    network = load_model(run.weights).network
    frames = {epoch: load_model(path) for epoch, path in files.items()}
    for epoch, model in frames.items():
        if model.network != network:
            raise RunError(f"{str(files[epoch])!r} has another network than the run {run.name!r}.")
    arch = next(iter(frames.values())).arch
    return Filmstrip(run.name, arch, tuple(frames), tuple(map(first_filters, frames.values())))


def first_filters(model: StoredModel) -> Filters:
    """Return the first kernel as one array for each filter or unit."""
    walked = [each for step in model.steps for each in step.walk()]
    i, step = next((i, each) for i, each in enumerate(walked) if isinstance(each.layer, Conv | Dense))
    kernel = model.arrays[f"{step.name}.kernel"]
    if isinstance(step.layer, Conv):
        kind, values = "filter", np.moveaxis(kernel, -1, 0)
    else:
        kind, values = "template", kernel.reshape(-1, *_template_shape(walked[:i], step))
    names = model.class_names if step.name == OUTPUT else tuple(str(n + 1) for n in range(len(values)))
    return Filters(step.name, kind, names, values)


def _template_shape(before: Iterable[Step], dense: Step) -> tuple[int, ...]:
    """Return the shape of the image that was flattened before the dense layer, or the shape of its inputs as a row."""
    images = [step.shape for step in before if isinstance(step.layer, Flatten) and len(step.shape) == 3]
    return images[-1] if images else (1, *dense.shape, 1)
