"""How a group's training and evaluation are shown."""

from collections.abc import Iterable
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from mnistcli.render.evaluate import evaluation_document, evaluation_row, worst_confusions
from mnistcli.render.matrix import confusion_tables
from mnistcli.render.screen import Screen, left_out
from mnistcli.render.tables import command_lines, interval, make_facts, make_table, panel, percent, points, seconds
from mnistcli.render.view import Row, View
from mnistcli.results.evaluate import GroupEvaluation
from mnistcli.results.spread import Spread
from mnistcli.results.train import GroupResult

MOST_SHOWN = 6  # runs of a group that fit on one screen


def group_training_view(result: GroupResult, *, next_commands: list[str]) -> View:
    """Return the result in all formats; on a terminal it ends with commands to try next."""
    rows = [_row(result, i) for i in range(len(result.members))]
    return View(
        schema="mnistcli.train-group/1",
        document=lambda: {
            "group": result.group,
            "arch": result.arch,
            "dataset": result.dataset,
            "seeds": [member.seed for member in result.members],
            **result.accuracies.figures,
            "runs": rows,
        },
        rows=lambda: rows,
        terminal=lambda screen: _terminal(result, next_commands, screen),
    )


def spread_text(spread: Spread) -> Text:
    """Return mean, standard deviation and range of accuracies in a line; for one run, its accuracy."""
    if spread.sd is None:
        return Text.assemble((percent(spread.mean), "bold green"), ", 1 run")
    low, high = percent(min(spread.values)), percent(max(spread.values))
    return Text.assemble(
        "mean ", (percent(spread.mean), "bold green"),
        f", standard deviation {points(spread.sd)} points, range {low} to {high}, {len(spread.values)} runs",
    )  # fmt: skip


def _row(result: GroupResult, i: int) -> Row:
    member = result.members[i]
    identity = {"run": member.run, "arch": result.arch, "dataset": result.dataset, "seed": member.seed}
    return identity | dict(member.figures) | {"device": member.device}


def _terminal(result: GroupResult, next_commands: list[str], screen: Screen) -> Iterable[RenderableType]:
    facts = make_facts()
    facts.add_row("test accuracy", spread_text(result.accuracies))
    facts.add_row("network", f"{result.arch} on {result.dataset}")
    facts.add_row("device", ", ".join(dict.fromkeys(member.device for member in result.members)))
    facts.add_row("folder", str(result.folder))
    yield panel(result.group, facts)
    table = make_table(
        *("run", "seed", "test accuracy", "validation", "epochs", "time"),
        numbers=5,
        optional=("time", "epochs", "validation"),
        folding={"run": 28},
    )
    shown = result.members[: MOST_SHOWN if screen.brief else None]
    for member in shown:
        figures: dict[str, Any] = dict(member.figures)
        table.add_row(
            member.run,
            str(member.seed),
            percent(figures["test_accuracy"]),
            percent(figures["validation_accuracy"]),
            str(figures["epochs"]),
            seconds(figures["train_seconds"]),
        )
    yield table
    yield from left_out(len(result.members) - len(shown), "runs")
    yield from command_lines("Try next", next_commands)


def group_evaluation_view(evaluation: GroupEvaluation) -> View:
    """Return the evaluation of a group's runs and ensemble in all formats: in CSV and plain text one line each."""
    every = [*evaluation.members, evaluation.ensemble]
    return View(
        schema="mnistcli.evaluate-group/1",
        document=lambda: {
            "group": evaluation.group,
            "split": evaluation.ensemble.split,
            "n": evaluation.ensemble.n,
            **evaluation.accuracies.figures,
            "runs": [evaluation_document(each) for each in evaluation.members],
            "ensemble": evaluation_document(evaluation.ensemble),
        },
        rows=lambda: map(evaluation_row, every),
        terminal=lambda screen: _evaluation_terminal(evaluation, screen),
    )


def _evaluation_terminal(evaluation: GroupEvaluation, screen: Screen) -> Iterable[RenderableType]:
    ensemble = evaluation.ensemble
    table = make_table(
        *("", "accuracy", "95 % interval", "errors", "loss (nats)"),
        title=f"{evaluation.group} on {ensemble.n:,} {ensemble.split} images",
        numbers=4,
        optional=("loss (nats)", "errors"),
        folding={"": 28},
    )
    for each, name in [*((each, each.run) for each in evaluation.members), (ensemble, "ensemble")]:
        cells = percent(each.accuracy), interval(each.accuracy_ci95), f"{each.errors:,}", f"{each.loss:.4f}"
        table.add_row(name, *cells, style="bold" if each is ensemble else None)
    yield table
    yield Text("accuracy: ").append_text(spread_text(evaluation.accuracies))
    if not screen.brief:
        yield screen.choose(confusion_tables(ensemble))
    yield worst_confusions(ensemble, screen, heading="The ensemble's worst confusions")
