"""How a search for a recipe is shown, while it runs and at its end; and the learning rate range test."""

import shlex
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from mnistcli.models import as_written
from mnistcli.render.progress import is_live
from mnistcli.render.screen import Screen, left_out
from mnistcli.render.tables import NOTHING, command_lines, make_facts, make_table, percent, points, seconds, short_arch
from mnistcli.render.view import Row, View, counted
from mnistcli.results.train import Notice
from mnistcli.results.tune import COMPLETE, Finalist, RateRange, SearchResult, Trial

MOST_SHOWN = 5  # trials on a terminal
SHOWN_RATES = 9


class SearchProgress:
    """Shows a search on stderr: one line per trial, and on a terminal a live bar below."""

    def __init__(self, screen: Screen, *, trials: int | None, seed: int, quiet: bool = False) -> None:
        self._screen, self._seed, self._quiet = screen, seed, quiet
        self._best: Trial | None = None
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            console=screen,
            transient=True,
            disable=quiet or not is_live(screen),
        )
        self._task: TaskID = self._bar.add_task("training the first trials", total=trials)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, event: Trial | Notice) -> None:
        """Show a trial that has ended, or a notice."""
        if isinstance(event, Notice):
            self._say(event.text)
            return
        again = f", seed {event.seed}" if event.seed != self._seed else ""
        epochs = counted(len(event.validation), "epoch")
        came = f"trial {event.number}{again}: {percent(event.best)} validation accuracy, {event.status} after {epochs}"
        self._say(f"{came}, {event.seconds:.1f} s: {settings_text(event.settings)}", f"{came}, {event.seconds:.1f} s")
        if event.status == COMPLETE and (self._best is None or event.best > self._best.best):
            self._best = event
        best = f"best {percent(self._best.best)} (trial {self._best.number})" if self._best else ""
        what = "best settings again, with new seeds" if again else f"trial {event.number}"
        self._bar.update(self._task, description=f"{what}  {best}", advance=0 if again else 1)

    def _say(self, *choices: str) -> None:
        if not self._quiet:
            self._screen.say(*choices)


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return settings on one line, such as "adam, lr 0.001, batch_size 64"."""
    return ", ".join(
        value if name == "optimizer" else f"{name} {as_written(value)}" for name, value in settings.items()
    )


def search_view(result: SearchResult) -> View:
    """Return a search's result in all formats: in CSV and plain text one line per trial."""
    finalists = {each.number: each for each in result.finalists}
    rows = [_row(trial, finalists.get(trial.number)) for trial in result.trials]
    return View(
        schema="mnistcli.tune/1",
        document=lambda: {
            "search": result.name,
            "arch": result.arch,
            "dataset": result.dataset,
            "seconds": result.seconds,
            "space": dict(result.space),
            "trials": [_trial_document(trial) for trial in result.trials],
            "finalists": [_finalist_document(each) for each in result.finalists],
            "recommended": result.finalists[0].number,
            "command": list(result.command),
        },
        rows=lambda: rows,
        terminal=lambda screen: _terminal(result, screen),
    )


def verdict(result: SearchResult) -> str:
    """Say in a sentence what a search found."""
    best, recipe = result.finalists[0], next((each for each in result.finalists if each.number == 0), None)
    n = len(best.seeds)
    if best.number == 0:
        return f"None of the {len(result.trials)} trials beats the recipe with {n} new seeds."
    said = f"Trial {best.number} reads {percent(best.accuracies.mean)} of the validation images"
    beside = f", the recipe {percent(recipe.accuracies.mean)}" if recipe else ""
    return f"{said}{beside} (means of {n} new seeds, too few to rule out chance)."


def _row(trial: Trial, finalist: Finalist | None) -> Row:
    return {
        "trial": trial.number,
        "status": trial.status,
        "validation_accuracy": trial.best,
        "epochs": len(trial.validation),
        "seconds": trial.seconds,
        "final_mean": finalist and finalist.accuracies.mean,
        **trial.settings,
    }


