"""How an evaluation is shown."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from mnistcli.render.matrix import compact, confusion_tables
from mnistcli.render.screen import Screen
from mnistcli.render.tables import (
    NOTHING,
    command_lines,
    interval,
    make_facts,
    make_table,
    percent,
    seconds,
    short_arch,
)
from mnistcli.render.view import Row, View, label_value, printable
from mnistcli.results.evaluate import Calibration, Cost, Evaluation

BESIDE_MATRIX = 14  # lines of one screen that are not the matrix's classes


def evaluation_view(evaluation: Evaluation, *, show_command: Sequence[str] = ()) -> View:
    """Return the evaluation in all formats; `show_command` is the command that shows misread images."""
    return View(
        schema="mnistcli.evaluate/1",
        document=lambda: (
            evaluation_document(evaluation) | {"cost": None if evaluation.cost is None else asdict(evaluation.cost)}
        ),
        rows=lambda: [evaluation_row(evaluation)],
        terminal=lambda screen: _terminal(evaluation, show_command, screen),
        record=True,
    )


def evaluation_document(evaluation: Evaluation) -> dict[str, Any]:
    """Return the evaluation for JSON, without its cost."""
    calibration, macro = evaluation.calibration, evaluation.macro
    return {
        "run": evaluation.run,
        "arch": evaluation.arch,
        "split": evaluation.split,
        "n": evaluation.n,
        "accuracy": evaluation.accuracy,
        "accuracy_ci95": list(evaluation.accuracy_ci95),
        "rejected": evaluation.rejected,
        "loss": evaluation.loss,
        "loss_calibrated": calibration.loss,
        "brier": calibration.brier,
        "calibration_error": calibration.error,
        "calibration_error_uncalibrated": calibration.error_uncalibrated,
        "reliability": [
            {
                "low": each.low,
                "high": each.high,
                "n": each.n,
                "confidence": each.confidence,
                "accuracy": each.accuracy,
                "accuracy_ci95": each.accuracy_ci95,
            }
            for each in calibration.reliability
        ],
        "coverage": [asdict(point) for point in calibration.coverage],
        "suggested": None if calibration.suggested is None else asdict(calibration.suggested),
        "macro": {"precision": macro.precision, "recall": macro.recall, "f1": macro.f1},
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
        "errors": evaluation.errors,
    }


def confusion_texts(evaluation: Evaluation) -> list[str]:
    """Return the most frequent errors, such as "7 read as 2: 12"."""
    return [f"{true} read as {predicted}: {n}" for true, predicted, n in evaluation.worst_confusions()] or ["none"]


def worst_confusions(evaluation: Evaluation, screen: Screen, *, heading: str = "Worst confusions") -> Text:
    """Return the most frequent errors, as many as fit on a line."""
    words = confusion_texts(evaluation)
    lines = (" · ".join(words[:n]) for n in range(len(words), 0, -1))
    return screen.choose(Text.assemble((f"{printable(heading)}  ", "dim"), printable(line)) for line in lines)


def suggestion_text(evaluation: Evaluation) -> str | None:
    """Suggest a threshold, with its accuracy and coverage; None if none is suitable."""
    point = evaluation.calibration.suggested
    if point is None:
        return None
    if not point.min_confidence:
        return f"All answers: {percent(point.accuracy)} correct, without --min-confidence."
    return (
        f"With predict --min-confidence {point.min_confidence:g}, {percent(point.coverage, 1)} of the images get an "
        f"answer, and {percent(point.accuracy)} of these are correct."
    )


def _terminal(evaluation: Evaluation, show_command: Sequence[str], screen: Screen) -> Iterable[RenderableType]:
    """Yield the key figures, then the tables; if brief, what fits on one screen."""
    calibration = evaluation.calibration
    facts = make_facts()
    facts.add_row("run", f"{evaluation.run} ({short_arch(evaluation.arch) if screen.brief else evaluation.arch})")
    accuracy = (percent(evaluation.accuracy), "bold green")
    facts.add_row("accuracy", Text.assemble(accuracy, f"  (95 % interval {interval(evaluation.accuracy_ci95)})"))
    wrong, loss = f"{evaluation.errors:,} of {evaluation.n:,} {evaluation.split} images", f"{evaluation.loss:.4f} nats"
    if screen.brief:
        unread = f", {evaluation.rejected:,} answered 'no digit'" if evaluation.rejected else ""
        facts.add_row("errors", f"{wrong}, loss {loss}{unread}")
        yield facts
        yield from _confusions(evaluation, show_command, screen)
        yield Text("-v shows the calibration, the cost, and the scores of every class.", style="dim")
        return
    facts.add_row("errors", wrong)
    if evaluation.rejected:
        facts.add_row("no digit", f"the answer for {evaluation.rejected:,} images; they are scored by their next one")
    facts.add_row("loss", f"{loss}, {calibration.loss:.4f} after temperature scaling")
    facts.add_row("Brier score", f"{calibration.brier:.4f}")
    facts.add_row(
        "calibration",
        f"error {percent(calibration.error)}, {percent(calibration.error_uncalibrated)} before temperature scaling",
    )
    if evaluation.cost is not None:
        facts.add_row("cost", _cost(evaluation.cost))
        facts.add_row("training", seconds(evaluation.cost.train_seconds))
    yield facts
    if said := suggestion_text(evaluation):
        yield Text(said)
    yield _classes(evaluation)
    yield from _confusions(evaluation, show_command, screen)
    yield _reliability(calibration)
    yield _coverage(calibration)


def _confusions(evaluation: Evaluation, show_command: Sequence[str], screen: Screen) -> Iterable[RenderableType]:
    """Yield the worst confusions, the matrix if there is room, and the command that shows one cell's images."""
    yield worst_confusions(evaluation, screen)
    if not screen.brief:
        yield screen.choose(confusion_tables(evaluation))
    elif len(evaluation.class_names) + BESIDE_MATRIX <= screen.height:
        yield compact(screen.choose(confusion_tables(evaluation)))
    for true, predicted, _ in evaluation.worst_confusions(1) if show_command else ():
        command = shlex.join([*show_command, "--true", true, "--predicted", predicted])
        yield from command_lines("Images of the worst cell", [command])


