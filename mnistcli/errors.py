"""The errors that users see, and the exit code of each kind.

An error's text is one sentence: it names the thing, says what was expected and what was found, and how to fix it. Only
the program's entry point turns errors into exit codes.
"""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from enum import IntEnum


class ExitCode(IntEnum):
    """The program's exit codes; `mnistcli help exit-codes` explains them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DATA = 3
    RUN = 4
    INTERRUPTED = 130


class MnistcliError(Exception):
    """The base class of all errors that the program reports to the user in one sentence."""

    exit_code = ExitCode.FAILED


class UsageError(MnistcliError):
    """The command line asks for something that does not exist or is not possible."""

    exit_code = ExitCode.USAGE


class DataError(MnistcliError):
    """A data set is unknown, missing or damaged."""

    exit_code = ExitCode.DATA


class RunError(MnistcliError):
    """A run or its weights are unknown or damaged, or do not fit the data."""

    exit_code = ExitCode.RUN


class DivergedError(MnistcliError):
    """Training diverged: the loss became infinite or NaN."""


class StoppedRunError(MnistcliError):
    """A run had to stop because a file could not be written, for example on a full disk."""


class InterruptedRunError(MnistcliError):
    """Ctrl-C or SIGTERM stopped a run."""

    exit_code = ExitCode.INTERRUPTED


class ClosedPipeError(MnistcliError):
    """The reader of the output closed the pipe, so the program ends quietly."""

    exit_code = ExitCode.OK


class LimitError(MnistcliError):
    """A system limit, such as that on threads, is too low for this process."""


class LostProcessError(MnistcliError):
    """A child process, or another process of the same training, ended or cannot be reached."""


class ImageError(MnistcliError):
    """A picture or image cannot be read."""


def unknown(kind: str, name: str, known: Collection[str]) -> str:
    """Return an error sentence for a name that is not one of `known`."""
    return f"Unknown {kind} {name!r}: expected {', '.join(known)}{suggestion(name, known)}"


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence: `; did you mean 'x'?` with the closest of `known`, or "." if none is close."""
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else "."


def metadata_problem(error: Exception) -> str:
    """Return the clause that says what is wrong with a file's metadata, by the error that reading it raised."""
    return f"{error} is missing from its metadata" if isinstance(error, KeyError) else f"its metadata is wrong: {error}"
