"""mnistcli predict."""

from __future__ import annotations

import os
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from mnistcli.cli.compute import Compute
from mnistcli.cli.face import Face
from mnistcli.cli.onnx_options import Onnx
from mnistcli.cli.options import MODEL_HELP, RunsDir, Theme, check_plot, parse_shard, refuse
from mnistcli.config import INVERT, RUNS_DIR
from mnistcli.errors import ExitCode, ImageError, RunError, UsageError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import BufferedReader

    from mnistcli.results.predict import Prediction
    from mnistcli.runs import Run
    from mnistcli.vision import Source

EXAMPLES = [
    "mnistcli predict digit.png",
    "mnistcli predict photos/*.jpg --run cnn --top 3",
    "cat digit.png | mnistcli predict - --json",
    "find . -name '*.png' -print0 | mnistcli predict --files-from - -0 --format jsonl",
    "mnistcli predict postcode.jpg --split-digits",
    "mnistcli predict digit.png --explain why.png",
    "mnistcli predict digits.npy --format csv",
    "mnistcli predict digits/*.png --run keras.onnx",
    "mnistcli predict --files-from list.txt --shard $SLURM_ARRAY_TASK_ID/8 --format jsonl",
    "mnistcli predict -r scans/ --min-confidence 0.9 --save-preprocessed seen/",
]
STDIN = "-"