def _cost(cost: Cost) -> str:
    products = f"{cost.multiply_accumulates:,} MAC/image, " if cost.multiply_accumulates else ""
    return f"{cost.parameters:,} parameters, {products}{cost.model_bytes / 1e6:.1f} MB"


def _classes(evaluation: Evaluation) -> RenderableType:
    table = make_table("class", "precision", "recall", "F1", "images", numbers=4, folding={"class": 16})
    for score in (*evaluation.per_class, evaluation.macro):
        if score == evaluation.macro:
            table.add_section()
        ratios = (percent(ratio) for ratio in (score.precision, score.recall, score.f1))
        table.add_row(score.label, *ratios, f"{score.support:,}")
    return table


def _reliability(calibration: Calibration) -> RenderableType:
    table = make_table(
        "confidence", "answers", "mean confidence", "accuracy", "95 % interval", title="Reliability", numbers=4
    )
    for each in calibration.reliability:
        bounds = NOTHING if each.accuracy_ci95 is None else interval(each.accuracy_ci95)
        edges = f"{each.low * 100:.1f}–{each.high * 100:.1f} %"
        table.add_row(edges, f"{each.n:,}", percent(each.confidence), percent(each.accuracy), bounds)
    return table


def _coverage(calibration: Calibration) -> RenderableType:
    table = make_table("--min-confidence", "images answered", "accuracy", title="Accuracy against coverage", numbers=2)
    for point in calibration.coverage:
        table.add_row(f"{point.min_confidence:g}", percent(point.coverage), percent(point.accuracy))
    return table
