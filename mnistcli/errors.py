"""What can go wrong, and the exit code that tells a script which kind it was.

An error's text is one sentence: it names the thing, says what was expected and what was found, and how to mend it.
Only the program's front door turns them into an exit code.
"""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from enum import IntEnum


class ExitCode(IntEnum):
    """The program's exit codes; `mnistcli help exit-codes` prints them with these meanings."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DATA = 3
    RUN = 4
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """What the code says, in a few words."""
        return {
            ExitCode.OK: "all well",
            ExitCode.FAILED: "the work ran, but something in it failed: an unreadable image, --fail-under missed",
            ExitCode.USAGE: "wrong usage: an unknown flag, value, architecture or device, an unwritable file",
            ExitCode.DATA: "data: an unknown, missing or damaged data set",
            ExitCode.RUN: "model or run: unknown, damaged, or not fitting the data",
            ExitCode.INTERRUPTED: "interrupted",
        }[self]


class MnistcliError(Exception):
    """The base of every error that the program tells its user about in one sentence."""

    exit_code = ExitCode.FAILED


class UsageError(MnistcliError):
    """The command line asks for something that does not exist or cannot be."""

    exit_code = ExitCode.USAGE


class DataError(MnistcliError):
    """A data set is unknown, missing or damaged."""

    exit_code = ExitCode.DATA


class RunError(MnistcliError):
    """A run or its weights are unknown, damaged, or do not fit."""

    exit_code = ExitCode.RUN


class DivergedError(MnistcliError):
    """The loss stopped being a number."""


class StoppedRunError(MnistcliError):
    """The system refused to go on with a run: its disk is full, or a file cannot be written."""


class InterruptedRunError(MnistcliError):
    """Ctrl-C, or the system's wish that the program end, stopped a run."""

    exit_code = ExitCode.INTERRUPTED


class ClosedPipeError(MnistcliError):
    """Whoever read the output has closed the pipe: there is nobody left to tell."""

    exit_code = ExitCode.OK


class LimitError(MnistcliError):
    """The system allows this process less than it needs."""


class LostProcessError(MnistcliError):
    """A process that works for this one or with it has ended or cannot be reached."""


class ImageError(MnistcliError):
    """A picture cannot be read."""


def unknown(kind: str, name: str, known: Collection[str]) -> str:
    """Return the sentence on a name that is none of the `known` ones."""
    return f"Unknown {kind} {name!r}: expected {', '.join(known)}{suggestion(name, known)}"


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return a sentence's end: `; did you mean 'x'?` for the nearest of `known`, or a full stop where none is near."""
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else "."
