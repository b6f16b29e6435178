"""The key that is heeded while a person watches a training: q ends it after the epoch under way.

The terminal then hands over each key at once and does not show it. It is set back however the training ends, and while
Ctrl-Z holds it up. In the background it is left alone.
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

    No key is heeded unless `heed`, nor where the progress is not live or stdin is no terminal of this process's own.
    """
    if not heed or os.name != "posix" or not progress.is_live or not sys.stdin or not _in_foreground():
        yield lambda: False
        return
    keys = _Keys(progress)
    progress.hint = HINT
    with cleaning_up(keys.close):
        yield keys.poll


def _in_foreground() -> bool:
    """Whether this process may read keys and change the terminal, which stops one in the background."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):  # stdin is no terminal, that of another session, or closed
        return False


class _Keys:
    """The terminal at stdin, from the first look at it on."""

    def __init__(self, progress: TrainingProgress) -> None:
        self._progress = progress
        self._terminal = sys.stdin.fileno()
        self._before: list[Any] | None = None
        self._stop_signal: Any = None
        self._stopping = self._pressed = False

    def poll(self) -> bool:
        """Whether q was pressed; take what was typed since the last look, and heed Ctrl-Z."""
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
        """Set the terminal back."""
        if self._stop_signal is not None:
            signal.signal(signal.SIGTSTP, self._stop_signal)
        self._set_back()

    def _set_up(self) -> None:
        """Let the terminal hand over each key at once, unless it does: after Ctrl-Z a shell may have changed that."""
        import termios

        mode = termios.tcgetattr(self._terminal)
        if not mode[3] & termios.ICANON:
            return
        if self._stop_signal is None and signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL:
            self._stop_signal = signal.signal(signal.SIGTSTP, self._note_stop)
        self._before = [*mode]
        mode[3] &= ~(termios.ICANON | termios.ECHO)
        termios.tcsetattr(self._terminal, termios.TCSANOW, mode)

    def _set_back(self) -> None:
        import termios

        if self._before is not None and _in_foreground():
            termios.tcflush(self._terminal, termios.TCIFLUSH)
            termios.tcsetattr(self._terminal, termios.TCSANOW, self._before)
        self._before = None

    def _note_stop(self, *_: object) -> None:
        """Stop at the next look; a second Ctrl-Z stops at once."""
        self._stopping = True
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)

    def _stop(self) -> None:
        """Stop this process, as Ctrl-Z asks, until the shell lets it go on."""
        with self._progress.hidden():
            self._set_back()
            os.kill(os.getpid(), signal.SIGTSTP)
        self._stopping = False
        signal.signal(signal.SIGTSTP, self._note_stop)
