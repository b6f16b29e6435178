"""Child processes that work on batches ahead of the consumer of the results."""

import pickle
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from mnistcli.errors import ImageError, MnistcliError
from mnistcli.process import Child, child_process, cores

PATIENCE = 5  # seconds to wait for a process before telling the user
AHEAD = 2  # batches per process that are started before their results are needed
S = TypeVar("S")
T = TypeVar("T")


def work_ahead(do: Callable[[S], T], batches: Iterable[S], *, tell: Callable[[str], None]) -> Iterator[T]:
    """Yield the result of `do` for each batch, in order, computed in one process per core.

    Args:
        do: A picklable function, or `functools.partial` of one.
        batches: Consumed as needed. If it raises MnistcliError, the results before it are yielded first.
        tell: Called once for each process that takes longer than PATIENCE.

    Raises:
        ImageError: A process was killed.
    """
    n = cores()
    with ExitStack() as stack:
        threads = ThreadPoolExecutor(n)
        stack.callback(threads.shutdown, cancel_futures=True)
        workers = _Workers[S, T]([stack.enter_context(child_process(_serve, do, fork=_may_fork())) for _ in range(n)])
        answers: deque[Future[T]] = deque()
        todo, failure = iter(batches), None
        while failure is None:
            try:
                answers.append(threads.submit(workers.ask, next(todo)))
            except (StopIteration, MnistcliError) as error:
                failure = error
            while len(answers) > (AHEAD * n if failure is None else 0):
                yield workers.wait_for(answers.popleft(), tell)
        if isinstance(failure, MnistcliError):
            raise failure


class _Workers(Generic[S, T]):
    """Child processes; one thread at a time uses each."""

    def __init__(self, children: list[Child]) -> None:
        self._free: SimpleQueue[Child] = SimpleQueue()
        for child in children:
            self._free.put(child)
        self._asked: dict[int, float] = {}  # when each busy process got its batch
        self._told: set[int] = set()

    def ask(self, batch: S) -> T:
        """Send the batch to a free process and return its answer."""
        child = self._free.get()
        self._asked[child.pid] = time.monotonic()
        try:
            child.connection.send_bytes(pickle.dumps(batch))  # after a failure, `send` may raise because of its buffer
            answer = child.connection.recv()
        except (EOFError, OSError) as error:
            text = "A process that reads pictures was killed, perhaps because memory ran out."
            raise ImageError(text) from error
        finally:
            del self._asked[child.pid]
            self._free.put(child)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def wait_for(self, answer: Future[T], tell: Callable[[str], None]) -> T:
        """Return the answer; if that takes long, tell which process we are waiting for."""
        while not wait([answer], PATIENCE).done:
            for pid in self._slow():
                tell(f"Waiting for process {pid}, which has been reading pictures for more than {PATIENCE} s.")
        return answer.result()

    def _slow(self) -> list[int]:
        latest = time.monotonic() - PATIENCE
        slow = {pid for pid, asked in self._asked.copy().items() if asked < latest} - self._told
        self._told |= slow
        return sorted(slow)


def _serve(connection: Connection, do: Callable[[Any], Any]) -> None:
    while True:
        try:
            batch = connection.recv()
        except EOFError:
            return
        try:
            answer = do(batch)
        except Exception as error:  # noqa: BLE001  (`ask` raises it)
            answer = error
        connection.send(answer)


def _may_fork() -> bool:
    """Whether workers can be forked, which saves 0.2 s of imports: not with JAX, which has threads."""
    return sys.platform == "linux" and "jax" not in sys.modules
