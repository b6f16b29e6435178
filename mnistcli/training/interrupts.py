"""Ctrl-C during training: held back until a chunk of steps is done, so that it is never lost nor tears one apart.

JAX runs Python code inside garbage collection, where a KeyboardInterrupt is printed and forgotten: raising it wherever
the signal happens to arrive lost about one in seven.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def held_interrupts() -> Iterator[Callable[[], None]]:
    """Yield a function that raises KeyboardInterrupt where Ctrl-C was pressed since; a second Ctrl-C acts at once."""
    pressed = False

    def on_interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
