"""mnistcli init."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from mnistcli.cli.face import Face
from mnistcli.cli.options import check_writable
from mnistcli.errors import UsageError

EXAMPLES = ["mnistcli init net.py"]


def init(face: Face, *, file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write: .py.")]) -> None:
    """Write a short example of a network in Flax, for you to change and train."""
    check_writable(file, (".py",), name="The file")

    from mnistcli import models

    example = Path(models.__file__).with_name("example.py").read_bytes()
    try:
        with file.open("xb") as written:
            written.write(example)
    except FileExistsError as error:
        raise UsageError(f"{str(file)!r} already exists: name a new file, as nothing is overwritten.") from error
    except OSError as error:
        file.unlink(missing_ok=True)  # what fitted on a full disk
        raise UsageError(f"{str(file)!r} cannot be written: {os.strerror(error.errno or 0)}.") from error
    face.note(f"Train it with 'mnistcli train --arch {shlex.quote(f'{file}:Net')}'.")
