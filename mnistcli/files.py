"""Atomic writes, bounded reads of untrusted files, and the cache folder."""

import errno
import os
import stat
import tempfile
from functools import partial
from pathlib import Path

from mnistcli.process import undoing


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside the file's place, flush to the disk, rename: a reader sees the old content or the new.

    Raises:
        OSError: The file cannot be written; what was there before stands, and no temporary file is left.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    with undoing(partial(temporary.unlink, missing_ok=True)):
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    _flush_folder(path.parent)


def user_cache() -> Path:
    """Return the folder for what can be made again, the user's own (MNISTCLI_CACHE_DIR moves it); it need not exist."""
    named = os.environ.get("MNISTCLI_CACHE_DIR")
    if named:
        return Path(named).absolute()
    from platformdirs import user_cache_path

    return user_cache_path("mnistcli")


def private_folder(path: Path) -> Path | None:
    """Return the folder, made where it is missing; None where it cannot be made or somebody else can write in it."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path if _is_private(path) else None
    except OSError:
        return None


def check_regular(path: Path | str) -> None:
    """Raise OSError where the path is no regular file: a named pipe would keep whoever reads it waiting."""
    mode = os.stat(path).st_mode  # noqa: PTH116  (a Path takes three times as long, and lists name thousands)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "Not a regular file", str(path))


def read_bounded(path: Path, *, most: int) -> bytes:
    """Read a regular file of `most` bytes at most.

    Raises:
        OSError: It is none, is longer, or cannot be read.
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
    if os.name == "posix":  # elsewhere a folder cannot be opened
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
