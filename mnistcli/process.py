"""This process among others: how Ctrl-C and SIGTERM end it, what is undone then, and the children that work for it.

A signal raises nothing. An exception in the middle of whatever runs at that moment is lost in garbage collection, where
JAX runs Python code, aborts jaxlib while it is imported, and waits for the end of what XLA compiles.
"""

import os
import select
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from mnistcli.errors import ExitCode, LimitError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SAME_SIGNAL = 1.0  # seconds within which two SIGTERM are one: `timeout` sends it to the process and then to its group
CLEAR_LINE = "\r\x1b[2K\x1b[?25h"  # of ^C or of a progress bar, which has also hidden the cursor

CAN_BIND = hasattr(os, "sched_setaffinity")  # whether a process can be bound to cores

_lock = threading.Lock()  # of what follows, between the thread that watches and the end of held_interrupts
_held: threading.Event | None = None
_leaving = threading.Event()
_blocked = False
_undos: list[Callable[[], None]] = []


def heed_interrupts() -> None:
    """Let Ctrl-C and SIGTERM end this process from now on, whatever it is doing, with one sentence on stderr.

    A signal that the process was started to ignore, as a shell starts a background job, stays ignored.

    Raises:
        LimitError: The system refuses the threads that this and NumPy need.
    """
    require_threads(1 + cores())  # OpenBLAS sends its own process Ctrl-C where it gets none
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    threading.Thread(target=_heed, args=(reader,), daemon=True).start()
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _block_main_thread)


def ignore_interrupts() -> None:
    """Let Ctrl-C and SIGTERM do nothing any more."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def require_threads(n: int) -> None:
    """Check that this process may have `n` more threads, for libraries that end it where they get none.

    Raises:
        LimitError: It may not.
    """
    enough = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range(n):
            thread = threading.Thread(target=enough.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError as error:
        raise LimitError("The system refused another thread; 'ulimit -u' shows how many you may have.") from error
    finally:
        enough.set()
        for thread in started:
            thread.join()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if CAN_BIND else os.cpu_count() or 1


@contextmanager
def seen_as_one_core() -> Iterator[None]:
    """Let what starts in this block believe that there is one core; afterwards all threads may run on every core.

    On a system that cannot bind a process to cores, such as macOS, this does nothing.
    """
    if not CAN_BIND:
        yield
        return
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(own)})
    try:
        yield
    finally:
        for thread in Path("/proc/self/task").iterdir():
            with suppress(OSError):  # it has ended
                os.sched_setaffinity(int(thread.name), own)


@contextmanager
def held_interrupts() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether a signal has come; in this block only a second one ends the process.

    The first ends it at the block's end, unless an error ends the block, such as the one with which it was heeded.
    """
    global _held
    _held = came = threading.Event()
    try:
        yield came.is_set
    finally:
        with _lock:
            _held = None
    if came.is_set():
        _leave_interrupted()


@contextmanager
def noted_interrupts() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether Ctrl-C has come, in a process that is not the program's own: a notebook's.

    A first Ctrl-C is only noted, and raises KeyboardInterrupt at the block's end unless an error ends the block; a
    second one does at once what it did before. Elsewhere than in the main thread, and where Ctrl-C does nothing or ends
    the process, nothing is changed.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield lambda: False
        return
    came = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        if came.is_set():
            before(number, frame)
        came.set()

    signal.signal(signal.SIGINT, note)
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGINT, before)
    if came.is_set():
        raise KeyboardInterrupt


@contextmanager
def undoing(undo: Callable[[], None]) -> Iterator[None]:
    """Call `undo` when the block ends, however it ends: by a signal, too."""
    _undos.append(undo)
    try:
        yield
    finally:
        try:
            undo()
        finally:
            _undos.remove(undo)


class Child(NamedTuple):
    """A process that works for this one, and the connection to it."""

    pid: int
    connection: "Connection"


@contextmanager
def child_process(target: Callable[..., None], *arguments: Any, fork: bool = False) -> Iterator[Child]:
    """Call `target(connection, *arguments)` in a process of its own while the block lasts.

    The child hears neither Ctrl-C nor SIGTERM, which reach whole groups of processes: it is killed at the block's end,
    and ends by itself when this process does, however it does.

    Args:
        target: A function that pickle can name.
        arguments: What it gets, beside the child's end of the connection.
        fork: Whether the child begins as a copy of this process, which is sooner ready, but must have no other threads
            at work.
    """
    import multiprocessing
    from multiprocessing import resource_tracker

    context: Any = multiprocessing.get_context("fork" if fork else "spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(target, there, *arguments))

    def kill() -> None:
        if process.pid is not None:
            process.kill()
            process.join()

    if not fork:
        resource_tracker.ensure_running()  # else `start` would do so, and unblock the signals
    with here, undoing(kill):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # which the child inherits
        try:
            with warnings.catch_warnings():
                # Of threads beside a fork: ours only wait.
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        there.close()
        yield Child(process.pid, here)


def _heed(reader: int) -> None:
    """Leave at the first signal that comes, or note it where it is held, and leave at the second."""
    noted = -SAME_SIGNAL
    while number := os.read(reader, 1):
        if number[0] not in SIGNALS:
            continue
        with _lock:
            if _held is not None and not _held.is_set():
                noted = time.monotonic() if number[0] == signal.SIGTERM else -SAME_SIGNAL
                _held.set()
            elif _held is None or number[0] != signal.SIGTERM or time.monotonic() - noted > SAME_SIGNAL:
                _leave_interrupted()


def _block_main_thread(_number: int, _frame: FrameType | None) -> None:
    """Keep the main thread, which comes here once it runs Python code again, from going on while another one leaves."""
    global _blocked
    if _held is not None or _blocked:
        return
    _blocked = True
    if _leaving.wait(SAME_SIGNAL):
        threading.Event().wait()
    _blocked = False  # the signal was noted before held_interrupts ended


def _leave_interrupted() -> NoReturn:
    """End this process at once, without what Python does at its end, which may take long."""
    _leaving.set()
    try:
        for undo in reversed(_undos):
            with suppress(Exception):
                undo()
        _, writable, _ = select.select([], [sys.stderr], [], 0) if sys.stderr else ([], [], [])
        if writable:  # else we would wait for whoever reads it
            start = CLEAR_LINE if sys.stderr.isatty() else ""
            os.write(sys.stderr.fileno(), f"{start}Interrupted.\n".encode())
    finally:
        os._exit(ExitCode.INTERRUPTED)


def _work(target: Callable[..., None], *arguments: Any) -> None:
    try:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    except RuntimeError:  # no process may have another thread: who asks this one hears that it has ended
        os._exit(1)
    target(*arguments)


def _end_with_parent() -> None:
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
