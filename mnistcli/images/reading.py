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
from itertools import chain, islice
from typing import Any, TypeVar

import numpy as np

from mnistcli.errors import ImageError
from mnistcli.images.decode import Source, read_picture
from mnistcli.images.normalize import normalize

BATCH = 100  # pictures that are handed on together: few enough for the CNN's numbers to stay in a core's cache
Picture = np.ndarray | str  # [28, 28, 1] uint8, or why it cannot be read
Read = list[tuple[str, Picture]]
T = TypeVar("T")
_finish: Callable[[Read], Any] = list  # a worker's own, set as it starts


def read_pictures(sources: Iterable[Source], finish: Callable[[Read], T]) -> Iterator[T]:
    """Yield what `finish` makes of each batch: the sources' names and their pictures as a network sees them.

    The first batch is read and finished here; for more, processes are started that do so, ahead by a few batches, no
    more. `finish` must be a function that pickle can name, or a `functools.partial` of one.
    """
    batches = _batches(sources)
    yield from (finish(_read_batch(batch)) for batch in islice(batches, 1))
    second = next(batches, None)
    if second is not None:
        yield from _work_ahead(chain([second], batches), finish)


def _work_ahead(batches: Iterable[list[Source]], finish: Callable[[Read], T]) -> Iterator[T]:
    workers = _cores()
    pool = ProcessPoolExecutor(workers, mp_context=_start_method(), initializer=_start_worker, initargs=(finish,))
    waiting: deque[Future[T]] = deque()
    try:
        for batch in batches:
            waiting.append(pool.submit(_work, batch))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(sources: Iterable[Source]) -> Iterator[list[Source]]:
    iterator = iter(sources)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _read_batch(batch: list[Source]) -> Read:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of oddities in files that it reads all the same
        return [(source.name, _read(source)) for source in batch]


def _read(source: Source) -> Picture:
    try:
        return normalize(read_picture(source))
    except ImageError as error:
        return str(error)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start_method() -> multiprocessing.context.BaseContext:
    """Fork where that is safe, which JAX's threads prevent: a worker is ready at once, not after 0.2 s of imports."""
    forks = sys.platform == "linux" and "jax" not in sys.modules
    return multiprocessing.get_context("fork" if forks else "spawn")


def _start_worker(finish: Callable[[Read], Any]) -> None:
    """Leave Ctrl-C to the parent, and end when it does, however it does; keep what is to be done with each batch."""
    global _finish
    _finish = finish
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _work(batch: list[Source]) -> Any:
    return _finish(_read_batch(batch))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
