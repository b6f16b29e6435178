"""mnistcli inspect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mnistcli.cli.compute import Compute
from mnistcli.cli.data_options import Data
from mnistcli.cli.face import Face
from mnistcli.cli.options import RUN_HELP, Plot, RunsDir, Theme, check_plot
from mnistcli.config import RUNS_DIR
from mnistcli.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from mnistcli.runs import Run

EXAMPLES = [
    "mnistcli inspect cnn --plot inside.png",
    "mnistcli inspect builtin digit.png",
    "mnistcli inspect cnn --epochs --plot filmstrip.png",
]


def inspect(
    face: Face,
    data: Data,
    compute: Compute,
    *,
    run: Annotated[str, typer.Argument(metavar="RUN", help=RUN_HELP)],
    image: Annotated[
        str | None,
        typer.Argument(metavar="IMAGE", help="A picture of one digit.", show_default="the first test image"),
    ] = None,
    epochs: Annotated[
        bool, typer.Option("--epochs", help="Show the filters after each epoch, for a run trained with --keep-epochs.")
    ] = False,
    plot: Plot = None,
    theme: Theme = "light",
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Look inside a network: the first layer's filters, each layer's output for one image, and a map of many images.

    The map shows up to 2,000 test images by the penultimate layer's output, along its two principal axes (PCA).

    Circles mark the images that the network misreads.
    """
    check_plot(plot)
    if epochs and image is not None:
        raise UsageError("--epochs shows only filters: leave out the image.")

    from mnistcli.runs import RunsFolder

    if epochs:
        _show_epochs(face, RunsFolder(runs_dir).find(run), plot, theme)
        return
    compute.start(face)

    from mnistcli.commands.inspect import inspect as inspect_run
    from mnistcli.render.inspect import inspection_view

    found = RunsFolder(runs_dir).find(run)
    choice = data.choice_for(found.name, found.data())
    face.note(f"Inspecting run {found.name} with the test images of {choice.dataset}.")
    inspected = inspect_run(found, data.load(face, choice), image)
    if plot is not None:
        from mnistcli.render import inspect_figures

        face.save_figure(inspect_figures.inspection(inspected, theme=theme), plot)
    face.show(inspection_view(inspected))


def _show_epochs(face: Face, run: Run, plot: Path | None, theme: str) -> None:
    from mnistcli.commands.filmstrip import filmstrip
    from mnistcli.render.inspect import filmstrip_view

    face.note(f"Inspecting run {run.name}.")
    strip = filmstrip(run)
    if plot is not None:
        from mnistcli.render import inspect_figures

        face.save_figure(inspect_figures.filmstrip(strip, theme=theme), plot)
    face.show(filmstrip_view(strip))
