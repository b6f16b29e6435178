"""How an evaluation is shown."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from mnistcli.render.matrix import confusion_tables
from mnistcli.render.screen import Screen
from mnistcli.render.tables import interval, make_facts, make_table, percent
from mnistcli.render.view import Row, View, label_value, printable
from mnistcli.results.evaluation import Evaluation


def evaluation_view(evaluation: Evaluation, *, show_command: Sequence[str] = ()) -> View:
    """Return the evaluation in all formats; `show_command` are the words of one that shows images read wrong."""
    return View(
        schema="mnistcli.evaluate/1",
        document=lambda: evaluation_document(evaluation),
        rows=lambda: [evaluation_row(evaluation)],
        terminal=lambda screen: _terminal(evaluation, show_command, screen),
        record=True,
    )


def evaluation_document(evaluation: Evaluation) -> dict[str, Any]:
    """Return the evaluation as JSON has it."""
    return {
        "run": evaluation.run,
        "arch": evaluation.arch,
        "split": evaluation.split,
        "n": evaluation.n,
        "accuracy": evaluation.accuracy,
        "accuracy_ci95": list(evaluation.accuracy_ci95),
        "loss": evaluation.loss,
        "calibration_error": evaluation.calibration_error,
        "confusion": [list(row) for row in evaluation.confusion],
        "per_class": [asdict(score) | {"label": label_value(score.label)} for score in evaluation.per_class],
    }


def evaluation_row(evaluation: Evaluation) -> Row:
    """Return the evaluation's key figures."""
    low, high = evaluation.accuracy_ci95
    return {
        "run": evaluation.run,
        "arch": evaluation.arch,
        "split": evaluation.split,
        "n": evaluation.n,
        "accuracy": evaluation.accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "loss": evaluation.loss,
        "errors": evaluation.n - evaluation.correct,
    }


def worst_confusions(evaluation: Evaluation, screen: Screen, *, heading: str = "Worst confusions") -> Text:
    """Return the commonest errors in words, as many as fit on a line."""
    words = [f"{true} read as {predicted}: {n}" for true, predicted, n in evaluation.worst_confusions()] or ["none"]
    lines = (" · ".join(words[:n]) for n in range(len(words), 0, -1))
    return screen.choose(Text.assemble((f"{printable(heading)}  ", "dim"), printable(line)) for line in lines)


def _terminal(evaluation: Evaluation, show_command: Sequence[str], screen: Screen) -> Iterable[RenderableType]:
    facts = make_facts()
    facts.add_row("run", f"{evaluation.run} ({evaluation.arch})")
    facts.add_row("split", f"{evaluation.split}, {evaluation.n:,} images")
    facts.add_row("accuracy", f"{percent(evaluation.accuracy)}  (95 % interval {interval(evaluation.accuracy_ci95)})")
    facts.add_row("errors", f"{evaluation.n - evaluation.correct:,}")
    facts.add_row("loss", f"{evaluation.loss:.4f} nats")
    scores = make_table("class", "precision", "recall", "F1", "images", numbers=4, folding={"class": 16})
    for score in evaluation.per_class:
        ratios = (percent(ratio) for ratio in (score.precision, score.recall, score.f1))
        scores.add_row(score.label, *ratios, f"{score.support:,}")
    yield from (facts, scores, screen.choose(confusion_tables(evaluation)), worst_confusions(evaluation, screen))
    for true, predicted, _ in evaluation.worst_confusions(1) if show_command else ():
        command = shlex.join([*show_command, "--true", true, "--predicted", predicted])
        yield Text(printable(f"The images of a cell: {command}"), style="dim")
