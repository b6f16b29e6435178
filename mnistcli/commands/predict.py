"""Read pictures and say which class each shows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from mnistcli.commands.onnx import onnx_of
from mnistcli.commands.row import among_digits, best_reading
from mnistcli.errors import UsageError
from mnistcli.inference.onnx_model import OnnxModel
from mnistcli.results.predict import Digit, Prediction
from mnistcli.runs import Run, StoredModel, load_model
from mnistcli.vision import (
    WORKING_SIDE,
    Candidate,
    Picture,
    Read,
    Reading,
    Source,
    Steps,
    find_row,
    fit_to,
    interpretations,
    read_pictures,
    to_pillow,
)

Forward = Callable[[np.ndarray], np.ndarray]  # from images to probabilities
ROW_SIDE = 1536  # longest side, in pixels, of a picture of a line: about ten digits
DIGITS = tuple("0123456789")
LONGEST_NAME = 50  # characters of a file's name to keep: each may take four bytes
LARGEST_HEAP_BLOCK = 2**25 - 2**16  # bytes, just below the largest block that glibc may take from its heap


def predict(
    sources: Iterable[Source],
    runs: Sequence[Run],
    *,
    invert: str = "auto",
    split_digits: bool = False,
    on_device: bool = False,
    alone: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[Prediction]:
    """Yield a prediction for each source, in their order; a picture that cannot be read yields its error.

    Args:
        sources: The pictures, read as they are needed.
        runs: One run, or a group's, which answers with the mean of their probabilities.
        invert: As in `vision.normalize`.
        split_digits: Whether each picture shows a line of digits, to read one by one.
        on_device: Whether JAX computes (it must be set up); otherwise ONNX Runtime, in the processes that read.
        alone: Whether this process reads all pictures and starts no others.
        tell: Called if a process takes long.

    Raises:
        RunError: The run's files are missing or damaged, or do not allow `on_device`.
        UsageError: `split_digits` is true and the run knows other classes than digits.
    """
    forward, model = _load_forward(runs, on_device=on_device)
    if split_digits and (model.pictures != "digit" or model.class_names != DIGITS):
        raise UsageError(f"--split-digits reads digits, but {runs[0].name!r} knows {', '.join(model.class_names)}.")
    _make_allocator_keep_memory()
    look: Callable[[Picture], Any]
    if split_digits:
        look, side, finish = partial(find_row, invert=invert), ROW_SIDE, _answer_rows
    else:
        look, side = partial(_look, model.pictures, model.image_shape, invert), WORKING_SIDE
        finish = _answer
    answer = partial(finish, model.class_names, model.rejects, forward)
    read: Iterator[list[Prediction]]
    if on_device:
        read = map(answer, read_pictures(sources, look, list, side=side, alone=alone, tell=tell))
    else:
        read = read_pictures(sources, look, answer, side=side, alone=alone, tell=tell)
    yield from chain.from_iterable(read)


def save_pictures(answers: Iterable[Prediction], folder: Path) -> Iterator[Prediction]:
    """Pass answers on, and write each picture as the network saw it: NUMBER-NAME.png, numbered from 1 in order.

    The digits of a line are NUMBER-NAME-PLACE.png.

    Raises:
        UsageError: The folder is not empty, or cannot be created.
        OSError: A picture cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {str(folder)!r} cannot be created: {error.strerror}.") from error
    if any(folder.iterdir()):
        raise UsageError(f"The folder {str(folder)!r} is not empty: nothing is overwritten; name a new one.")
    for number, answer in enumerate(answers, start=1):
        for place, picture in enumerate(answer.pictures, start=1):
            digit = f"-{place}" if answer.digits else ""
            name = f"{number:06d}-{Path(answer.path).stem[:LONGEST_NAME]}{digit}.png"
            to_pillow(picture).save(folder / name)
        yield answer


