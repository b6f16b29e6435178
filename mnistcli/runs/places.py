"""Folders in the folder of runs: their names, how a process claims one, and its lock."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from filelock import FileLock

from mnistcli.errors import UsageError
from mnistcli.models import RECIPES

LOCK = ".lock"
PATIENCE = 1.0  # seconds to wait for a run's lock, which a look at it holds for a moment
RESERVED = {"latest", "builtin", *RECIPES}


def claim_folder(runs: Path, *, prefix: str, name: str | None) -> Path:
    """Make the folder of a run, a group or a search, called `name`, or the prefix and the next number.

    mkdir decides between processes that want the same name.

    Raises:
        UsageError: The name cannot be used or is taken, or the folder cannot be made.
    """
    if name is not None:
        check_name(name)
    try:
        runs.mkdir(parents=True, exist_ok=True)
        for path in map(runs.joinpath, [name] if name else _numbered(runs, prefix)):
            with suppress(FileExistsError):
                path.mkdir()
                return path
    except OSError as error:
        raise unwritable(runs, error) from error
    raise UsageError(f"There is {name!r} in {runs} already: choose another --name, or go on with --resume {name}.")


def unwritable(runs: Path, error: OSError) -> UsageError:
    """Return the error that tells that nothing can be made in the folder of runs."""
    return UsageError(f"No run can be made in {str(runs)!r} ({error.strerror}): name another folder with --runs-dir.")


def _numbered(runs: Path, prefix: str) -> Iterator[str]:
    numbers = [entry.name.removeprefix(f"{prefix}-") for entry in runs.glob(f"{prefix}-*")]
    taken = [int(number) for number in numbers if number.isdecimal()]
    return (f"{prefix}-{number:03d}" for number in count(max(taken, default=0) + 1))


def lock_folder(folder: Path) -> FileLock:
    """Take the folder's lock, which the system gives back when the process ends, however it does.

    Raises:
        Timeout: Another process holds it.
        OSError: The folder cannot be written.
    """
    lock = FileLock(folder / LOCK, timeout=PATIENCE)
    lock.acquire()
    return lock


def check_name(name: str) -> None:
    """Raise UsageError where a run cannot be called so."""
    if name in RESERVED:
        raise UsageError(f"A run cannot be called {name!r}, which stands for something else: choose another --name.")
    if not is_plain_name(name):
        raise UsageError(
            f"A run cannot be called {name!r}: --name takes letters, digits, '.', '_' and '-', and begins with a "
            "letter or a digit."
        )


def is_plain_name(name: str) -> bool:
    """Whether a run may be called so, if the name is not one of RESERVED."""
    return name[:1].isalnum() and all(c.isalnum() or c in "._-" for c in name) and name.isascii() and len(name) <= 100


def now() -> str:
    """Return the time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
