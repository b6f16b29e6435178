"""How a finished training is shown."""

from collections.abc import Iterable
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from mnistcli.render.tables import command_lines, interval, make_facts, panel, percent, seconds
from mnistcli.render.view import View, counted
from mnistcli.results.train import TrainResult


def training_view(result: TrainResult, *, next_commands: list[str]) -> View:
    """Return the result in all formats; on a terminal it ends with commands to try next."""
    return View(
        schema="mnistcli.train/1",
        document=lambda: _document(result),
        rows=lambda: [_document(result)],
        terminal=lambda _: _terminal(result, next_commands),
        record=True,
    )


def _document(result: TrainResult) -> dict[str, Any]:
    identity = {"run": result.run, "arch": result.arch, "dataset": result.dataset, "seed": result.seed}
    return identity | result.figures | {"device": result.device}


def _terminal(result: TrainResult, next_commands: list[str]) -> Iterable[RenderableType]:
    test = result.evaluation
    early = ", stopped early" if result.stopped_early else ""
    facts = make_facts()
    facts.add_row("test accuracy", _accuracy(test.accuracy, test.accuracy_ci95))
    facts.add_row("test loss", f"{test.loss:.4f} nats on {test.n:,} images")
    facts.add_row(
        "validation", f"{percent(result.validation_accuracy)} in epoch {result.best_epoch} (its weights are kept)"
    )
    facts.add_row(
        "training",
        f"{counted(len(result.history), 'epoch')}{early}, {seconds(result.train_seconds)}; "
        f"{seconds(result.compile_seconds)} compiling",
    )
    facts.add_row("network", f"{result.arch}, {result.parameters:,} parameters")
    facts.add_row("device", result.device)
    facts.add_row("folder", str(result.folder))
    yield panel(result.run, facts)
    yield from command_lines("Try next", next_commands)


def _accuracy(share: float, bounds: tuple[float, float]) -> Text:
    return Text.assemble((percent(share), "bold green"), f"  (95 % interval {interval(bounds)})")
