"""How a run's answers on corrupted images are shown."""

from collections.abc import Iterable
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from mnistcli.render.tables import NOTHING, interval, make_table, percent, points
from mnistcli.render.view import View, printable
from mnistcli.results.evaluate import Evaluation, Robustness

ORIGIN = "The corruptions have MNIST-C's names but are made by mnistcli: these are not MNIST-C's files."


def robustness_view(robustness: Robustness) -> View:
    """Return accuracies on corrupted images in all formats; rows are the corruptions."""
    return View(
        schema="mnistcli.evaluate-corrupt/1",
        document=lambda: _document(robustness),
        rows=lambda: [
            {"name": each.name, "accuracy": each.evaluation.accuracy, "accuracy_low": low, "accuracy_high": high,
             "loss": each.evaluation.loss, "run": each.evaluation.run}
            for each in robustness.corrupted
            for low, high in [each.evaluation.accuracy_ci95]
        ],
        terminal=lambda _: _terminal(robustness),
    )  # fmt: skip


def more_errors(evaluation: Evaluation, clean: Evaluation) -> float | None:
    """Return the errors divided by those on clean images; None if there are none."""
    return evaluation.errors / clean.errors if clean.errors else None


def robustness_text(robustness: Robustness) -> str:
    """Say how much accuracy corruption costs."""
    clean = robustness.clean
    return (
        f"{clean.run} reads {percent(clean.accuracy)} of {clean.n:,} {clean.split} images right, and "
        f"{percent(robustness.mean_accuracy)} when corrupted (mean of {len(robustness.corrupted)} corruptions)."
    )


def _document(robustness: Robustness) -> dict[str, Any]:
    clean = robustness.clean
    return {
        "run": clean.run,
        "arch": clean.arch,
        "split": clean.split,
        "n": clean.n,
        "accuracy": clean.accuracy,
        "accuracy_ci95": clean.accuracy_ci95,
        "loss": clean.loss,
        "mean_corrupted_accuracy": robustness.mean_accuracy,
        "corruptions": [
            {
                "name": each.name,
                "severity": each.severity,
                "accuracy": each.evaluation.accuracy,
                "accuracy_ci95": each.evaluation.accuracy_ci95,
                "loss": each.evaluation.loss,
                "relative_error": more_errors(each.evaluation, clean),
                "recall": [score.recall for score in each.evaluation.per_class],
            }
            for each in robustness.corrupted
        ],
    }


def _terminal(robustness: Robustness) -> Iterable[RenderableType]:
    clean = robustness.clean
    yield Text(printable(robustness_text(robustness)))
    table = make_table(
        *("corruption", "accuracy", "95 % interval", "points", "errors", "severity"),
        optional=("severity", "95 % interval"),
    )
    for column in table.columns[1:5]:
        column.justify = "right"
    table.add_row("none", percent(clean.accuracy), interval(clean.accuracy_ci95), NOTHING, "× 1", "", style="dim")
    for each in robustness.corrupted:
        found = each.evaluation
        ratio = more_errors(found, clean)
        table.add_row(
            each.name,
            percent(found.accuracy),
            interval(found.accuracy_ci95),
            points(found.accuracy - clean.accuracy, sign="+"),
            NOTHING if ratio is None else f"× {ratio:.1f}",
            each.severity,
        )
    table.add_section()
    change = points(robustness.mean_accuracy - clean.accuracy, sign="+")
    table.add_row("mean", percent(robustness.mean_accuracy), "", change, "", "", style="bold")
    yield table
    yield Text(ORIGIN, style="dim")
