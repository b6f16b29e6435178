"""How to read another program's ONNX file: the options that say what the file does not, the same for every command."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from mnistcli.config import LAYOUTS, ONNX_OUTPUTS, OnnxReading
from mnistcli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mnistcli.cli.face import Face
    from mnistcli.runs import Run

PANEL = "ONNX files of other programs"

Input = Annotated[
    str | None,
    typer.Option(
        "--onnx-input",
        metavar="|".join(LAYOUTS),
        help="Whether channels come last or first.",
        show_default="told from the file",
        rich_help_panel=PANEL,
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--onnx-output",
        metavar="|".join(ONNX_OUTPUTS),
        help="What the first output is.",
        show_default="told from the file's answers",
        rich_help_panel=PANEL,
    ),
]
Scale = Annotated[
    float,
    typer.Option(
        "--onnx-scale",
        metavar="N",
        help="What pixels from 0 to 255 are divided by, for an input of floats.",
        rich_help_panel=PANEL,
    ),
]
Mean = Annotated[
    str,
    typer.Option(
        "--onnx-mean",
        metavar="N[,N,N]",
        help="What to subtract after that, perhaps for each channel.",
        rich_help_panel=PANEL,
    ),
]
Std = Annotated[
    str,
    typer.Option(
        "--onnx-std",
        metavar="N[,N,N]",
        help="What to divide by after that, perhaps for each channel.",
        rich_help_panel=PANEL,
    ),
]


@dataclass(frozen=True)
class Onnx:
    """What the command line says of ONNX files."""

    reading: OnnxReading

    def take(self, face: Face, runs: Iterable[Run]) -> list[Run]:
        """Return the runs, each ONNX file with what the command line says of it, and say how it is read.

        Raises:
            UsageError: The command line says something and there is no ONNX file, or it does not fit that.
            RunError: An ONNX file is damaged, could do harm, or is no classifier of images.
        """
        taken = [run if run.reading is None else replace(run, reading=self.reading) for run in runs]
        files = [run for run in taken if run.reading is not None]
        if self.reading != OnnxReading() and not files:
            raise UsageError("The --onnx- options say how an ONNX file is read: name one, or leave them out.")
        for run in files:
            from mnistcli.commands.onnx import how_read

            if said := how_read(run):
                face.note(said)
        return taken


def make_onnx(
    *,
    onnx_input: Input = None,
    onnx_output: Output = None,
    onnx_scale: Scale = 255.0,
    onnx_mean: Mean = "0",
    onnx_std: Std = "1",
) -> Onnx:
    """Gather the options and check them."""
    mean, std = _numbers("--onnx-mean", onnx_mean), _numbers("--onnx-std", onnx_std)
    return Onnx(OnnxReading(layout=onnx_input, output=onnx_output, scale=onnx_scale, mean=mean, std=std))


def _numbers(flag: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(each) for each in text.split(","))
    except ValueError as error:
        raise UsageError(
            f"{flag} takes a number, or one for each channel with commas between, not {text!r}."
        ) from error
