"""mnistcli runs."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mnistcli.cli.compute import Compute
from mnistcli.cli.data_options import Data
from mnistcli.cli.face import Face
from mnistcli.cli.options import RUN_HELP, RunsDir, Theme, check_writable
from mnistcli.cli.training import draw_figures, train_visibly
from mnistcli.config import RUNS_DIR
from mnistcli.errors import ExitCode, UsageError
from mnistcli.models import arch_key

LIST_EXAMPLES = ["mnistcli runs list", "mnistcli runs list --format csv > runs.csv"]
SHOW_EXAMPLES = ["mnistcli runs show cnn", "mnistcli runs show dense-001 --json"]
DIFF_EXAMPLES = ["mnistcli runs diff dense-001 dense-002", "mnistcli runs diff dense cnn --json"]
REPRODUCE_EXAMPLES = ["mnistcli runs reproduce dense-001", "mnistcli runs reproduce net-001 --arch net.py:Net"]
EXPORT_EXAMPLES = ["mnistcli runs export cnn --csv epochs.csv", "mnistcli runs export cnn --tensorboard events"]

RunName = Annotated[str, typer.Argument(metavar="RUN", help=RUN_HELP)]


def list_runs(face: Face, *, runs_dir: RunsDir = RUNS_DIR) -> None:
    """List the runs: name, architecture, status, test accuracy, epochs, training time, date.

    A terminal shows a group as one line with the mean and standard deviation of its accuracies; -v lists its runs.
    """
    from mnistcli.render.runs import runs_view
    from mnistcli.runs import RunsFolder
    from mnistcli.runs.groups import Groups

    face.show(runs_view(Groups(RunsFolder(runs_dir)).summaries(), folder=str(runs_dir)))


def show_run(
    face: Face,
    *,
    run: RunName = "latest",
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Show one run: configuration, results, provenance, epochs."""
    from mnistcli.render.runs import run_view
    from mnistcli.runs import RunsFolder

    folder, record = RunsFolder(runs_dir).find_record(run)
    face.show(run_view(record.as_dict(), folder.history()))


def diff_runs(
    face: Face,
    *,
    a: RunName,
    b: Annotated[str, typer.Argument(metavar="RUN", help="The run to compare it with.")],
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Show what differs between two runs: configuration, provenance, results."""
    from mnistcli.commands.diff import diff
    from mnistcli.render.diff import diff_view, difference_sentence
    from mnistcli.runs import RunsFolder

    folder = RunsFolder(runs_dir)
    found = diff(folder.find_record(a), folder.find_record(b))
    face.show(diff_view(found))
    if face.format != "table":
        face.note(difference_sentence(found))


def reproduce_run(
    face: Face,
    data: Data,
    compute: Compute,
    *,
    run: RunName,
    arch: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.py:CLASS",
            help="The network's file, if the run's network is a class in Flax.",
            show_default=False,
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(metavar="X", help="The largest difference in weights and metrics that counts as equal."),
    ] = 1e-4,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The new run's name.", show_default="ARCH-001, ARCH-002, …")
    ] = None,
    theme: Theme = "light",
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Train a run again, as a new run, and compare the weights and every epoch's losses and accuracies.

    The verdict is identical, equal (within the tolerance) or different (from some epoch on). If it is different, the
    exit code is 1.
    """
    if not 0 <= tolerance < float("inf"):
        raise UsageError(f"--tolerance must be a finite number of at least 0, not {tolerance:g}.")
    from mnistcli.runs import RunsFolder

    folder = RunsFolder(runs_dir)
    found = folder.find(run)
    record = found.record()
    if arch is not None and record is not None and arch_key(arch) != record.config.arch:
        raise UsageError(f"--arch {arch} contradicts the run {found.name!r}, which is {record.config.arch}.")
    device = compute.start(face, like=record.device if record else None)

    from mnistcli.models.flax_file import load_source

    load_source(arch)

    from mnistcli.commands.reproduce import compare_again, train_again
    from mnistcli.render.diff import reproduction_view, verdict_sentence
    from mnistcli.results.diff import Repeated

    choice = data.choice_for(found.name, found.data())
    face.note(f"Training {found.name} again.")
    work = partial(train_again, found, choice, runs=folder, name=name)
    result = train_visibly(face, work, data, device=device)
    drawn = draw_figures(face, result, theme)
    reproduction = compare_again(found, folder.find(result.run), tolerance=tolerance)
    face.show(reproduction_view(reproduction))
    if face.format != "table":
        face.note(verdict_sentence(reproduction))
    if not drawn or reproduction.verdict == Repeated.DIFFERENT:
        raise typer.Exit(ExitCode.FAILED)


def export_run(
    face: Face,
    *,
    run: RunName,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write one line per epoch: .csv.", show_default=False)
    ] = None,
    tensorboard: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write TensorBoard event files to a folder with the run's name in DIR.",
            show_default=False,
        ),
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Write a run's epochs to a file for other programs."""
    if csv is None and tensorboard is None:
        raise UsageError("runs export needs --csv FILE or --tensorboard DIR.")
    if csv is not None:
        check_writable(csv, (".csv",), name="--csv")

    from mnistcli.commands.tensorboard import check_events, write_events
    from mnistcli.files import write_output
    from mnistcli.render.runs import epochs_csv, export_view
    from mnistcli.runs import RunsFolder

    found, record = RunsFolder(runs_dir).find_record(run)
    history = found.history()
    if tensorboard is not None:
        check_events(found.name, tensorboard)
    if csv is not None:
        write_output(csv, epochs_csv(history).encode())
    events = tensorboard and write_events(found.name, history, tensorboard, created=record.created)
    face.show(export_view(found.name, len(history), csv=csv, tensorboard=events))


HELP = "List, show, compare, reproduce and export runs."
EXAMPLES = [LIST_EXAMPLES[0], SHOW_EXAMPLES[0], DIFF_EXAMPLES[0]]
COMMANDS = {
    "list": (list_runs, LIST_EXAMPLES),
    "show": (show_run, SHOW_EXAMPLES),
    "diff": (diff_runs, DIFF_EXAMPLES),
    "reproduce": (reproduce_run, REPRODUCE_EXAMPLES),
    "export": (export_run, EXPORT_EXAMPLES),
}
