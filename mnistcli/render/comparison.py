"""How a comparison is shown."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from mnistcli.render.evaluation import evaluation_document, evaluation_row, worst_confusions
from mnistcli.render.matrix import confusion_table, difference_table
from mnistcli.render.tables import interval, make_table, percent, seconds
from mnistcli.render.view import View, printable
from mnistcli.results import Comparison, PairedTest

SIGNIFICANT = 0.05


def comparison_view(comparison: Comparison) -> View:
    """Return the comparison in all formats."""
    return View(
        schema="mnistcli.compare/1",
        document=lambda: _document(comparison),
        rows=lambda: (
            evaluation_row(run.evaluation) | {"parameters": run.parameters, "train_seconds": run.train_seconds}
            for run in comparison.runs
        ),
        records=lambda: [_document(comparison)],
        terminal=lambda _: _terminal(comparison),
    )


def verdict(pair: PairedTest) -> str:
    """Say in plain words which of two runs is better and whether the difference could be chance."""
    difference = pair.only_a_right - pair.only_b_right
    disagreements = pair.only_a_right + pair.only_b_right
    if not difference:
        return f"{pair.a} and {pair.b} read equally many images right: neither is better here."
    better, worse = (pair.a, pair.b) if difference > 0 else (pair.b, pair.a)
    lead = f"{better} reads {abs(difference)} more images right than {worse} (they disagree on {disagreements})"
    p = "below 0.0001" if pair.p_value < 0.0001 else f"{pair.p_value:.4f}"
    if pair.p_value < SIGNIFICANT:
        return f"{lead}: chance alone would hardly do that (McNemar's exact p is {p}), so {better} is better."
    return f"{lead}: that could well be chance (McNemar's exact p is {p}), so neither is shown to be better."


def _document(comparison: Comparison) -> dict[str, Any]:
    return {
        "runs": [
            evaluation_document(run.evaluation) | {"parameters": run.parameters, "train_seconds": run.train_seconds}
            for run in comparison.runs
        ],
        "pairs": [asdict(pair) for pair in comparison.pairs],
    }


def _terminal(comparison: Comparison) -> Iterable[RenderableType]:
    evaluations = [run.evaluation for run in comparison.runs]
    yield _side_by_side(comparison)
    for evaluation in evaluations:
        yield confusion_table(evaluation)
        yield worst_confusions(evaluation)
    if len(evaluations) == 2:
        yield difference_table(*evaluations)
    yield _pairs(comparison)
    for pair in comparison.pairs:
        yield Text(printable(verdict(pair)))
    if len(comparison.pairs) > 1:
        yield Text(f"The {len(comparison.pairs)} p-values are not corrected for their number.", style="dim")


def _side_by_side(comparison: Comparison) -> RenderableType:
    evaluations = [run.evaluation for run in comparison.runs]
    split, n = evaluations[0].split, evaluations[0].n
    table = make_table("", *(e.run for e in evaluations), title=f"On {n:,} {split} images", numbers=len(evaluations))
    table.add_row("architecture", *(e.arch for e in evaluations))
    table.add_row("accuracy", *(percent(e.accuracy) for e in evaluations), style="bold")
    table.add_row("95 % interval", *(interval(e.accuracy_ci95) for e in evaluations))
    table.add_row("loss (nats)", *(f"{e.loss:.4f}" for e in evaluations))
    table.add_row("errors", *(f"{e.n - e.correct:,}" for e in evaluations))
    table.add_row("parameters", *(f"{run.parameters:,}" for run in comparison.runs))
    table.add_row("training time", *(seconds(run.train_seconds) for run in comparison.runs))
    return table


def _pairs(comparison: Comparison) -> RenderableType:
    table = make_table("A", "B", "both right", "only A", "only B", "both wrong", "p (McNemar)", numbers=5)
    for pair in comparison.pairs:
        counts = (pair.both_right, pair.only_a_right, pair.only_b_right, pair.both_wrong)
        table.add_row(pair.a, pair.b, *(f"{n:,}" for n in counts), f"{pair.p_value:.2g}")
    return table
