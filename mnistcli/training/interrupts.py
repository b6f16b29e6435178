"""Ctrl-C and a scheduler's SIGTERM during training: noted at once, heeded when a chunk of steps is done.

JAX runs Python code inside garbage collection, where a KeyboardInterrupt is printed and forgotten: raising it wherever
the signal happens to arrive lost about one in seven.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from mnistcli.errors import ExitCode

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SHOW_CURSOR = "\x1b[?25h"  # which a progress bar has hidden


@contextmanager
def held_interrupts() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether a signal has come since; the second ends the process at once."""
    came = False

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal came
        came = True

    # Python's own handlers wait for the end of what XLA compiles or computes; what is written to this pipe does not.
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    threading.Thread(target=_leave_at_the_second, args=(reader,), daemon=True).start()
    pipe_before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield lambda: came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(pipe_before)
        os.close(writer)  # which ends the thread


def _leave_at_the_second(reader: int) -> None:
    came = 0
    with open(reader, "rb", buffering=0) as numbers:
        while number := numbers.read(1):
            came += number[0] in SIGNALS
            if came == 2:
                _leave()


def _leave() -> None:
    """End here and now: files are whole at every moment, and nothing that is being computed is worth waiting for."""
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), SHOW_CURSOR.encode())
    os._exit(ExitCode.INTERRUPTED)
