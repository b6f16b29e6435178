"""mnistcli predict."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistcli.cli.face import Face
from mnistcli.cli.options import RUN_HELP, RUNS_DIR, NoCache, RunsDir
from mnistcli.config import DEVICES
from mnistcli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mnistcli.images import Source
    from mnistcli.results import Prediction
    from mnistcli.runs import Run

EXAMPLES = [
    "mnistcli predict digit.png",
    "mnistcli predict photos/*.jpg --run cnn --top 3",
    "cat digit.png | mnistcli predict - --json",
    "find . -name '*.png' | mnistcli predict --files-from - --format jsonl",
]
STDIN = "-"


def predict(
    face: Face,
    *,
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[IMAGE]...", help="Pictures: PNG, JPEG, BMP, GIF, TIFF, WebP; '-' reads one from stdin."
        ),
    ] = None,
    files_from: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Read paths, a line each, from FILE, or from stdin for '-'.", show_default=False
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            "--run", metavar="RUN", help=RUN_HELP, show_default="latest, or builtin where nothing was trained"
        ),
    ] = None,
    top: Annotated[int, typer.Option("--top", "-k", metavar="K", help="How many answers for each picture.")] = 1,
    device: Annotated[
        str, typer.Option(metavar="|".join(DEVICES), help="Where JAX computes; auto: NumPy, which starts sooner.")
    ] = "auto",
    no_cache: NoCache = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Say which digit each picture shows, of any size and colour.

    A picture is made what MNIST holds: light ink on black, fitted into 20×20 pixels, centred in 28×28.
    """
    if bool(images) == (files_from is not None):
        raise UsageError("predict takes pictures or --files-from, one of the two: see 'mnistcli predict --help'.")
    if not 1 <= top <= 10:
        raise UsageError(f"--top takes a number from 1 to 10, not {top}.")
    paths = images or _read_paths(files_from or STDIN)

    # 10,000 pictures take 1.9 s so, 2.5 s with OpenBLAS's threads, which wait in a busy loop beside those that read.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    from mnistcli.analysis.predict import predict as predict_pictures
    from mnistcli.render.prediction import predictions_view

    found = _find_run(run, runs_dir)
    face.note(f"Reading pictures with run {found.name}.")
    face.explain(f"The weights are {found.weights}; computing with {'NumPy' if device == 'auto' else 'JAX'}.")
    failures: list[Prediction] = []
    answers = predict_pictures(_sources(paths), found, device=device, cache=not no_cache)
    face.show(predictions_view(_complaining(face, answers, failures), run=found.name, top=top))
    if failures:
        face.complain(f"{len(failures)} of the pictures could not be read.")
        raise typer.Exit(ExitCode.FAILED)


def _find_run(run: str | None, runs_dir: Path) -> Run:
    from mnistcli.runs import RunsFolder

    folder = RunsFolder(runs_dir)
    return folder.find(run or ("latest" if folder.has_finished() else "builtin"))


def _read_paths(file: str) -> Iterator[str]:
    """Return the paths that a file names, a line each, read as they are needed."""
    try:
        lines = sys.stdin.buffer if file == STDIN else Path(file).open("rb")  # noqa: SIM115  (read while the generator lives)
    except (OSError, ValueError) as error:
        raise UsageError(f"--files-from {file!r} cannot be read: {error}.") from error
    return (os.fsdecode(path) for line in lines if (path := line.removesuffix(b"\n").removesuffix(b"\r")))


def _sources(paths: Iterable[str]) -> Iterator[Source]:
    from mnistcli.images import Source

    for path in paths:
        yield Source(path, sys.stdin.buffer.read()) if path == STDIN else Source(path)


def _complaining(face: Face, answers: Iterable[Prediction], failures: list[Prediction]) -> Iterator[Prediction]:
    """Pass answers on; tell each failure on stderr and keep it."""
    for answer in answers:
        if answer.error is not None:
            failures.append(answer)
            face.complain(f"{answer.path!r} {answer.error}.")
        yield answer
