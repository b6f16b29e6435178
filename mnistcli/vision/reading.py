"""Many pictures read in parallel, as they are asked for, in the order in which they came."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Any, TypeVar

from mnistcli.errors import ImageError, MnistcliError
from mnistcli.vision.decode import WORKING_SIDE, Picture, Source, read_picture
from mnistcli.vision.workers import work_ahead

BATCH = 100  # pictures that are handed on together: few enough for the CNN's numbers to stay in a core's cache
# Pictures that are decoded before they are looked at. Two loops in turn run Pillow's and NumPy's code while it is in
# the core's caches: 89 µs for a PNG of 28×28 in place of 116; all of a batch together 83, and ten times the memory.
TOGETHER = 10
BATCH_BYTES = 2**24  # of pictures that are no files, after which a batch is handed on with fewer
T = TypeVar("T")
Look = Callable[[Picture], Any]


@dataclass(frozen=True)
class Reading:
    """What was seen in a picture, with a note on it, or the error for which nothing was."""

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
    """Yield what `finish` makes of each batch of readings, in the sources' order.

    The first batch is read and finished here; for more, unless `alone`, processes are started that do so, ahead by a
    few batches, no more. `look` returns what is seen in a picture, whose longer side is `side` pixels at most, or
    raises ImageError; it and `finish` must be functions that pickle can name, or `functools.partial` of such. `tell`
    hears, once of each process, that it keeps us waiting.
    """
    batches, do = _batches(sources), partial(_do_batch, look, finish, side)
    yield from map(do, batches if alone else islice(batches, 1))
    second = next(batches, None)
    if second is not None:
        yield from work_ahead(do, chain([second], batches), tell=tell)


def _batches(sources: Iterable[Source]) -> Iterator[list[Source]]:
    batch: list[Source] = []
    held = 0
    try:
        for source in sources:
            batch.append(source)
            held += _held(source)
            if len(batch) == BATCH or held > BATCH_BYTES:
                yield batch
                batch, held = [], 0
    except MnistcliError:  # of the sources: what came before it is answered
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _held(source: Source) -> int:
    content = source.content
    return len(content) if isinstance(content, bytes) else getattr(content, "nbytes", 0)


def _do_batch(look: Look, finish: Callable[[Read], T], side: int, batch: list[Source]) -> T:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of oddities in files that it reads all the same
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
