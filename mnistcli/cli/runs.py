"""mnistcli runs."""

from typing import Annotated

import typer

from mnistcli.cli.face import Face
from mnistcli.cli.options import RUN_HELP, RunsDir
from mnistcli.config import RUNS_DIR

LIST_EXAMPLES = ["mnistcli runs list", "mnistcli runs list --format csv > runs.csv"]
SHOW_EXAMPLES = ["mnistcli runs show cnn", "mnistcli runs show dense-001 --json"]


def list_runs(face: Face, *, runs_dir: RunsDir = RUNS_DIR) -> None:
    """List the runs: name, architecture, status, test accuracy, epochs, time, when.

    A terminal shows a group as one line: the mean of its runs' accuracies with their standard deviation; -v lists them.
    """
    from mnistcli.render.runs import runs_view
    from mnistcli.runs import RunsFolder
    from mnistcli.runs.groups import Groups

    face.show(runs_view(Groups(RunsFolder(runs_dir)).summaries(), folder=str(runs_dir)))


def show_run(
    face: Face,
    *,
    run: Annotated[str, typer.Argument(metavar="[RUN]", help=RUN_HELP)] = "latest",
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Show one run: configuration, results, provenance, epochs."""
    from mnistcli.render.runs import run_view
    from mnistcli.runs import RunsFolder

    folder, record = RunsFolder(runs_dir).find_record(run)
    face.show(run_view(record.as_dict(), folder.history()))
