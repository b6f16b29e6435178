"""The options for reading another program's ONNX file, the same for every command."""

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
        help="Whether the channels come last or first.",
        show_default="detected from the file",
        rich_help_panel=PANEL,
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--onnx-output",
        metavar="|".join(ONNX_OUTPUTS),
        help="What the first output contains.",
        show_default="detected from its values",
        rich_help_panel=PANEL,
    ),
]
Scale = Annotated[
    float,
    typer.Option(
        "--onnx-scale",
        metavar="N",
        help="Divide pixels from 0 to 255 by this, for an input of floats.",
        rich_help_panel=PANEL,
    ),
]
Mean = Annotated[
    str,
    typer.Option(
        "--onnx-mean",
        metavar="N[,N,N]",
        help="Then subtract this, one number or one per channel.",
        rich_help_panel=PANEL,
    ),
]
Std = Annotated[
    str,
    typer.Option(
        "--onnx-std",
        metavar="N[,N,N]",
        help="Then divide by this, one number or one per channel.",
        rich_help_panel=PANEL,
    ),
]


@dataclass(frozen=True)
class Onnx:
    """The ONNX options on the command line."""

    reading: OnnxReading

    def take(self, face: Face, runs: Iterable[Run]) -> list[Run]:
        """Return the runs, with these options for each ONNX file, and tell the user how it is read.

        Raises:
            UsageError: There are options but no ONNX file, or they do not fit it.
            RunError: An ONNX file is damaged, could do harm, or is not a classifier of images.
        """
        chosen = [run if run.reading is None else replace(run, reading=self.reading) for run in runs]
        files = [run for run in chosen if run.reading is not None]
        if self.reading != OnnxReading() and not files:
            raise UsageError("The --onnx- options are for ONNX files: name one, or leave them out.")
        for run in files:
            from mnistcli.commands.onnx import describe_reading

            if sentence := describe_reading(run):
                face.note(sentence)
        return chosen


def make_onnx(
    *,
    onnx_input: Input = None,
    onnx_output: Output = None,
    onnx_scale: Scale = 255.0,
    onnx_mean: Mean = "0",
    onnx_std: Std = "1",
) -> Onnx:
    """Collect the options and check them."""
    mean, std = _numbers("--onnx-mean", onnx_mean), _numbers("--onnx-std", onnx_std)
    return Onnx(OnnxReading(layout=onnx_input, output=onnx_output, scale=onnx_scale, mean=mean, std=std))


def _numbers(flag: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(each) for each in text.split(","))
    except ValueError as error:
        raise UsageError(f"{flag} takes a number, or one per channel, separated by commas, not {text!r}.") from error