def _load_forward(runs: Sequence[Run], *, on_device: bool) -> tuple[Forward, StoredModel | OnnxModel]:
    """Return the function that computes the mean of the runs' probabilities, and the first run's model."""
    if on_device:
        stored = [load_model(run.weights) for run in runs]
        return partial(_mean, [partial(_probabilities_of, each) for each in stored]), stored[0]
    files = [onnx_of(run) for run in runs]
    return partial(_mean, [each.probabilities for each in files]), files[0]


def _make_allocator_keep_memory() -> None:
    """Allocate and free a large array: glibc then keeps freed memory for the next batch, and needs no new pages.

    Reading 10,000 pictures takes 1.6 s instead of 1.9 s.
    """
    np.empty(LARGEST_HEAP_BLOCK, np.uint8)


def _look(pictures: str, shape: tuple[int, int, int], invert: str, picture: Picture) -> np.ndarray:
    """Return the network's inputs for a picture, [interpretations, height, width, channels] uint8."""
    return np.stack([steps[-1][1] for steps in interpretations_for(pictures, shape, picture.pixels, invert=invert)])


def interpretations_for(pictures: str, shape: tuple[int, int, int], pixels: np.ndarray, *, invert: str) -> list[Steps]:
    """Return each interpretation of a picture, step by step, for a network with inputs of that shape.

    Args:
        pictures: "digit": as in `vision.interpretations`; "whole": the whole picture, scaled.
        shape: Height, width and channels.
        pixels: The picture, [height, width, 1 or 3] uint8.
        invert: As in `vision.interpretations`; a whole picture is inverted only by "yes".
    """
    if pictures == "digit":
        return interpretations(pixels, invert=invert)
    scaled = fit_to(pixels, shape)
    return [[("scaled", 255 - scaled if invert == "yes" else scaled)]]


def _mean(forwards: Sequence[Forward], images: np.ndarray) -> np.ndarray:
    """Return the mean of several models' probabilities; for one model, its own to the bit."""
    first, *others = (forward(images) for forward in forwards)
    return (first + sum(others)) / len(forwards) if others else first


def _probabilities_of(model: StoredModel, images: np.ndarray) -> np.ndarray:
    from mnistcli.commands.classifier import logits_of, probabilities_of  # with JAX

    return probabilities_of(model, logits_of(model, images))


def _answer(class_names: tuple[str, ...], rejects: bool, forward: Forward, batch: Read) -> list[Prediction]:
    seen = [reading.seen for reading in batch if reading.error is None]
    answers = iter(forward(np.concatenate(seen)).tolist() if seen else ())

    def answer(reading: Reading) -> Prediction:
        if reading.error is not None:
            return Prediction(reading.name, error=reading.error)
        own = [next(answers) for _ in reading.seen]
        best = surest(own)
        return Prediction(
            reading.name,
            tuple(own[best]),
            class_names,
            picture=reading.seen[best],
            note=reading.note,
            rejects=rejects,
        )

    return list(map(answer, batch))


def surest(probabilities: Sequence[Sequence[float]]) -> int:
    """Return the index of the most confident of a picture's interpretations [interpretations, classes]."""
    return max(range(len(probabilities)), key=lambda i: max(probabilities[i])) if len(probabilities) > 1 else 0


def _answer_rows(class_names: tuple[str, ...], rejects: bool, forward: Forward, batch: Read) -> list[Prediction]:
    def answer(reading: Reading) -> Prediction:
        if reading.error is not None:
            return Prediction(reading.name, error=reading.error)
        candidates: list[Candidate] = reading.seen
        probabilities = among_digits(forward(np.stack([each.image for each in candidates])))
        digits = tuple(
            Digit(candidates[i].box, tuple(probabilities[i].tolist()), class_names, candidates[i].image, rejects)
            for i in best_reading(candidates, probabilities)
        )
        return Prediction(reading.name, class_names=class_names, digits=digits, note=reading.note)

    return list(map(answer, batch))
