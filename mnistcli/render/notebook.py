"""Results in a notebook: a small HTML table, accuracy first, and a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from mnistcli.datasets import Dataset
from mnistcli.render.compare import run_facts, verdict
from mnistcli.render.evaluate import confusion_texts, suggestion_text
from mnistcli.render.html import make_environment
from mnistcli.render.pixels import MOST_PIXELS, png_address
from mnistcli.render.tables import NOTHING, interval, percent, seconds, shape, short_arch
from mnistcli.render.view import counted
from mnistcli.results.compare import Comparison
from mnistcli.results.evaluate import Evaluation
from mnistcli.results.predict import Prediction, Predictions
from mnistcli.results.train import TrainResult
from mnistcli.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_PREDICTIONS, MOST_CLASSES = 20, 50
SAMPLE_COLUMNS = 3  # and the number of rows


@dataclass(frozen=True)
class Table:
    """A small table; strings are text, which the template escapes."""

    caption: str
    rows: Sequence[Sequence[str]]
    heads: Sequence[str] = ()
    notes: Sequence[str] = ()


def table(result: Any) -> str:
    """Return the result as an HTML table."""
    return make_environment().get_template("notebook.html").render(table=_table(result))


@singledispatch
def _table(result: Any) -> Table:
    raise TypeError(f"A notebook has no table for {type(result).__name__}.")


@_table.register
def _(result: TrainResult) -> Table:
    early = ", stopped early" if result.stopped_early else ""
    facts = {
        "test accuracy": _accuracy(result.evaluation),
        "test loss": f"{result.evaluation.loss:.4f} nats",
        "validation": f"{percent(result.validation_accuracy)} in epoch {result.best_epoch} (its weights are kept)",
        "epochs": f"{len(result.history)}{early}",
        "time": f"{seconds(result.train_seconds)} training, {seconds(result.compile_seconds)} compiling",
        "network": f"{short_arch(result.arch)}, {result.parameters:,} parameters",
        "data": f"{result.dataset}, seed {result.seed}",
        "folder": str(result.folder),
    }
    return Table(result.run, [*facts.items()])


@_table.register
def _(evaluation: Evaluation) -> Table:
    calibration = evaluation.calibration
    facts = {
        "accuracy": _accuracy(evaluation),
        "errors": f"{evaluation.errors:,}",
        "loss": f"{evaluation.loss:.4f} nats, {calibration.loss:.4f} after temperature scaling",
        "calibration error": percent(calibration.error),
        "worst confusions": " · ".join(confusion_texts(evaluation)),
    }
    said = suggestion_text(evaluation)
    caption = f"{evaluation.run} ({short_arch(evaluation.arch)})"
    return Table(caption, [*facts.items()], notes=[said] if said else [])


@_table.register
def _(comparison: Comparison) -> Table:
    evaluations = [run.evaluation for run in comparison.runs]
    return Table(
        f"{evaluations[0].n:,} {evaluations[0].split} images",
        [(name, *values) for name, values in run_facts(comparison).items()],
        heads=["", *(each.run for each in evaluations)],
        notes=[verdict(pair) for pair in comparison.pairs],
    )


@_table.register
def _(prediction: Prediction) -> Table:
    return Table("", [_answer(prediction)], heads=("picture", "seen as", "answer", "confidence"))


@_table.register
def _(predictions: Predictions) -> Table:
    left_out = len(predictions) - MOST_PREDICTIONS
    return Table(
        counted(len(predictions), "picture"),
        [_answer(each) for each in predictions[:MOST_PREDICTIONS]],
        heads=("picture", "seen as", "answer", "confidence"),
        notes=[f"{left_out:,} more are not shown."] if left_out > 0 else (),
    )


@_table.register
def _(run: Run) -> Table:
    record = run.record()
    if record is None:
        return Table(run.name, [("weights", str(run.weights))])
    line = record.summary()
    facts = {
        "test accuracy": percent(line.test_accuracy),
        "status": line.status,
        "network": short_arch(line.arch),
        "data": f"{line.dataset}, seed {record.config.seed}",
        "epochs": str(NOTHING if line.epochs is None else line.epochs),
        "time": f"{seconds(line.train_seconds)} training",
        "begun": line.created,
        "folder": str(run.folder),
    }
    return Table(run.name, [*facts.items()])


@_table.register
def _(dataset: Dataset) -> Table:
    summary = dataset.summary()
    splits, names = summary.splits, summary.class_names
    classes = [(name, *(f"{split.per_class[i]:,}" for split in splits)) for i, name in enumerate(names[:MOST_CLASSES])]
    left_out = len(names) - len(classes)
    return Table(
        f"{summary.name}: images {shape(summary.image_shape)}, {len(names):,} classes",
        [("all", *(f"{split.images:,}" for split in splits)), *classes],
        heads=["class", *(split.name for split in splits)],
        notes=[f"{left_out:,} more classes are not shown."] if left_out else [],
    )


def figure(result: Any) -> Figure:
    """Draw the result."""
    from mnistcli.render import compare_figures, figures

    match result:
        case TrainResult():
            return figures.curves(result.run, [result.history])
        case Run():
            return figures.curves(result.name, [result.history()])
        case Evaluation():
            return figures.confusion(result)
        case Comparison():
            return compare_figures.comparison(result)
        case Dataset():
            n = min(SAMPLE_COLUMNS**2, len(result.train))
            return figures.grid(result.samples("train", range(n)), columns=SAMPLE_COLUMNS)
    raise TypeError(f"There is no figure of {type(result).__name__}.")


def _accuracy(evaluation: Evaluation) -> str:
    scored = f"of {evaluation.n:,} {evaluation.split} images"
    return f"{percent(evaluation.accuracy)} {scored} (95 % interval {interval(evaluation.accuracy_ci95)})"


def _answer(prediction: Prediction) -> tuple[str, ...]:
    if prediction.error is not None:
        return prediction.path, "", prediction.error, ""
    seen = Markup("").join(
        Markup('<img alt="" width="28" src="{}">').format(png_address(picture, most=MOST_PIXELS))
        for picture in prediction.pictures
    )
    return prediction.path, seen, prediction.label, percent(prediction.confidence)
