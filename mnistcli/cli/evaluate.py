"""mnistcli evaluate."""

from __future__ import annotations

from dataclasses import dataclass
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
    _check_flags(
        split, plot, html, thumbnails=thumbnails, calibration=plot_calibration, corrupt=corrupt, least=fail_under
    )
    corruptions = None if corrupt is None else find_corruptions(corrupt)
    compute.start(face)

    from mnistcli.runs import RunsFolder
    from mnistcli.runs.groups import Groups

    order = Order(face, data, split, plot, theme, plot_calibration, html)
    groups = Groups(RunsFolder(runs_dir))
    if (group := groups.find(run)) is not None:
        if thumbnails or corrupt is not None:
            flag = "--thumbnails" if thumbnails else "--corrupt"
            raise UsageError(f"{flag} is for one run, and {run!r} is a group: name one of its runs.")
        accuracy = _evaluate_group(order, group, onnx.take(face, groups.members(group)))
    else:
        [found] = onnx.take(face, [groups.runs.find(run)])
        show_command = _show_command(run, found, data, split, runs_dir)
        accuracy = _evaluate_run(order, found, corruptions, thumbnails=thumbnails, show_command=show_command)
    if fail_under is not None and accuracy < fail_under:
        face.complain(f"The accuracy, {accuracy:.4f}, is below --fail-under {fail_under:g}.")
        raise typer.Exit(ExitCode.FAILED)


@dataclass(frozen=True)
class Order:
    """The options that a run and a group have in common."""

    face: Face
    data: Data
    split: str
    plot: Path | None
    theme: str
    plot_calibration: Path | None
    html: Path | None


def _check_flags(
    split: str,
    plot: Path | None,
    html: Path | None,
    *,
    thumbnails: bool,
    calibration: Path | None,
    corrupt: str | None,
    least: float | None,
) -> None:
    """Raise UsageError if a flag is invalid or contradicts another."""
    check_plot(plot)
    check_plot(calibration, flag="--plot-calibration")
    if thumbnails and (plot is None or corrupt is not None):
        raise UsageError("--thumbnails needs --plot FILE and cannot be combined with --corrupt.")
    check_html(html)
    check_split(split)
    if least is not None and not 0 <= least <= 1:
        raise UsageError(f"--fail-under takes a fraction from 0 to 1, not {least:g}.")


def _evaluate_run(
    order: Order, run: Run, corruptions: tuple[str, ...] | None, *, thumbnails: bool, show_command: list[str]
) -> float:
    """Score a run, also on corrupted images unless `corruptions` is None, and return its accuracy or their mean."""
    from mnistcli.commands.evaluate import evaluate as evaluate_run
    from mnistcli.render.corrupt import robustness_view
    from mnistcli.render.evaluate import evaluation_view

    face, split = order.face, order.split
    choice = order.data.choice_for(run.name, run.data())
    face.note(f"Evaluating run {run.name} on the {split} images of {choice.dataset}.")
    face.note_caveats([run])
    face.explain(f"The weights are {run.weights}.")
    dataset, record = order.data.load(face, choice), run.record()
    if record and record.provenance.get("data_fingerprint") != dataset.fingerprint:
        face.note(f"{run.name} was trained on different data: {record.config.data.dataset}.")
    robustness = None
    if corruptions is None:
        evaluation = evaluate_run(run, dataset, split=split)
        accuracy, view = evaluation.accuracy, evaluation_view(evaluation, show_command=show_command)
    else:
        from mnistcli.commands.corrupt import evaluate_corrupted

        robustness = evaluate_corrupted(run, dataset, split=split, names=corruptions)
        evaluation = robustness.clean
        accuracy, view = robustness.mean_accuracy, robustness_view(robustness)
    if order.plot is not None:
        mistaken = run if thumbnails else None
        theme = order.theme
        figure = _draw_heat(robustness, theme) if robustness else _draw_matrix(evaluation, mistaken, dataset, theme)
        face.save_figure(figure, order.plot)
    _save_others(order, evaluation, [run], dataset, robustness)
    face.show(view)
    return accuracy


def _evaluate_group(order: Order, group: Group, runs: list[Run]) -> float:
    """Score a group's runs and their ensemble, and return the mean accuracy of the runs."""
    from mnistcli.commands.evaluate import evaluate_group
    from mnistcli.render.group import group_evaluation_view

    face, split = order.face, order.split
    choice = order.data.choice_for(group.name, group.config.data)
    face.note(f"Evaluating the {len(runs)} runs of {group.name} on the {split} images of {choice.dataset}.")
    dataset = order.data.load(face, choice)
    evaluation = evaluate_group(group.name, runs, dataset, split=split)
    if order.plot is not None:
        face.save_figure(_draw_matrix(evaluation.ensemble, None, dataset, order.theme), order.plot)
    _save_others(order, evaluation.ensemble, runs, dataset)
    face.show(group_evaluation_view(evaluation))
    return evaluation.accuracies.mean


def _save_others(
    order: Order, evaluation: Evaluation, runs: list[Run], dataset: Dataset, robustness: Robustness | None = None
) -> None:
    """Write the figure and the page that other flags than --plot request."""
    if order.plot_calibration is not None:
        from mnistcli.render import evaluate_figures

        order.face.save_figure(evaluate_figures.calibration(evaluation, theme=order.theme), order.plot_calibration)
    if order.html is not None:
        from mnistcli.commands.report import make_report

        order.face.save_page(make_report([(evaluation, runs)], dataset, robustness=robustness), order.html)


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
