"""mnistcli evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistcli.cli.compute import Compute
from mnistcli.cli.data_options import Data
from mnistcli.cli.face import Face
from mnistcli.cli.onnx_options import Onnx
from mnistcli.cli.options import Html, Plot, RunArgument, RunsDir, Split, Theme, check_html, check_plot
from mnistcli.config import CORRUPTIONS, RUNS_DIR, check_split, find_corruptions, place_flags
from mnistcli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mnistcli.datasets import Dataset
    from mnistcli.results.evaluate import Evaluation, Robustness
    from mnistcli.runs import Run
    from mnistcli.runs.groups import Group

EXAMPLES = [
    "mnistcli evaluate",
    "mnistcli evaluate cnn --plot confusion.png --thumbnails",
    "mnistcli evaluate cnn --plot-calibration calibration.png",
    "mnistcli evaluate cnn --corrupt all --plot heat.png",
    "mnistcli evaluate dense-002 --split validation --fail-under 0.98",
    "mnistcli evaluate cnn-group-001 --html report.html",
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
    theme: Theme = "light",
    html: Html = None,
    thumbnails: Annotated[
        bool, typer.Option("--thumbnails", help="In the figure of --plot, show images in each cell of the matrix.")
    ] = False,
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
            help="Also score corrupted images: all corruptions, or names separated by commas. They have MNIST-C's "
            f"names but are made by mnistcli: {', '.join(CORRUPTIONS)}. --plot draws a heat map.",
            show_default=False,
        ),
    ] = None,
    fail_under: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Exit with 1 if the accuracy is below SHARE, as in 0.98; with --corrupt, the mean over corruptions; "
            "for a group, over its runs.",
            show_default=False,
        ),
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Score a run: accuracy with its interval, loss, calibration, precision, recall and F1, confusion matrix, cost.

    For a group, it shows each run's accuracy, and the rest for their ensemble: the mean of their probabilities.

    A terminal shows what fits on one screen; -v adds calibration, cost, the scores of each class, reliability and
    coverage.
    """
    check_plot(plot)
    check_plot(plot_calibration, flag="--plot-calibration")
    if thumbnails and (plot is None or corrupt is not None):
        raise UsageError("--thumbnails needs --plot FILE and cannot be combined with --corrupt.")
    check_html(html)
    check_split(split)
    corruptions = None if corrupt is None else find_corruptions(corrupt)
    if fail_under is not None and not 0 <= fail_under <= 1:
        raise UsageError(f"--fail-under takes a fraction from 0 to 1, not {fail_under:g}.")
    compute.start(face)

    from mnistcli.commands.evaluate import evaluate as evaluate_run
    from mnistcli.render.corrupt import robustness_view
    from mnistcli.render.evaluate import evaluation_view
    from mnistcli.runs import RunsFolder
    from mnistcli.runs.groups import Groups

    groups = Groups(RunsFolder(runs_dir))
    if (group := groups.find(run)) is not None:
        if thumbnails or corrupt is not None:
            flag = "--thumbnails" if thumbnails else "--corrupt"
            raise UsageError(f"{flag} is for one run, and {run!r} is a group: name one of its runs.")
        runs = onnx.take(face, groups.members(group))
        accuracy = _evaluate_group(
            face, data, group, runs, split=split, plot=plot, theme=theme, plot_calibration=plot_calibration, html=html
        )
        _check_accuracy(face, accuracy, fail_under)
        return
    [found] = onnx.take(face, [RunsFolder(runs_dir).find(run)])
    choice = data.choice_for(found.name, found.data())
    face.note(f"Evaluating run {found.name} on the {split} images of {choice.dataset}.")
    face.note_caveats([found])
    face.explain(f"The weights are {found.weights}.")
    dataset, record = data.load(face, choice), found.record()
    if record and record.provenance.get("data_fingerprint") != dataset.fingerprint:
        face.note(f"{found.name} was trained on different data: {record.config.data.dataset}.")
    robustness = None
    if corruptions is None:
        evaluation = evaluate_run(found, dataset, split=split)
        accuracy = evaluation.accuracy
        view = evaluation_view(evaluation, show_command=_show_command(run, found, data, split, runs_dir))
    else:
        from mnistcli.commands.corrupt import evaluate_corrupted

        robustness = evaluate_corrupted(found, dataset, split=split, names=corruptions)
        evaluation = robustness.clean
        accuracy, view = robustness.mean_accuracy, robustness_view(robustness)
    if plot is not None:
        mistakes = found if thumbnails else None
        figure = _draw_heat(robustness, theme) if robustness else _draw_matrix(evaluation, mistakes, dataset, theme)
        face.save_figure(figure, plot)
    scored = (evaluation, [found], dataset, robustness)
    _save_others(face, *scored, theme=theme, plot_calibration=plot_calibration, html=html)
    face.show(view)
    _check_accuracy(face, accuracy, fail_under)


