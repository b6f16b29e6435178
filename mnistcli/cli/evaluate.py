"""mnistcli evaluate."""

from pathlib import Path
from typing import Annotated

import typer

from mnistcli.cli.compute import Compute
from mnistcli.cli.data_options import Data
from mnistcli.cli.face import Face
from mnistcli.cli.onnx_options import Onnx
from mnistcli.cli.options import Plot, RunArgument, RunsDir, Split, check_plot
from mnistcli.config import CORRUPTIONS, RUNS_DIR, check_split, find_corruptions
from mnistcli.errors import ExitCode, UsageError

EXAMPLES = [
    "mnistcli evaluate",
    "mnistcli evaluate cnn --plot confusion.png",
    "mnistcli evaluate cnn --plot-calibration calibration.png",
    "mnistcli evaluate cnn --corrupt all --plot heat.png",
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
    plot_calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw the reliability diagram, and accuracy against coverage: .png, .pdf or .svg.",
            show_default=False,
        ),
    ] = None,
    corrupt: Annotated[
        str | None,
        typer.Option(
            metavar="all|NAMES",
            help="Score corrupted images too: all corruptions, or some with commas between their names. They are "
            f"MNIST-C's by name, but made here, not its files: {', '.join(CORRUPTIONS)}. --plot draws a heat map.",
            show_default=False,
        ),
    ] = None,
    fail_under: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Exit 1 where the accuracy is below it, as in 0.98; with --corrupt, the mean over the corruptions.",
            show_default=False,
        ),
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Score a run: accuracy with its interval, loss, calibration, precision, recall and F1, confusion matrix, cost.

    -v adds the tables of reliability and coverage.
    """
    check_plot(plot)
    check_plot(plot_calibration, flag="--plot-calibration")
    check_split(split)
    corruptions = None if corrupt is None else find_corruptions(corrupt)
    if fail_under is not None and not 0 <= fail_under <= 1:
        raise UsageError(f"--fail-under takes a fraction from 0 to 1, not {fail_under:g}.")
    compute.start(face)

    from mnistcli.analysis.evaluate import evaluate as evaluate_run
    from mnistcli.render.evaluation import evaluation_view
    from mnistcli.render.robustness import robustness_view
    from mnistcli.runs import RunsFolder

    [found] = onnx.take(face, [RunsFolder(runs_dir).find(run)])
    choice = data.choice_for(found.name, found.data())
    face.note(f"Evaluating run {found.name} on the {split} images of {choice.dataset}.")
    face.explain(f"The weights are {found.weights}.")
    dataset, record = data.load(face, choice), found.record()
    if record and record.provenance.get("data_fingerprint") != dataset.fingerprint:
        face.note(f"{found.name} was trained on other data: {record.config.dataset}.")
    robustness = None
    if corruptions is None:
        evaluation = evaluate_run(found, dataset, split=split)
        accuracy, view = evaluation.accuracy, evaluation_view(evaluation)
    else:
        from mnistcli.analysis.corrupt import evaluate_corrupted

        robustness = evaluate_corrupted(found, dataset, split=split, names=corruptions)
        evaluation = robustness.clean
        accuracy, view = robustness.mean_accuracy, robustness_view(robustness)
    if plot is not None:
        from mnistcli.render import evaluation_figures, figures

        figure = figures.confusion(evaluation) if robustness is None else evaluation_figures.robustness(robustness)
        face.save_figure(figure, plot)
    if plot_calibration is not None:
        from mnistcli.render import evaluation_figures

        face.save_figure(evaluation_figures.calibration(evaluation), plot_calibration)
    face.show(view)
    if fail_under is not None and accuracy < fail_under:
        face.complain(f"The accuracy, {accuracy:.4f}, is under --fail-under {fail_under:g}.")
        raise typer.Exit(ExitCode.FAILED)
