"""Read many pictures in parallel, on demand and in order."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Any, TypeVar

from mnistcli.errors import ImageError, MnistcliError
from mnistcli.vision.decode import WORKING_SIDE, Picture, Source, read_picture
from mnistcli.vision.workers import work_ahead

BATCH = 100  # pictures per batch: few enough for the CNN's activations to stay in a core's cache
# Pictures to decode before they are processed. Two separate loops keep Pillow's and NumPy's code in the core's caches:
# 89 µs for a PNG of 28×28 instead of 116; a complete batch at once takes 83 µs, but ten times the memory.
TOGETHER = 10
BATCH_BYTES = 2**24  # a batch ends early when its pictures in memory exceed this
T = TypeVar("T")
Look = Callable[[Picture], Any]


@dataclass(frozen=True)
class Reading:
    """What was found in a picture, with a note for the user, or the error that prevented reading it."""

    name: str
    seen: Any = None
    note: str | None = None
    error: str | None = None


Read = list[Reading]


def read_pictures(
    sources: Iterable[Source],
    look: Look,
    finish: Callable[[Read], T],
    *,
    side: int = WORKING_SIDE,
    alone: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[T]:
    """Yield the result of `finish` for each batch of readings, in the sources' order.

    The first batch is read in this process; for more, unless `alone`, child processes are started, which work a few
    batches ahead. `look` returns what it finds in a picture with a longer side of at most `side` pixels, or raises
    ImageError. `look` and `finish` must be picklable functions, or `functools.partial` of such. `tell` is called once
    for each process that takes long to answer.
    """
    batches, do = _batches(sources), partial(_do_batch, look, finish, side)
    yield from map(do, batches if alone else islice(batches, 1))
    second = next(batches, None)
    if second is not None:
        yield from work_ahead(do, chain([second], batches), tell=tell)


def _batches(sources: Iterable[Source]) -> Iterator[list[Source]]:
    batch: list[Source] = []
    size = 0
    try:
        for source in sources:
            batch.append(source)
            size += _bytes_of(source)
            if len(batch) == BATCH or size > BATCH_BYTES:
                yield batch
                batch, size = [], 0
    except MnistcliError:  # raised by `sources`: answer what came before it
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _bytes_of(source: Source) -> int:
    content = source.content
    return len(content) if isinstance(content, bytes) else getattr(content, "nbytes", 0)


def _do_batch(look: Look, finish: Callable[[Read], T], side: int, batch: list[Source]) -> T:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of oddities in files that it can read
        groups = (batch[start : start + TOGETHER] for start in range(0, len(batch), TOGETHER))
        readings = [reading for group in groups for reading in _read(look, side, group)]
    return finish(readings)


def _read(look: Look, side: int, sources: list[Source]) -> list[Reading]:
    decoded = [_decode(source, side) for source in sources]
    return [_look(look, source.name, each) for source, each in zip(sources, decoded, strict=True)]


def _decode(source: Source, side: int) -> Picture | ImageError:
    try:
        return read_picture(source, side=side)
    except ImageError as error:
        return error


def _look(look: Look, name: str, decoded: Picture | ImageError) -> Reading:
    if isinstance(decoded, ImageError):
        return Reading(name, error=str(decoded))
    try:
        return Reading(name, look(decoded), decoded.note)
    except ImageError as error:
        return Reading(name, error=str(error))
