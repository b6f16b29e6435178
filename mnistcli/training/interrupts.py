"""Ctrl-C and a scheduler's SIGTERM during training: noted at once, heeded when a chunk of steps is done.

JAX runs Python code inside garbage collection, where a KeyboardInterrupt is printed and forgotten: raising it wherever
the signal happens to arrive lost about one in seven.
"""

import os
import signal
import sys
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
        if came:
            _leave()
        came = True

    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield lambda: came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave() -> None:
    """End here and now: files are whole at every moment, and nothing that is being computed is worth waiting for."""
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), SHOW_CURSOR.encode())
    os._exit(ExitCode.INTERRUPTED)