def _evaluate_group(
    face: Face,
    data: Data,
    group: Group,
    runs: list[Run],
    *,
    split: str,
    plot: Path | None,
    theme: str,
    plot_calibration: Path | None,
    html: Path | None,
) -> float:
    """Score a group's runs and their ensemble, and return the mean accuracy of the runs."""
    from mnistcli.commands.evaluate import evaluate_group
    from mnistcli.render.group import group_evaluation_view

    choice = data.choice_for(group.name, group.config.data)
    face.note(f"Evaluating the {len(runs)} runs of {group.name} on the {split} images of {choice.dataset}.")
    dataset = data.load(face, choice)
    evaluation = evaluate_group(group.name, runs, dataset, split=split)
    if plot is not None:
        face.save_figure(_draw_matrix(evaluation.ensemble, None, dataset, theme), plot)
    _save_others(face, evaluation.ensemble, runs, dataset, theme=theme, plot_calibration=plot_calibration, html=html)
    face.show(group_evaluation_view(evaluation))
    return evaluation.accuracies.mean


def _check_accuracy(face: Face, accuracy: float, fail_under: float | None) -> None:
    if fail_under is not None and accuracy < fail_under:
        face.complain(f"The accuracy, {accuracy:.4f}, is below --fail-under {fail_under:g}.")
        raise typer.Exit(ExitCode.FAILED)


def _save_others(
    face: Face,
    evaluation: Evaluation,
    runs: list[Run],
    dataset: Dataset,
    robustness: Robustness | None = None,
    *,
    theme: str,
    plot_calibration: Path | None,
    html: Path | None,
) -> None:
    """Write the figure and the page that other flags than --plot request."""
    if plot_calibration is not None:
        from mnistcli.render import evaluate_figures

        face.save_figure(evaluate_figures.calibration(evaluation, theme=theme), plot_calibration)
    if html is not None:
        from mnistcli.commands.report import make_report

        face.save_page(make_report([(evaluation, runs)], dataset, robustness=robustness), html)


def _draw_heat(robustness: Robustness, theme: str) -> Figure:
    from mnistcli.render import evaluate_figures

    return evaluate_figures.robustness(robustness, theme=theme)


def _draw_matrix(evaluation: Evaluation, run: Run | None, dataset: Dataset, theme: str) -> Figure:
    """Draw the confusion matrix; if a run is given, with the images that it misreads."""
    if run is None:
        from mnistcli.render import figures

        return figures.confusion(evaluation, theme=theme)

    from mnistcli.commands.flips import read_by
    from mnistcli.render.image_figures import confusion_thumbnails

    mistakes = read_by({"wrong": run}, dataset, split=evaluation.split)
    return confusion_thumbnails(evaluation, mistakes, theme=theme)


def _show_command(text: str, run: Run, data: Data, split: str, runs_dir: Path) -> list[str]:
    """Return the command that shows the images that the run misreads; empty for an ONNX file.

    `text` is the user's name for the run.
    """
    if run.reading is not None:
        return []
    name = run.name if run.is_builtin or (run.folder and run.folder.parent == runs_dir) else text
    flags = [*place_flags(runs_dir), *data.arguments()]
    return ["mnistcli", "data", "show", "--split", split, "--wrong", name, *flags]
