"""Which files the command line names: paths, folders, lists of paths."""

import os
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path

from mnistcli.errors import UsageError

BLOCK = 2**16  # bytes, and the longest that a path may be: systems allow about 4,096


def read_paths(file: BufferedReader, *, end: bytes = b"\n") -> Iterator[str]:
    """Yield the paths of a list as they come: one a line, or, where they end in NUL, with any name at all.

    Raises:
        UsageError: A path is longer than BLOCK bytes: this is not a list of paths, and may never end.
    """
    rest = b""
    while block := file.read1(BLOCK):
        *whole, rest = (rest + block).split(end)
        yield from _names(whole, end)
        if len(rest) > BLOCK:
            raise UsageError(f"--files-from is not a list of paths: it holds {len(rest):,} bytes on one line.")
    yield from _names([rest], end)


def walk(paths: Iterable[str]) -> Iterator[str]:
    """Yield files as they are and, for folders, every file below in the order of names, but hidden ones.

    Links are followed, and what is in a folder is yielded once, however many links lead there.
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
    yield from unreadable  # a folder that cannot be listed gets an error of its own


def _names(lines: list[bytes], end: bytes) -> Iterator[str]:
    for line in lines:
        name = line.removesuffix(b"\r") if end == b"\n" else line
        if name:
            yield os.fsdecode(name)
