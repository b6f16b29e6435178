"""How a comparison is shown."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from mnistcli.render.evaluation import evaluation_document, evaluation_row, worst_confusions
from mnistcli.render.matrix import confusion_tables, difference_tables
from mnistcli.render.screen import Screen
from mnistcli.render.tables import interval, make_table, percent, seconds, short_arch
from mnistcli.render.view import View, printable
from mnistcli.results.comparison import Comparison, PairedTest

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
        terminal=lambda screen: _terminal(comparison, screen),
    )


def verdict(pair: PairedTest) -> str:
    """Say in plain words which of two runs is better and whether the difference could be chance."""
    difference = pair.only_a_right - pair.only_b_right
    disagreements = pair.only_a_right + pair.only_b_right
    if not difference:
        return f"{pair.a} and {pair.b} read equally many images right: neither is better here."
    better, worse = (pair.a, pair.b) if difference > 0 else (pair.b, pair.a)
    lead = f"{better} reads {abs(difference):,} more images right than {worse} (they disagree on {disagreements:,})"
    p = "< 0.0001" if pair.p_value < 0.0001 else f"= {pair.p_value:.4f}"
    if pair.p_value < SIGNIFICANT:
        return f"{lead}. This difference is unlikely to be chance (McNemar's exact test, p {p}): {better} is better."
    return f"{lead}. This difference could well be chance (McNemar's exact test, p {p}): neither is shown to be better."


def _document(comparison: Comparison) -> dict[str, Any]:
    return {
        "runs": [
            evaluation_document(run.evaluation) | {"parameters": run.parameters, "train_seconds": run.train_seconds}
            for run in comparison.runs
        ],
        "pairs": [asdict(pair) for pair in comparison.pairs],
    }


def _terminal(comparison: Comparison, screen: Screen) -> Iterable[RenderableType]:
    """Yield what was found, then why; a terminal shows of the second what its first screen has room for."""
    evaluations = [run.evaluation for run in comparison.runs]
    for pair in comparison.pairs:
        yield Text(printable(verdict(pair)))
        if pair.networks:
            yield Text(printable(f"The network of {pair.b} beside that of {pair.a}: {pair.networks}."), style="dim")
    if len(comparison.pairs) > 1:
        yield Text(f"The {len(comparison.pairs)} p-values are not corrected for their number.", style="dim")
    yield screen.choose(_side_by_side(comparison))
    for evaluation in evaluations:
        if not screen.brief:
            yield screen.choose(confusion_tables(evaluation))
        yield worst_confusions(evaluation, screen, heading=f"{evaluation.run}, worst confusions")
    if screen.brief:
        yield Text("-v shows the confusion matrices and how often each pair disagrees.", style="dim")
        return
    if len(evaluations) == 2:
        yield screen.choose(difference_tables(*evaluations))
    yield _pairs(comparison)


def _side_by_side(comparison: Comparison) -> Iterator[RenderableType]:
    """Yield a table with a column a run, and then, for more runs than fit, one with a line a run."""
    evaluations = [run.evaluation for run in comparison.runs]
    title = f"On {evaluations[0].n:,} {evaluations[0].split} images"
    facts = {
        "architecture": [short_arch(e.arch) for e in evaluations],
        "accuracy": [percent(e.accuracy) for e in evaluations],
        "95 % interval": [interval(e.accuracy_ci95) for e in evaluations],
        "loss (nats)": [f"{e.loss:.4f}" for e in evaluations],
        "errors": [f"{e.n - e.correct:,}" for e in evaluations],
        "parameters": [f"{run.parameters:,}" for run in comparison.runs],
        "training time": [seconds(run.train_seconds) for run in comparison.runs],
    }
    names = [e.run for e in evaluations]
    columns = make_table("", *names, title=title, numbers=len(names))
    for fact, values in facts.items():
        columns.add_row(fact, *values, style="bold" if fact == "accuracy" else None)
    yield columns
    optional = ("architecture", "training time", "loss (nats)", "parameters", "95 % interval")
    lines = make_table("run", *facts, title=title, numbers=len(facts) - 1, optional=optional, folding={"run": 28})
    for name, *values in zip(names, *facts.values(), strict=True):
        lines.add_row(name, *values)
    yield lines


def _pairs(comparison: Comparison) -> RenderableType:
    table = make_table(
        *("A", "B", "both right", "only A", "only B", "both wrong", "p (McNemar)"),
        numbers=5,
        folding={"A": 16, "B": 16},
    )
    for pair in comparison.pairs:
        counts = (pair.both_right, pair.only_a_right, pair.only_b_right, pair.both_wrong)
        table.add_row(pair.a, pair.b, *(f"{n:,}" for n in counts), f"{pair.p_value:.2g}")
    return table
