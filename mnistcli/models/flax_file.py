"""Networks in Flax: a class in a file of the user's, executed where the command line names it, and nowhere else."""

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

if TYPE_CHECKING:
    from flax import nnx

MOST_BYTES = 2**20
MODULE = "mnistcli_network"


@dataclass(frozen=True)
class Source:
    """A class in a file, and the file's content."""

    path: Path
    class_name: str
    content: bytes

    @property
    def arch(self) -> str:
        """What a run records as its architecture, such as "net.py:Net"."""
        return f"{self.path.name}:{self.class_name}"

    @property
    def sha256(self) -> str:
        """Of the content."""
        return hashlib.sha256(self.content).hexdigest()


_loaded: dict[str, tuple[Source, type[nnx.Module]]] = {}


def read_source(arch: str) -> Source:
    """Read the file that FILE.py:CLASS names; nothing of it is executed.

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
        raise UsageError(f"{path}, line {error.lineno or 1}: this is not Python: {error.msg}.") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"{path}, line 1: this is not Python that can be read: {type(error).__name__}.") from error
    return Source(Path(path), class_name, content)


def load(source: Source) -> None:
    """Execute the file, so that `build` can make networks of its class.

    Raises:
        UsageError: The file fails, or has no such class.
    """
    from flax import nnx

    spec = importlib.util.spec_from_loader(MODULE, loader=None, origin=str(source.path))
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    module.__file__ = str(source.path)
    sys.modules[MODULE] = module  # dataclasses and pickle look there
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
        UsageError: None was.
    """
    if arch not in _loaded:
        raise UsageError(f"The network is code, which is executed only where you name it: add --arch {arch}.")
    return _loaded[arch]


@contextmanager
def blaming(source: Source) -> Iterator[None]:
    """Make one sentence, with the line of the user's file, of whatever goes wrong in it."""
    try:
        with redirect_stdout(sys.stderr):  # what it prints is not our result
            yield
    except (MnistcliError, BrokenPipeError):
        raise
    except (Exception, SystemExit) as error:
        lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == str(source.path)]
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), "").split(". ")[0].rstrip(".")
        said = f"{type(error).__name__}: {said}"
        if found := re.search("assigned to static attribute '(.*?)'", said):
            said = f"{found[1]!r} holds layers in a Python list or dict: write nnx.List([…]) or nnx.Dict(…)"
        raise refused(source, said, line=lines[-1] if lines else None) from error


def refused(source: Source, why: str, *, line: int | None = None) -> UsageError:
    """Return the error that tells what is wrong in the user's file, at a line of it, or where its class begins."""
    before = re.split(rf"^class {source.class_name}\b", source.content.decode(errors="replace"), flags=re.MULTILINE)
    line = line or (before[0].count("\n") + 1 if len(before) > 1 else 1)
    return UsageError(f"{source.path}, line {line}: {why}.")


def _is_own_module(value: Any) -> bool:
    from flax import nnx

    return isinstance(value, type) and issubclass(value, nnx.Module) and value.__module__ == MODULE
