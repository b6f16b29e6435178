"""mnistcli evaluate."""

from typing import Annotated

import typer

from mnistcli.cli.compute import Compute
from mnistcli.cli.data_options import Data
from mnistcli.cli.face import Face
from mnistcli.cli.onnx_options import Onnx
from mnistcli.cli.options import Plot, RunArgument, RunsDir, Split, check_plot
from mnistcli.config import RUNS_DIR, check_split
from mnistcli.errors import ExitCode, UsageError

EXAMPLES = [
    "mnistcli evaluate",
    "mnistcli evaluate cnn --plot confusion.png",
    "mnistcli evaluate dense-002 --split validation --fail-under 0.98",
    "mnistcli evaluate pytorch.onnx --onnx-mean 0.1307 --onnx-std 0.3081",
]


def evaluate(
    face: Face,
    data: Data,
    compute: Compute,
    onnx: Onnx,
    *,
    run: RunArgument = "latest",
    split: Split = "test",
    plot: Plot = None,
    fail_under: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Exit 1 where the accuracy is below it, as in 0.98.", show_default=False),
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Score a run: accuracy with its interval, loss, precision, recall and F1, confusion matrix."""
    check_plot(plot)
    check_split(split)
    if fail_under is not None and not 0 <= fail_under <= 1:
        raise UsageError(f"--fail-under takes a fraction from 0 to 1, not {fail_under:g}.")
    compute.start(face)

    from mnistcli.analysis.evaluate import evaluate as evaluate_run
    from mnistcli.render.evaluation import evaluation_view
    from mnistcli.runs import RunsFolder

    [found] = onnx.take(face, [RunsFolder(runs_dir).find(run)])
    choice = data.choice_for(found.name, found.data())
    face.note(f"Evaluating run {found.name} on the {split} images of {choice.dataset}.")
    face.explain(f"The weights are {found.weights}.")
    dataset, record = data.load(face, choice), found.record()
    if record and record.provenance.get("data_fingerprint") != dataset.fingerprint:
        face.note(f"{found.name} was trained on other data: {record.config.dataset}.")
    evaluation = evaluate_run(found, dataset, split=split)
    if plot is not None:
        from mnistcli.render import figures

        face.save_figure(figures.confusion(evaluation), plot)
    face.show(evaluation_view(evaluation))
    if fail_under is not None and evaluation.accuracy < fail_under:
        face.complain(f"The accuracy, {evaluation.accuracy:.4f}, is under --fail-under {fail_under:g}.")
        raise typer.Exit(ExitCode.FAILED)
