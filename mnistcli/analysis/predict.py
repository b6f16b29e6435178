"""Read pictures and say which class each shows."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from mnistcli.errors import RunError, UsageError
from mnistcli.images import Read, Source, read_pictures
from mnistcli.network import logits, softmax
from mnistcli.results import Prediction
from mnistcli.runs import Run, StoredModel, load_model

PICTURE_SHAPE = (28, 28, 1)
LONGEST_NAME = 50  # characters of a file's name that are kept: four times as many bytes must fit into a name
LARGEST_HEAP_BLOCK = 2**25 - 2**16  # bytes, just under glibc's upper limit for what its heap may serve


def predict(sources: Iterable[Source], run: Run, *, device: str = "auto", cache: bool = True) -> Iterator[Prediction]:
    """Yield a prediction for each source, in their order; a picture that cannot be read yields its error.

    Args:
        sources: The pictures, read as they are needed.
        run: Whose weights to use.
        device: "auto" computes with NumPy, which is ready before JAX is imported, in the processes that
            read. "cpu", "gpu" and "tpu" compute with JAX.
        cache: Whether JAX's compiled programs are kept on disk and used again.

    Raises:
        RunError: The run's weights are missing, damaged, or do not read 28×28 grey images.
        UsageError: There is no such device.
    """
    model = load_model(run.weights)
    if model.image_shape != PICTURE_SHAPE:
        raise RunError(f"The run {run.name!r} reads images {model.image_shape}, but pictures are made {PICTURE_SHAPE}.")
    # Having seen a large array freed, glibc keeps memory for the next batch instead of fetching every page anew: 1.6 s
    # in place of 1.9 s for 10,000 pictures.
    np.empty(LARGEST_HEAP_BLOCK, np.uint8)
    if device == "auto":
        answer = partial(_answer, model, partial(logits, model.layers, model.params))
        yield from chain.from_iterable(read_pictures(sources, answer))
    else:
        from mnistcli.device import predict_logits, use_device

        use_device(device, cache=cache)
        answer = partial(_answer, model, partial(predict_logits, model.layers, model.params))
        yield from chain.from_iterable(map(answer, read_pictures(sources, list)))


def save_pictures(answers: Iterable[Prediction], folder: Path) -> Iterator[Prediction]:
    """Pass answers on and write what the network saw of each as NUMBER-NAME.png, numbered from 1 as the sources.

    Raises:
        UsageError: The folder holds something already, or cannot be made.
        OSError: A picture cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {str(folder)!r} cannot be made: {error.strerror}.") from error
    if any(folder.iterdir()):
        raise UsageError(f"The folder {str(folder)!r} is not empty: nothing is overwritten; name a new one.")
    for number, answer in enumerate(answers, start=1):
        if answer.picture is not None:
            name = f"{number:06d}-{Path(answer.path).stem[:LONGEST_NAME]}.png"
            Image.fromarray(answer.picture.squeeze()).save(folder / name)
        yield answer


def _answer(model: StoredModel, forward: Callable[[np.ndarray], np.ndarray], batch: Read) -> list[Prediction]:
    readable = [picture for _, picture in batch if isinstance(picture, np.ndarray)]
    answers = iter(softmax(forward(np.stack(readable)), temperature=model.temperature).tolist() if readable else ())
    return [
        Prediction(name, error=picture)
        if isinstance(picture, str)
        else Prediction(name, tuple(next(answers)), model.class_names, picture=picture)
        for name, picture in batch
    ]
