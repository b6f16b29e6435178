"""Folders inside the runs folder: their names, how a process claims one, and its lock."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from mnistcli.errors import UsageError
from mnistcli.models import RECIPES

LOCK = ".lock"
PATIENCE = 1.0  # seconds to wait for a run's lock: listing runs holds it for a moment
RESERVED = {"latest", "builtin", *RECIPES}


def claim_folder(runs: Path, *, prefix: str, name: str | None) -> Path:
    """Create the folder of a run, a group or a search, called `name`, or by the prefix and the next number.

    If several processes want the same name, only one of them can create it.

    Raises:
        UsageError: The name is not allowed or is taken, or the folder cannot be created.
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
    raise UsageError(f"{name!r} already exists in {runs}: choose another --name, or continue it with --resume {name}.")


def unwritable(runs: Path, error: OSError) -> UsageError:
    """Return the error for a runs folder that cannot be written."""
    return UsageError(f"The runs folder {str(runs)!r} cannot be written: {error.strerror}; use another --runs-dir.")


def _numbered(runs: Path, prefix: str) -> Iterator[str]:
    numbers = [entry.name.removeprefix(f"{prefix}-") for entry in runs.glob(f"{prefix}-*")]
    taken = [int(number) for number in numbers if number.isdecimal()]
    return (f"{prefix}-{number:03d}" for number in count(max(taken, default=0) + 1))


def lock_folder(folder: Path) -> FileLock:
    """Acquire the folder's lock, which the system releases when the process ends in any way.

    Raises:
        Timeout: Another process holds it.
        OSError: The folder cannot be written.
    """
    lock = FileLock(folder / LOCK, timeout=PATIENCE)
    lock.acquire()
    return lock


def is_locked(lock: Path) -> bool:
    """Whether another process holds this lock; True if that cannot be found out."""
    try:
        if lock.exists():
            with FileLock(lock, timeout=0):
                pass
    except (Timeout, OSError):
        return True
    return False


def check_name(name: str) -> None:
    """Raise UsageError if a run cannot have that name."""
    if name in RESERVED:
        raise UsageError(f"{name!r} is reserved: choose another --name.")
    if not is_plain_name(name):
        raise UsageError(
            f"A run cannot be called {name!r}: --name takes letters, digits, '.', '_' and '-', and starts with a "
            "letter or a digit."
        )


def is_plain_name(name: str) -> bool:
    """Whether the name has only allowed characters and at most 100; RESERVED is not checked."""
    return name[:1].isalnum() and all(c.isalnum() or c in "._-" for c in name) and name.isascii() and len(name) <= 100


def now() -> str:
    """Return the current time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
