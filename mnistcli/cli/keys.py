"""The key q, which ends training after the current epoch.

During training the terminal delivers each key at once and does not echo it. Its mode is restored however training ends,
and while Ctrl-Z stops the process. A background process leaves the terminal alone.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mnistcli.process import cleaning_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mnistcli.render.progress import TrainingProgress

HINT = "q: finish this epoch, then score"
HEEDED = "finishing this epoch, then scoring"


@contextmanager
def finishing_with_q(progress: TrainingProgress, *, heed: bool) -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether q was pressed; call it often, from the main thread.

    Keys are ignored unless `heed` is true, the bar is live and this process is in the foreground of the terminal on
    stdin.
    """
    if not heed or os.name != "posix" or not progress.is_live or not sys.stdin or not _in_foreground():
        yield lambda: False
        return
    keys = _Keys(progress)
    progress.hint = HINT
    with cleaning_up(keys.close):
        yield keys.poll


def _in_foreground() -> bool:
    """Whether this process is in the foreground: the terminal stops others that read keys or change its mode."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):  # stdin is closed, not a terminal, or another session's
        return False


class _Keys:
    """The terminal on stdin and its original mode."""

    def __init__(self, progress: TrainingProgress) -> None:
        self._progress = progress
        self._terminal = sys.stdin.fileno()
        self._before: list[Any] | None = None
        self._stop_signal: Any = None
        self._stopping = self._pressed = False

    def poll(self) -> bool:
        """Read typed keys, handle Ctrl-Z, and return whether q was pressed."""
        if self._stopping:
            self._stop()
        if _in_foreground():
            self._set_up()
            readable, _, _ = select.select([self._terminal], [], [], 0)
            if readable and b"q" in os.read(self._terminal, 1024).lower() and not self._pressed:
                self._pressed, self._progress.hint = True, HEEDED
                self._progress.refresh(now=True)
        return self._pressed

    def close(self) -> None:
        """Restore the terminal's mode."""
        if self._stop_signal is not None:
            signal.signal(signal.SIGTSTP, self._stop_signal)
        self._restore()

    def _set_up(self) -> None:
        """Make the terminal deliver each key at once; a shell may have reset it after Ctrl-Z."""
        import termios

        mode = termios.tcgetattr(self._terminal)
        if not mode[3] & termios.ICANON:
            return
        if self._stop_signal is None and signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL:
            self._stop_signal = signal.signal(signal.SIGTSTP, self._note_stop)
        self._before = [*mode]
        mode[3] &= ~(termios.ICANON | termios.ECHO)
        termios.tcsetattr(self._terminal, termios.TCSANOW, mode)

    def _restore(self) -> None:
        import termios

        if self._before is not None and _in_foreground():
            termios.tcflush(self._terminal, termios.TCIFLUSH)
            termios.tcsetattr(self._terminal, termios.TCSANOW, self._before)
        self._before = None

    def _note_stop(self, *_: object) -> None:
        """Stop at the next poll; a second Ctrl-Z stops at once."""
        self._stopping = True
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)

    def _stop(self) -> None:
        """Stop this process until the shell continues it."""
        with self._progress.hidden():
            self._restore()
            os.kill(os.getpid(), signal.SIGTSTP)
        self._stopping = False
        signal.signal(signal.SIGTSTP, self._note_stop)
