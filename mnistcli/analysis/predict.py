"""Read pictures and say which class each shows."""

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from mnistcli.errors import RunError
from mnistcli.images import Source, read_pictures
from mnistcli.network import logits, softmax
from mnistcli.results import Prediction
from mnistcli.runs import Run, load_model

PICTURE_SHAPE = (28, 28, 1)
LARGEST_HEAP_BLOCK = 2**25 - 2**16  # bytes, just under glibc's upper limit for what its heap may serve


def predict(sources: Iterable[Source], run: Run, *, device: str = "auto", cache: bool = True) -> Iterator[Prediction]:
    """Yield a prediction for each source, in their order; a picture that cannot be read yields its error.

    Args:
        sources: The pictures, read as they are needed.
        run: Whose weights to use.
        device: "auto" computes with NumPy, which is ready before JAX is imported; decoding takes longer than the
            network. "cpu", "gpu" and "tpu" compute with JAX.
        cache: Whether JAX's compiled programs are kept on disk and used again.

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

        use_device(device, cache=cache)
        forward = partial(predict_logits, model.layers, model.params)
    # Having seen a large array freed, glibc keeps memory for the next batch instead of fetching every page anew: 1.6 s
    # in place of 1.9 s for 10,000 pictures.
    np.empty(LARGEST_HEAP_BLOCK, np.uint8)
    for batch in read_pictures(sources):
        readable = [picture for _, picture in batch if isinstance(picture, np.ndarray)]
        answers = iter(softmax(forward(np.stack(readable)), temperature=model.temperature).tolist() if readable else ())
        for name, picture in batch:
            if isinstance(picture, str):
                yield Prediction(name, error=picture)
            else:
                yield Prediction(name, tuple(next(answers)), model.class_names, picture=picture)
