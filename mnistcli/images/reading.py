"""Many pictures read in parallel, as they are asked for, in the order in which they came."""

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Any, TypeVar

from mnistcli.errors import ImageError
from mnistcli.images.decode import Source

BATCH = 100  # pictures that are handed on together: few enough for the CNN's numbers to stay in a core's cache
BATCH_BYTES = 2**24  # of pictures that are no files, after which a batch is handed on with fewer
T = TypeVar("T")
Look = Callable[[Source], tuple[Any, str | None]]


@dataclass(frozen=True)
class Reading:
    """What was seen in a picture, with a note on it, or the error for which nothing was."""

    name: str
    seen: Any = None
    note: str | None = None
    error: str | None = None


Read = list[Reading]
_do: Callable[[list[Source]], Any] = list  # a worker's own, set as it starts


def read_pictures(sources: Iterable[Source], look: Look, finish: Callable[[Read], T]) -> Iterator[T]:
    """Yield what `finish` makes of each batch of readings, in the sources' order.

    The first batch is read and finished here; for more, processes are started that do so, ahead by a few batches, no
    more. `look` returns what is seen in a source and a note, or raises ImageError; it and `finish` must be functions
    that pickle can name, or `functools.partial` of such.
    """
    batches, do = _batches(sources), partial(_do_batch, look, finish)
    yield from map(do, islice(batches, 1))
    second = next(batches, None)
    if second is not None:
        yield from _work_ahead(chain([second], batches), do)


def _work_ahead(batches: Iterable[list[Source]], do: Callable[[list[Source]], T]) -> Iterator[T]:
    workers = _cores()
    pool = ProcessPoolExecutor(workers, mp_context=_start_method(), initializer=_start_worker, initargs=(do,))
    waiting: deque[Future[T]] = deque()
    try:
        for batch in batches:
            waiting.append(pool.submit(_work, batch))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise ImageError("A process that reads pictures was ended from outside, perhaps for want of memory.") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(sources: Iterable[Source]) -> Iterator[list[Source]]:
    batch: list[Source] = []
    held = 0
    for source in sources:
        batch.append(source)
        held += _held(source)
        if len(batch) == BATCH or held > BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _held(source: Source) -> int:
    content = source.content
    return len(content) if isinstance(content, bytes) else getattr(content, "nbytes", 0)


def _do_batch(look: Look, finish: Callable[[Read], T], batch: list[Source]) -> T:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of oddities in files that it reads all the same
        readings = [_read(look, source) for source in batch]
    return finish(readings)


def _read(look: Look, source: Source) -> Reading:
    try:
        seen, note = look(source)
    except ImageError as error:
        return Reading(source.name, error=str(error))
    return Reading(source.name, seen, note)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start_method() -> multiprocessing.context.BaseContext:
    """Fork where that is safe, which JAX's threads prevent: a worker is ready at once, not after 0.2 s of imports."""
    forks = sys.platform == "linux" and "jax" not in sys.modules
    return multiprocessing.get_context("fork" if forks else "spawn")


def _start_worker(do: Callable[[list[Source]], Any]) -> None:
    """Leave Ctrl-C to the parent, and end when it does, however it does; keep what is to be done with each batch."""
    global _do
    _do = do
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _work(batch: list[Source]) -> Any:
    return _do(batch)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
