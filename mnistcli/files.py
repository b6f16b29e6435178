"""Atomic writes, bounded reads of untrusted files, and the cache folder."""

import errno
import os
import stat
import tempfile
from functools import partial
from pathlib import Path

from mnistcli.errors import UsageError
from mnistcli.process import cleaning_up


def write_atomically(path: Path, content: bytes) -> None:
    """Write a temporary file beside the path, flush it to disk and rename it: readers see the old or the new content.

    Raises:
        OSError: The file cannot be written; the old content stays, and no temporary file is left.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    with cleaning_up(partial(temporary.unlink, missing_ok=True)):
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    _flush_folder(path.parent)


def write_output(path: Path, content: bytes) -> None:
    """Write a file that the user asked for, as `write_atomically` does.

    Raises:
        UsageError: It cannot be written.
    """
    try:
        write_atomically(path, content)
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be written: {error.strerror}.") from error


def user_cache() -> Path:
    """Return the user's cache folder, which MNISTCLI_CACHE_DIR can move; it may not exist yet."""
    named = os.environ.get("MNISTCLI_CACHE_DIR")
    if named:
        return Path(named).absolute()
    from platformdirs import user_cache_path

    return user_cache_path("mnistcli")


def private_folder(path: Path) -> Path | None:
    """Return the folder, created if missing; None if it cannot be created or other users can write in it."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path if _is_private(path) else None
    except OSError:
        return None


def check_regular(path: Path | str) -> None:
    """Raise OSError if the path is not a regular file: reading a named pipe could block forever."""
    mode = os.stat(path).st_mode  # noqa: PTH116  (Path.stat takes three times as long, and lists have thousands of paths)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "Not a regular file", str(path))


def read_bounded(path: Path, *, most: int) -> bytes:
    """Return the content of a regular file of at most `most` bytes.

    Raises:
        OSError: It is not a regular file, is larger, or cannot be read.
    """
    check_regular(path)
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content


def _is_private(folder: Path) -> bool:
    if not hasattr(os, "getuid"):
        return True
    status = folder.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022 and os.access(folder, os.W_OK)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flush_folder(folder: Path) -> None:
    if os.name == "posix":  # other systems cannot open a folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