def _trial_document(trial: Trial) -> Row:
    return {
        "trial": trial.number,
        "status": trial.status,
        "validation_accuracy": trial.best,
        "validation": list(trial.validation),
        "seconds": trial.seconds,
        "settings": dict(trial.settings),
    }


def _finalist_document(finalist: Finalist) -> Row:
    return {
        "trial": finalist.number,
        "seeds": list(finalist.seeds),
        "validation_accuracies": list(finalist.accuracies.values),
        **finalist.accuracies.figures,
        "settings": dict(finalist.settings),
    }


def _terminal(result: SearchResult, screen: Screen) -> Iterable[RenderableType]:
    ranked = sorted(result.trials, key=lambda trial: (trial.status != COMPLETE, -trial.best))
    shown = ranked[:MOST_SHOWN] if screen.brief else ranked
    table = make_table(
        *("trial", "settings", "status", "epochs", "time", "validation"),
        title=f"{result.name}: {len(result.trials)} trials of {short_arch(result.arch)} on {result.dataset}",
        numbers=3,
        optional=("time", "epochs", "status"),
        folding={"settings": 30},
    )
    for trial in shown:
        name = "recipe" if trial.number == 0 else str(trial.number)
        cells = trial.status, str(len(trial.validation)), seconds(trial.seconds), percent(trial.best)
        table.add_row(name, settings_text(trial.settings), *cells, style="dim" if trial.status != COMPLETE else None)
    yield table
    yield from left_out(len(ranked) - len(shown), "trials")
    finals = make_table(
        *("trial", "mean", "standard deviation", "range"),
        title=f"With {len(result.finalists[0].seeds)} new seeds, on {result.validation_images:,} validation images",
        numbers=3,
        optional=("range",),
    )
    for i, each in enumerate(result.finalists):
        sd, figures = each.accuracies.sd, each.accuracies.figures
        finals.add_row(
            "recipe" if each.number == 0 else str(each.number),
            percent(each.accuracies.mean),
            NOTHING if sd is None else f"{points(sd)} points",
            f"{percent(figures['min'])} to {percent(figures['max'])}",
            style="bold" if i == 0 else None,
        )
    yield finals
    yield Text(verdict(result), style="bold green")
    yield from command_lines("Train with it", [shlex.join(result.command)])


def rates_view(found: RateRange) -> View:
    """Return the losses of a learning rate range test, in all formats: in CSV and plain text one line per rate."""
    return View(
        schema="mnistcli.lr-range/1",
        document=lambda: {
            "arch": found.arch,
            "dataset": found.dataset,
            "optimizer": found.optimizer,
            "batch_size": found.batch_size,
            "rates": list(found.rates),
            "losses": list(found.losses),
            "least": found.least,
            "suggested": found.suggested,
        },
        rows=lambda: ({"lr": rate, "loss": loss} for rate, loss in zip(found.rates, found.losses, strict=True)),
        terminal=lambda _: _rates_terminal(found),
    )


def rates_sentence(found: RateRange) -> str:
    """Say which rate to start with."""
    return f"The loss is lowest at {found.least:.2g}: start with --lr {found.suggested:g}."


def _rates_terminal(found: RateRange) -> Iterable[RenderableType]:
    table = make_table("learning rate", "loss (nats)", title=f"{found.arch}, {found.optimizer}", numbers=2)
    for i in range(SHOWN_RATES):
        place = round(i * (len(found.rates) - 1) / (SHOWN_RATES - 1))
        table.add_row(f"{found.rates[place]:.2g}", f"{found.losses[place]:.3f}")
    yield table
    facts = make_facts()
    facts.add_row("lowest loss at", f"{found.least:.2g}")
    facts.add_row("start with", f"--lr {found.suggested:g}")
    yield facts
