"""Networks in Flax: a class in a user's file, which is executed only if the command line names it."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnistcli.errors import MnistcliError, UsageError
from mnistcli.files import read_bounded
from mnistcli.models.recipes import is_flax

if TYPE_CHECKING:
    from flax import nnx

MOST_BYTES = 2**20
MODULE = "mnistcli_network"


@dataclass(frozen=True)
class Source:
    """A network's class in a file, and the file's content."""

    path: Path
    class_name: str
    content: bytes

    @property
    def arch(self) -> str:
        """What a run records as its architecture, such as "net.py:Net"."""
        return f"{self.path.name}:{self.class_name}"

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


_loaded: dict[str, tuple[Source, type[nnx.Module]]] = {}


def read_source(arch: str) -> Source:
    """Read the file that FILE.py:CLASS names, without executing it.

    Raises:
        UsageError: It cannot be read, or is not Python.
    """
    path, _, class_name = arch.rpartition(":")
    try:
        content = read_bounded(Path(path), most=MOST_BYTES)
        compile(content, path, "exec")
    except OSError as error:
        raise UsageError(f"The network's file {path!r} cannot be read: {error.strerror}.") from error
    except SyntaxError as error:
        raise UsageError(f"{path}, line {error.lineno or 1}: invalid Python: {error.msg}.") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"{path}, line 1: invalid Python: {type(error).__name__}.") from error
    return Source(Path(path), class_name, content)


def load_source(arch: str | None) -> None:
    """Load the class of an architecture FILE.py:CLASS that the user named; of any other, nothing."""
    if arch is not None and is_flax(arch):
        load(read_source(arch))


def load(source: Source) -> None:
    """Execute the file, so that `build` can make networks of its class.

    Raises:
        UsageError: The file raises an error, or has no such class.
    """
    from flax import nnx

    spec = importlib.util.spec_from_loader(MODULE, loader=None, origin=str(source.path))
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    module.__file__ = str(source.path)
    sys.modules[MODULE] = module  # where dataclasses and pickle look for it
    with blaming(source):
        exec(compile(source.content, str(source.path), "exec"), module.__dict__)  # noqa: S102
    found = getattr(module, source.class_name, None)
    if not (isinstance(found, type) and issubclass(found, nnx.Module)):
        classes = [name for name, each in vars(module).items() if _is_own_module(each)]
        what = "there is no such name" if found is None else "it is not a flax.nnx.Module"
        known = f"; the file has {', '.join(classes)}" if classes else "; the file has no flax.nnx.Module"
        raise refused(source, f"{source.class_name}: {what}{known}")
    _loaded[source.arch] = source, found


def loaded(arch: str) -> tuple[Source, type[nnx.Module]]:
    """Return the class that was loaded for an architecture.

    Raises:
        UsageError: No class was loaded for it.
    """
    if arch not in _loaded:
        raise UsageError(f"The network is Python code, which is executed only if you name its file: add --arch {arch}.")
    return _loaded[arch]


@contextmanager
def blaming(source: Source) -> Iterator[None]:
    """Turn any error in the block into a UsageError of one sentence, with its line in the user's file."""
    try:
        with redirect_stdout(sys.stderr):  # its output must not mix with the result
            yield
    except (MnistcliError, BrokenPipeError):
        raise
    except (Exception, SystemExit) as error:
        lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == str(source.path)]
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "").split(". ")[0].rstrip(".")
        reason = f"{type(error).__name__}: {reason}"
        if found := re.search("assigned to static attribute '(.*?)'", reason):
            reason = f"{found[1]!r} is a Python list or dict of layers: write nnx.List([…]) or nnx.Dict(…)"
        raise refused(source, reason, line=lines[-1] if lines else None) from error


def refused(source: Source, why: str, *, line: int | None = None) -> UsageError:
    """Return the error for a problem in the user's file, at that line or at the line of its class."""
    before = re.split(rf"^class {source.class_name}\b", source.content.decode(errors="replace"), flags=re.MULTILINE)
    line = line or (before[0].count("\n") + 1 if len(before) > 1 else 1)
    return UsageError(f"{source.path}, line {line}: {why}.")


def _is_own_module(value: Any) -> bool:
    from flax import nnx

    return isinstance(value, type) and issubclass(value, nnx.Module) and value.__module__ == MODULE
