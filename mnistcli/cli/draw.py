"""mnistcli draw."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistcli.cli.compute import Compute
from mnistcli.cli.face import Face
from mnistcli.cli.options import RUN_HELP, RunsDir
from mnistcli.config import RUNS_DIR
from mnistcli.errors import UsageError

if TYPE_CHECKING:
    from mnistcli.analysis.draw import Reader
    from mnistcli.data import Drawings
    from mnistcli.render.pad import Answer

EXAMPLES = [
    "mnistcli draw",
    "mnistcli draw --run dense --run cnn",
    "mnistcli draw --save mine/ --quota 50",
    "mnistcli evaluate builtin --dataset mine/ --mnist-like",
]
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")  # one of them is set where a Linux machine can show a browser


def draw(
    face: Face,
    compute: Compute,
    *,
    run: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            metavar="RUN",
            help=f"{RUN_HELP} Give it twice to compare two.",
            show_default="latest, or builtin where nothing was trained",
        ),
    ] = None,
    save: Annotated[
        Path, typer.Option("--save", metavar="DIR", help="The folder in which the drawings that you keep lie.")
    ] = Path("drawings"),
    quota: Annotated[int, typer.Option(metavar="N", help="How many drawings of each class may be kept.")] = 20,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the page's address and do not open it.")
    ] = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Draw digits in the browser and watch what a network makes of them while you draw.

    The page shows each step from your strokes to what the network sees, its answer, and why.

    "Keep as 7" files the drawing in DIR/7: a data set of your own hand. Ctrl-C ends the program.
    """
    if quota < 1:
        raise UsageError(f"--quota must be at least 1, not {quota}.")

    from mnistcli.runs import RunsFolder

    folder = RunsFolder(runs_dir)
    runs = [folder.find(name) for name in run or ["latest" if folder.has_finished() else "builtin"]]
    compute.start(face)

    from mnistcli.analysis.draw import Reader
    from mnistcli.data import Drawings
    from mnistcli.render.draw import drawing_page, pad_view
    from mnistcli.render.pad import PadServer
    from mnistcli.results.drawing import Pad

    reader = Reader(runs)
    names = tuple(dict.fromkeys(each.name for each in runs))
    drawings = Drawings(save, reader.class_names, quota=quota)
    answers = {"read": _read(reader), "keep": _keep(reader, drawings), "counts": lambda *_: _counts(drawings)}
    with PadServer(lambda: drawing_page(names, reader.class_names, folder=save, quota=quota), answers) as server:
        face.note(f"Reading drawings with {' and '.join(names)}; those that you keep go to {save}. Ctrl-C ends this.")
        face.show(pad_view(Pad(server.address, names, save)))
        sys.stdout.flush()
        if not no_browser:
            _open(face, server.address)
        server.serve_forever()


def _read(reader: Reader) -> Answer:
    from mnistcli.render.draw import answer_document

    def read(content: bytes, parameters: dict[str, str]) -> dict[str, Any]:
        _, answers = reader.read(content, saliency="saliency" in parameters)
        return {"answers": [answer_document(answer) for answer in answers]}

    return read


def _keep(reader: Reader, drawings: Drawings) -> Answer:
    def keep(content: bytes, parameters: dict[str, str]) -> dict[str, Any]:
        pixels, _ = reader.read(content, saliency=False)
        path = drawings.keep(pixels, parameters.get("label", ""))
        return {"path": str(path), **_counts(drawings)}

    return keep


def _counts(drawings: Drawings) -> dict[str, Any]:
    return {"counts": drawings.counts()}


def _open(face: Face, address: str) -> None:
    """Open the page, unless that would start a browser in this terminal."""
    import webbrowser

    shown = sys.platform != "linux" or any(os.environ.get(name) for name in SCREENS)
    if not shown or not webbrowser.open(address):
        face.note("No browser was found: open the address yourself.")
