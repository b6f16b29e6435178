"""The files that a command line names by paths, folders and lists of paths."""

import os
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path

from mnistcli.errors import UsageError

BLOCK = 2**16  # bytes to read at a time, and the longest path; systems allow about 4,096


def read_paths(file: BufferedReader, *, end: bytes = b"\n") -> Iterator[str]:
    """Yield the paths in a list as they arrive: one per line, or ended by NUL, which allows any file name.

    Raises:
        UsageError: A path is longer than BLOCK bytes, so the input is not a list of paths, and may be endless.
    """
    rest = b""
    while block := file.read1(BLOCK):
        *complete, rest = (rest + block).split(end)
        yield from _names(complete, end)
        if len(rest) > BLOCK:
            raise UsageError(f"--files-from is not a list of paths: it has {len(rest):,} bytes on one line.")
    yield from _names([rest], end)


def walk(paths: Iterable[str]) -> Iterator[str]:
    """Yield files as they are and, for folders, all files in them and below, sorted by name, except hidden ones.

    Links are followed; a folder's content is yielded once, however many links lead to it.
    """
    for path in paths:
        if Path(path).is_dir():
            yield from _below(path)
        else:
            yield path


def _below(folder: str) -> Iterator[str]:
    unreadable: list[str] = []
    seen = {os.path.realpath(folder)}
    walked = os.walk(folder, onerror=lambda error: unreadable.append(str(error.filename)), followlinks=True)
    for place, subfolders, names in walked:
        visible = {name: os.path.realpath(Path(place) / name) for name in sorted(subfolders) if name[0] != "."}
        subfolders.clear()
        for name, target in visible.items():
            if target not in seen:
                subfolders.append(name)
                seen.add(target)
        yield from (str(Path(place) / name) for name in sorted(names) if not name.startswith("."))
    yield from unreadable  # reading these folders will report the errors


def _names(lines: list[bytes], end: bytes) -> Iterator[str]:
    for line in lines:
        name = line.removesuffix(b"\r") if end == b"\n" else line
        if name:
            yield os.fsdecode(name)
