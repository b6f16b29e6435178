"""Signals and child processes: how Ctrl-C and SIGTERM end this process, and what is cleaned up then.

Signals do not raise KeyboardInterrupt. Such an exception would be lost if it came during garbage collection, where JAX
runs Python code; it would abort jaxlib while that is imported; and it would wait until XLA has compiled.
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
SAME_SIGNAL = 1.0  # seconds within which two SIGTERM count as one: `timeout` signals the process and then its group
CLEAR_LINE = "\r\x1b[2K\x1b[?25h"  # erases ^C or a progress bar, and shows the cursor that the bar has hidden

CAN_BIND = hasattr(os, "sched_setaffinity")  # whether this system can bind a process to cores

_lock = threading.Lock()  # guards the variables below, used by the signal thread and held_interrupts
_held: threading.Event | None = None
_exiting = threading.Event()
_blocked = False
_cleanups: list[Callable[[], None]] = []


def heed_interrupts() -> None:
    """Make Ctrl-C and SIGTERM end this process from now on, whatever it is doing, with one sentence on stderr.

    A signal that was ignored when the process started, as in a shell's background job, stays ignored.

    Raises:
        LimitError: The system does not allow the threads that this function and NumPy need.
    """
    require_threads(1 + cores())  # without threads, OpenBLAS sends its own process SIGINT
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    threading.Thread(target=_watch_signals, args=(reader,), daemon=True).start()
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _block_main_thread)


def ignore_interrupts() -> None:
    """Ignore Ctrl-C and SIGTERM from now on."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def require_threads(n: int) -> None:
    """Check that this process can start `n` more threads: some libraries abort the process if they cannot.

    Raises:
        LimitError: It cannot.
    """
    enough = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range(n):
            thread = threading.Thread(target=enough.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError as error:
        raise LimitError("The system does not allow another thread: raise the limit that 'ulimit -u' shows.") from error
    finally:
        enough.set()
        for thread in started:
            thread.join()


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if CAN_BIND else os.cpu_count() or 1


@contextmanager
def hide_other_cores() -> Iterator[None]:
    """Make libraries that start in this block see a single core; afterwards all threads may run on every core.

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
            with suppress(OSError):  # the thread has ended
                os.sched_setaffinity(int(thread.name), own)


@contextmanager
def held_interrupts() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether a signal has come; in this block only a second signal ends the process.

    The first signal ends it when the block ends, unless the block raises, for example because it noticed the signal.
    """
    global _held
    _held = came = threading.Event()
    try:
        yield came.is_set
    finally:
        with _lock:
            _held = None
    if came.is_set():
        _exit_interrupted()


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
def cleaning_up(cleanup: Callable[[], None]) -> Iterator[None]:
    """Call `cleanup` when the block ends, even if a signal ends the process."""
    _cleanups.append(cleanup)
    try:
        yield
    finally:
        try:
            cleanup()
        finally:
            _cleanups.remove(cleanup)


class Child(NamedTuple):
    """A child process, and the connection to it."""

    pid: int
    connection: "Connection"


@contextmanager
def child_process(target: Callable[..., None], *arguments: Any, fork: bool = False) -> Iterator[Child]:
    """Run `target(connection, *arguments)` in a child process while the block lasts.

    The child ignores Ctrl-C and SIGTERM, which are sent to whole process groups. It is killed when the block ends, and
    ends by itself if this process ends in any way.

    Args:
        target: A picklable function.
        arguments: Its arguments after the child's end of the connection.
        fork: Whether the child starts as a copy of this process. That is faster, but no other thread may be working.
    """
    import multiprocessing
    from multiprocessing import resource_tracker

    context: Any = multiprocessing.get_context("fork" if fork else "spawn")
    here, there = context.Pipe()
    process = context.Process(target=_run_child, args=(target, there, *arguments))

    def kill() -> None:
        if process.pid is not None:
            process.kill()
            process.join()

    if not fork:
        resource_tracker.ensure_running()  # otherwise `start` does so, and unblocks the signals
    with here, cleaning_up(kill):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # the child inherits the mask
        try:
            with warnings.catch_warnings():
                # It warns of forking with threads: ours only wait.
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        there.close()
        yield Child(process.pid, here)


def _watch_signals(reader: int) -> None:
    """End the process at the first signal; inside held_interrupts, note the first and end at the second."""
    noted = -SAME_SIGNAL
    while number := os.read(reader, 1):
        if number[0] not in SIGNALS:
            continue
        with _lock:
            if _held is not None and not _held.is_set():
                noted = time.monotonic() if number[0] == signal.SIGTERM else -SAME_SIGNAL
                _held.set()
            elif _held is None or number[0] != signal.SIGTERM or time.monotonic() - noted > SAME_SIGNAL:
                _exit_interrupted()


def _block_main_thread(_number: int, _frame: FrameType | None) -> None:
    """Keep the main thread, which runs this signal handler, from continuing while another thread ends the process."""
    global _blocked
    if _held is not None or _blocked:
        return
    _blocked = True
    if _exiting.wait(SAME_SIGNAL):
        threading.Event().wait()
    _blocked = False  # the signal came while held_interrupts was still in force


def _exit_interrupted() -> NoReturn:
    """End this process at once, without Python's clean-up, which can take long."""
    _exiting.set()
    try:
        for cleanup in reversed(_cleanups):
            with suppress(Exception):
                cleanup()
        _, writable, _ = select.select([], [sys.stderr], [], 0) if sys.stderr else ([], [], [])
        if writable:  # otherwise writing would wait for the reader
            start = CLEAR_LINE if sys.stderr.isatty() else ""
            os.write(sys.stderr.fileno(), f"{start}Interrupted.\n".encode())
    finally:
        os._exit(ExitCode.INTERRUPTED)


def _run_child(target: Callable[..., None], *arguments: Any) -> None:
    try:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    except RuntimeError:  # no thread allowed: the parent notices that this process ended
        os._exit(1)
    target(*arguments)


def _end_with_parent() -> None:
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
