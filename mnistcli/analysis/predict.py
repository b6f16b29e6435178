"""Read pictures and say which class each shows."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice

import numpy as np

from mnistcli.errors import ImageError, RunError
from mnistcli.images import Source, normalize, read_picture
from mnistcli.network import logits, softmax
from mnistcli.results import Prediction
from mnistcli.runs import Run, load_model

BATCH = 250
PICTURE_SHAPE = (28, 28, 1)


def predict(sources: Iterable[Source], run: Run, *, device: str = "auto") -> Iterator[Prediction]:
    """Yield a prediction for each source, in their order; a picture that cannot be read yields its error.

    Args:
        sources: The pictures, read as they are needed.
        run: Whose weights to use.
        device: "auto" computes with NumPy, which is ready before JAX is imported; decoding takes longer than the
            network. "cpu", "gpu" and "tpu" compute with JAX.

    Raises:
        RunError: The run's weights are missing, damaged, or do not read 28×28 grey images.
        UsageError: There is no such device.
    """
    model = load_model(run.weights)
    if model.image_shape != PICTURE_SHAPE:
        raise RunError(f"The run {run.name!r} reads images {model.image_shape}, but pictures are made {PICTURE_SHAPE}.")
    if device == "auto":
        forward = partial(logits, model.layers, model.params)
    else:
        from mnistcli.device import predict_logits, use_device

        use_device(device)
        forward = partial(predict_logits, model.layers, model.params)
    for batch in _batches(sources):
        pictures = [_read(source) for source in batch]
        readable = [picture for picture in pictures if isinstance(picture, np.ndarray)]
        answers = iter(softmax(forward(np.stack(readable))) if readable else ())
        for source, picture in zip(batch, pictures, strict=True):
            if isinstance(picture, str):
                yield Prediction(source.name, error=picture)
            else:
                yield Prediction(source.name, tuple(next(answers).tolist()), model.class_names, picture=picture)


def _batches(sources: Iterable[Source]) -> Iterator[list[Source]]:
    iterator = iter(sources)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _read(source: Source) -> np.ndarray | str:
    """Return the picture as the network will see it, or why it cannot be."""
    try:
        return normalize(read_picture(source))
    except ImageError as error:
        return str(error)
