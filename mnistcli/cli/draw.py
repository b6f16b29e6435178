"""mnistcli draw."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistcli.cli.compute import Compute
from mnistcli.cli.face import Face
from mnistcli.cli.options import RUN_HELP, RunsDir
from mnistcli.config import RUNS_DIR
from mnistcli.errors import RunError, UsageError

if TYPE_CHECKING:
    from mnistcli.commands.draw import Reader
    from mnistcli.datasets import Drawings
    from mnistcli.render.pad import Answer
    from mnistcli.runs import Run

EXAMPLES = [
    "mnistcli draw",
    "mnistcli draw --run dense --run cnn",
    "mnistcli draw --save mine/ --quota 50",
    "mnistcli evaluate builtin --dataset mine/ --mnist-like",
]
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")  # Linux sets one of these if a browser can open


def draw(
    face: Face,
    compute: Compute,
    *,
    run: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            metavar="RUN",
            help=f"{RUN_HELP} Repeat it to compare runs.",
            show_default="latest, or builtin if nothing was trained",
        ),
    ] = None,
    save: Annotated[Path, typer.Option("--save", metavar="DIR", help="The folder for saved drawings.")] = Path(
        "drawings"
    ),
    quota: Annotated[int, typer.Option(metavar="N", help="Save at most N drawings of each class.")] = 20,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the page's address, but do not open it.")
    ] = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Draw digits in the browser, and watch how a network reads them while you draw.

    The page shows each step from your strokes to the network's input, its answer, and why it gave that answer.

    The button 7 saves the drawing in DIR/7, so that DIR becomes a data set of your handwriting.
    """
    if quota < 1:
        raise UsageError(f"--quota must be at least 1, not {quota}.")

    from mnistcli.runs import RunsFolder

    folder = RunsFolder(runs_dir)
    runs = [folder.find(name) for name in run or [folder.default()]]
    for each in runs:
        _check_drawable(each)
    compute.start(face)

    from mnistcli.commands.draw import Reader
    from mnistcli.datasets import Drawings
    from mnistcli.render.draw import drawing_page, pad_view
    from mnistcli.render.pad import PadServer
    from mnistcli.results.draw import Pad

    names, reader = tuple(each.name for each in runs), Reader(runs)
    drawings = Drawings(save, reader.class_names, quota=quota)
    answers = {"read": _read(reader), "keep": _keep(drawings)}
    with PadServer(lambda: drawing_page(names, drawings.counts(), quota=quota), answers) as server:
        face.note(f"Reading drawings with {' and '.join(names)}. Drawings are saved in {save}. Press Ctrl-C to stop.")
        face.show(pad_view(Pad(server.address, names, save)))
        sys.stdout.flush()
        if not no_browser:
            Thread(target=_open, args=(face, server.address), daemon=True).start()  # opening some browsers takes long
        server.serve_forever()


def _check_drawable(run: Run) -> None:
    """Raise RunError if a run has no layers to show."""
    if run.reading is not None or run.needs_jax:
        kind = "a class in Flax" if run.needs_jax else "an ONNX file"
        raise RunError(
            f"draw shows a network's layers, but {run.name!r} is {kind}: name a run of a network described in one line."
        )


def _read(reader: Reader) -> Answer:
    from mnistcli.commands.draw import decode
    from mnistcli.render.draw import answer_document

    def read(content: bytes, parameters: dict[str, str]) -> dict[str, Any]:
        answers = reader.read(decode(content), saliency="saliency" in parameters)
        return {"answers": [answer_document(answer) for answer in answers]}

    return read


def _keep(drawings: Drawings) -> Answer:
    from mnistcli.commands.draw import decode

    def keep(content: bytes, parameters: dict[str, str]) -> dict[str, Any]:
        path = drawings.keep(decode(content), parameters.get("label", ""))
        return {"path": str(path), "counts": drawings.counts()}

    return keep


def _open(face: Face, address: str) -> None:
    """Open the page, unless that would start a text browser in this terminal."""
    import webbrowser

    shown = sys.platform != "linux" or any(os.environ.get(name) for name in SCREENS)
    if not shown or not webbrowser.open(address):
        face.note("No browser could be opened. Open the address yourself.")