def predict(
    face: Face,
    compute: Compute,
    onnx: Onnx,
    *,
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE",
            help="Pictures (PNG, JPEG, BMP, GIF, TIFF, WebP), or .npy, .npz and IDX files with many; '-' reads stdin.",
        ),
    ] = None,
    files_from: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Read paths from FILE, one per line; '-' reads stdin.", show_default=False),
    ] = None,
    null: Annotated[
        bool, typer.Option("--null", "-0", help="Paths in --files-from end in NUL, as find -print0 writes them.")
    ] = False,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Read all files in folders and subfolders, except hidden ones.")
    ] = False,
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN", help=MODEL_HELP, show_default="latest, or builtin if nothing was trained"),
    ] = None,
    top: Annotated[int, typer.Option("--top", "-k", metavar="K", help="How many answers for each picture.")] = 1,
    min_confidence: Annotated[
        float, typer.Option(metavar="SHARE", help="Give no label if the confidence is below SHARE, as in 0.9.")
    ] = 0.0,
    split_digits: Annotated[
        bool, typer.Option("--split-digits", help="Read a line of digits, such as a postcode, one by one.")
    ] = False,
    invert: Annotated[
        str,
        typer.Option(
            metavar="|".join(INVERT),
            help="Whether to invert: yes if the ink is dark on light paper, no if not, auto to detect it.",
        ),
    ] = "auto",
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Read every N-th picture from the I-th on, so that N processes with the same list share the work.",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first picture that cannot be read.")] = False,
    save_preprocessed: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write each picture as the network saw it to DIR, a new folder.", show_default=False
        ),
    ] = None,
    explain: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw why one picture got its answer: .png, .pdf or .svg.",
            show_default=False,
        ),
    ] = None,
    theme: Theme = "light",
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Say which digit each picture shows. Pictures may have any size and colour.

    Each picture is converted to MNIST's format: light ink on black, fitted into 20×20 pixels, centred in 28×28.

    builtin answers "no digit" when a picture shows something else.
    """
    one_digit = len(images or []) == 1 and not split_digits and not recursive and shard is None
    refuse(
        (bool(images) == (files_from is not None),
         "predict takes either pictures or --files-from: see 'mnistcli predict --help'."),
        (null and files_from is None, "--null needs --files-from."),
        (top < 1, f"--top must be at least 1, not {top}."),
        (not 0 <= min_confidence <= 1, f"--min-confidence takes a fraction from 0 to 1, not {min_confidence:g}."),
        (invert not in INVERT, unknown("choice of --invert", invert, INVERT)),
        (split_digits and top > 1, "--split-digits cannot be combined with --top."),
        (explain is not None and not one_digit,
         "--explain takes one picture of one digit and cannot be combined with --files-from, --recursive, "
         "--split-digits or --shard."),
    )  # fmt: skip
    part, parts = parse_shard(shard) or (1, 1)
    check_plot(explain, flag="--explain")
    paths = images or _open_list(files_from or STDIN)
    # One OpenBLAS thread: 10,000 pictures take 1.9 s instead of 2.5 s, because idle OpenBLAS threads busy-wait.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    name, found = _find_runs(run, runs_dir)
    members = onnx.take(face, found)
    on_device = _prepare(face, compute, name, members, explains=explain is not None)

    from mnistcli.commands.predict import predict as predict_pictures
    from mnistcli.commands.predict import save_pictures
    from mnistcli.render.predict import predictions_view

    failures: list[Prediction] = []
    sources: Iterator[Source] = islice(_sources(paths, null=null, recursive=recursive), part - 1, None, parts)
    if explain is not None:
        sources = iter([only := _take_only(sources)])
    answers: Iterable[Prediction] = predict_pictures(
        sources, members, invert=invert, split_digits=split_digits, on_device=on_device, tell=face.note
    )
    if save_preprocessed is not None:
        answers = save_pictures(answers, save_preprocessed)
    if explain is not None:
        answers = explainable = [*answers]
    told = _complaining(face, answers, failures, strict=strict)
    only_path = images[0] if images and len(images) == 1 and not recursive else None
    view = predictions_view(
        told, run=name, top=top, min_confidence=min_confidence, split_digits=split_digits, alone=only_path
    )
    face.show(view)
    if explain is not None and not failures:
        _explain(face, only, explainable[0], members[0], explain, invert=invert, theme=theme)
    if failures:
        face.complain(f"{len(failures)} picture{'s' * (len(failures) > 1)} could not be read.")
        raise typer.Exit(ExitCode.FAILED)


def _check_explainable(name: str, runs: list[Run]) -> None:
    """Raise RunError unless there is one run, with gradients in JAX."""
    run, *others = runs
    if others:
        raise RunError(f"--explain is for one run, and {name!r} is a group: name one of its runs.")
    if run.needs_jax:
        raise RunError(f"The run {run.name!r} is a class in Flax, and --explain needs gradients: name another run.")
    if run.reading is not None:
        raise RunError(f"{str(run.weights)!r} is an ONNX file, and --explain needs gradients: name a mnistcli run.")


def _prepare(face: Face, compute: Compute, name: str, runs: list[Run], *, explains: bool) -> bool:
    """Check the runs, set JAX up if it is needed, note what reads the pictures, and return whether JAX predicts."""
    if explains:
        _check_explainable(name, runs)
    run, *others = runs
    on_device = compute.device != "auto" or run.needs_jax
    if run.reading is not None and on_device:
        raise UsageError(f"{str(run.weights)!r} is an ONNX file, which runs on the CPU: leave out --device.")
    if on_device or explains:
        compute.start(face)
    by_jax = ", by JAX, because it is a class in Flax" if run.needs_jax else ""
    what = f"the {len(runs)} runs of {name}" if others else f"run {name}"
    face.note(f"Reading pictures with {what}{by_jax}.")
    face.note_caveats([] if others else [run])
    face.explain(f"The weights are {run.weights}; computing with {'JAX' if on_device else 'ONNX Runtime'}.")
    return on_device


def _find_runs(name: str | None, runs_dir: Path) -> tuple[str, list[Run]]:
    """Return the name and the runs that answer: a run, or a group with its runs."""
    from mnistcli.runs import RunsFolder
    from mnistcli.runs.groups import Groups

    folder = RunsFolder(runs_dir)
    groups = Groups(folder)
    if name is not None and (group := groups.find(name)) is not None:
        return group.name, groups.members(group)
    run = folder.find(name or folder.default())
    return run.name, [run]


def _open_list(file: str) -> BufferedReader:
    try:
        return cast("BufferedReader", sys.stdin.buffer) if file == STDIN else Path(file).open("rb")
    except (OSError, ValueError) as error:
        raise UsageError(f"--files-from {file!r} cannot be read: {error}.") from error


def _sources(paths: list[str] | BufferedReader, *, null: bool, recursive: bool) -> Iterator[Source]:
    from mnistcli.vision import Source, read_paths, unpack, walk

    names: Iterable[str] = paths if isinstance(paths, list) else read_paths(paths, end=b"\0" if null else b"\n")
    for path in walk(names) if recursive else names:
        yield from unpack(Source(path, sys.stdin.buffer.read() if path == STDIN else None))


def _take_only(sources: Iterator[Source]) -> Source:
    """Return the only source.

    Raises:
        UsageError: There is none, or more than one: a file of arrays can contain any number.
    """
    first = next(sources, None)
    if first is None:
        raise UsageError("--explain takes one picture, and the file contains none.")
    if next(sources, None) is not None:
        raise UsageError(f"--explain takes one picture: {first.name!r} is the first of several.")
    return first


def _explain(face: Face, source: Source, answer: Prediction, run: Run, path: Path, *, invert: str, theme: str) -> None:
    from mnistcli.commands.explain import explain
    from mnistcli.render import figures

    explained = explain(source, answer, run, invert=invert)
    face.save_figure(figures.explanation(explained, theme=theme), path)


def _complaining(
    face: Face, answers: Iterable[Prediction], failures: list[Prediction], *, strict: bool
) -> Iterator[Prediction]:
    """Yield the answers; report each failure and append it to `failures`, or raise if `strict`."""
    for answer in answers:
        if answer.error is not None:
            if strict:
                raise ImageError(f"{answer.path!r} {answer.error}; stopped because of --strict.")
            failures.append(answer)
            face.complain(f"{answer.path!r} {answer.error}.")
        if answer.note is not None:
            face.note(f"{answer.path!r} {answer.note}.")
        yield answer
