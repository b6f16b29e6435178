"""How a group of runs, trained or evaluated, is shown."""

from collections.abc import Iterable
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from mnistcli.render.tables import NOTHING, make_table, percent, seconds
from mnistcli.render.view import Row, View
from mnistcli.results.spread import Spread
from mnistcli.results.training import GroupResult


def group_training_view(result: GroupResult, *, next_commands: list[str]) -> View:
    """Return what the trainings of a group came to; the terminal's closes with commands to try next."""
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
        terminal=lambda _: _terminal(result, next_commands),
    )


def spread_text(spread: Spread, name: str = "runs") -> Text:
    """Return mean, standard deviation and range of accuracies in a line."""
    low, high = percent(min(spread.values)), percent(max(spread.values))
    sd = NOTHING if spread.sd is None else f"{100 * spread.sd:.2f}"
    return Text.assemble(
        "mean ", (percent(spread.mean), "bold green"), f", standard deviation {sd} points, range {low} to {high}, ",
        f"{len(spread.values)} {name}",
    )  # fmt: skip


def _row(result: GroupResult, i: int) -> Row:
    member = result.members[i]
    identity = {"run": member.run, "arch": result.arch, "dataset": result.dataset, "seed": member.seed}
    return identity | dict(member.figures) | {"device": member.device}


def _terminal(result: GroupResult, next_commands: list[str]) -> Iterable[RenderableType]:
    table = make_table(
        *("run", "seed", "test accuracy", "validation", "epochs", "time"),
        title=f"{result.group}: {result.arch} on {result.dataset}",
        numbers=5,
        optional=("time", "epochs", "validation"),
        folding={"run": 28},
    )
    for member in result.members:
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
    yield Text("test accuracy: ").append_text(spread_text(result.accuracies))
    yield Text("\nTry next", style="dim")
    for command in next_commands:
        yield Text(f"  {command}", style="cyan")
