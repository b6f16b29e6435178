"""How runs are listed and shown."""

import csv
import io
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, fields
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from mnistcli.models.language import distinguish
from mnistcli.render.chart import TRAINING, VALIDATION, Series, draw_charts, draw_legend, has_room
from mnistcli.render.screen import Screen, left_out
from mnistcli.render.tables import NOTHING, make_facts, make_table, panel, percent, points, seconds, short_arch
from mnistcli.render.view import View, counted, printable
from mnistcli.results.lists import RunSummary
from mnistcli.results.spread import Spread
from mnistcli.results.train import EpochMetrics

BESIDE_LIST = 6  # lines of one screen that are not of the list
COLOURS = {"finished": "green", "running": "cyan", "interrupted": "yellow", "failed": "red", "damaged": "bold red"}


def runs_view(summaries: Sequence[RunSummary], *, folder: str) -> View:
    """Return the list of runs in all formats."""
    rows = [asdict(summary) for summary in summaries]
    return View(
        schema="mnistcli.runs-list/1",
        document=lambda: {"folder": folder, "runs": rows},
        rows=lambda: rows,
        terminal=lambda screen: (
            _newest(_folded(summaries), screen)
            if summaries and screen.brief
            else [_list([[each] for each in summaries])]
            if summaries
            else [Text(f"There are no runs in {printable(folder)} yet.")]
        ),
    )


def run_view(run: dict[str, Any], history: Sequence[EpochMetrics]) -> View:
    """Return one run, from its run.json and its epochs, in all formats."""
    document = run | {"history": [asdict(metrics) for metrics in history]}
    flat = {key: value for key, value in run.items() if not isinstance(value, dict)}
    for part in ("config", "results", "provenance"):
        flat |= {key: value for key, value in run[part].items() if not isinstance(value, dict | list)}
    return View(
        schema="mnistcli.runs-show/1",
        document=lambda: document,
        rows=lambda: [flat],
        terminal=lambda screen: _brief(run, history, screen) if screen.brief else _whole(run, history),
        record=True,
    )


def _folded(summaries: Sequence[RunSummary]) -> list[list[RunSummary]]:
    """Return the lines of the list: a group's runs together, at the place of the first; others alone."""
    lines: dict[str, list[RunSummary]] = {}
    for each in summaries:
        lines.setdefault(f"group {each.group}" if each.group else f"run {each.run}", []).append(each)
    return [*lines.values()]


def epochs_csv(history: Sequence[EpochMetrics]) -> str:
    """Return a run's epochs as CSV, one line per epoch below a header."""
    stream = io.StringIO()
    names = [each.name for each in fields(EpochMetrics)]
    csv.writer(stream, lineterminator="\n").writerows([names, *map(astuple, history)])
    return stream.getvalue()


def export_view(run: str, epochs: int, **places: Path | None) -> View:
    """Return the files that a run's epochs were written to."""
    record = {"run": run, "epochs": epochs} | {form: place and str(place) for form, place in places.items()}
    written = " and ".join(printable(str(place)) for place in places.values() if place)
    return View(
        schema="mnistcli.runs-export/1",
        document=lambda: record,
        rows=lambda: [record],
        terminal=lambda _: [Text(f"{counted(epochs, 'epoch')} of {run} exported to {written}")],
        record=True,
    )


def _list(lines: Sequence[Sequence[RunSummary]]) -> RenderableType:
    table = make_table(
        *("run", "arch", "data set", "status", "test accuracy", "epochs", "time", "when"),
        numbers=4,
        optional=("epochs", "time", "when", "arch", "data set"),
        folding={"run": 28, "arch": 24, "data set": 16},
    )
    archs = distinguish([first.arch for first, *_ in lines])
    for line, arch in zip(lines, archs, strict=True):
        run, *others = line
        cells = _group_cells(line) if others else _run_cells(run)
        table.add_row(cells[0], short_arch(arch), run.dataset, *cells[1:], _local_time(line[-1].created))
    return table


def _run_cells(run: RunSummary) -> tuple[str | Text, ...]:
    status = Text(run.status, COLOURS.get(run.status, ""))
    epochs = NOTHING if run.epochs is None else str(run.epochs)
    return run.run, status, percent(run.test_accuracy), epochs, seconds(run.train_seconds)


def _group_cells(runs: Sequence[RunSummary]) -> tuple[str | Text, ...]:
    accuracies = Spread(tuple(each.test_accuracy for each in runs if each.test_accuracy is not None))
    done = len(accuracies.values)
    status = Text(f"{done} of {len(runs)} runs", COLOURS["finished" if done == len(runs) else "interrupted"])
    accuracy = NOTHING
    if done:
        accuracy = percent(accuracies.mean) + ("" if accuracies.sd is None else f" ± {points(accuracies.sd)}")
    return str(runs[0].group), status, accuracy, "", seconds(sum(each.train_seconds or 0 for each in runs))


def _newest(lines: list[list[RunSummary]], screen: Screen) -> list[RenderableType]:
    """Return the part of the list that fits on one screen, newest last."""
    most = max(1, screen.height - BESIDE_LIST)
    return [_list(lines[-most:]), *left_out(len(lines) - most, "before these")]


def _brief(run: dict[str, Any], history: Sequence[EpochMetrics], screen: Screen) -> Iterator[RenderableType]:
    """Yield a run's results, curves and the settings in effect."""
    config, results = run["config"], run["results"]
    facts = make_facts()
    facts.add_row("status", Text(run["status"], COLOURS.get(run["status"], "")))
    if results:
        facts.add_row("test accuracy", Text(percent(results["test_accuracy"]), "bold green"))
        early = ", stopped early" if results["stopped_early"] else ""
        facts.add_row(
            "validation",
            f"{percent(results['validation_accuracy'])} in epoch {results['best_epoch']} of {results['epochs']}{early}",
        )
        facts.add_row("training", f"{seconds(results['train_seconds'])} on {run['provenance'].get('device')}")
    network = f", {results['parameters']:,} parameters" if results else ""
    facts.add_row("network", f"{printable(short_arch(config['arch']))}{network}")
    told = {name: value for name, value in config.items() if not _is_nothing(value) and name not in ("arch", "dataset")}
    facts.add_row("settings", printable(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told.items())))
    facts.add_row("data set", printable(str(config["dataset"])))
    facts.add_row("created", _local_time(run["created"]))
    yield panel(run["run"], facts)
    if len(history) > 1 and has_room(screen):
        yield from draw_charts(partial(_curves, history), screen)
        yield draw_legend(screen)
    yield Text("-v shows every setting, the command and each epoch.", "dim")


def _is_nothing(value: object) -> bool:
    """Whether a setting is off or unset."""
    return value is None or value is False or value in ((), []) or (isinstance(value, float) and not value)


def _curves(history: Sequence[EpochMetrics], metric: str) -> list[Series]:
    training, validation = (
        [(float(each.epoch), getattr(each, f"{split}_{metric}")) for each in history]
        for split in ("train", "validation")
    )
    return [Series(TRAINING, [training]), Series(VALIDATION, [validation], marked=True)]


def _whole(run: dict[str, Any], history: Sequence[EpochMetrics]) -> list[RenderableType]:
    return [_facts(run), _epochs(history)] if history else [_facts(run)]


def _facts(run: dict[str, Any]) -> RenderableType:
    facts = make_facts(title=run["run"])
    facts.add_row("status", Text(run["status"], COLOURS.get(run["status"], "")))
    facts.add_row("created", _local_time(run["created"]))
    for part in ("config", "results"):
        for key, value in run[part].items():
            facts.add_row(key.replace("_", " "), NOTHING if value in (None, ()) else printable(str(value)))
    facts.add_row("device", printable(str(run["provenance"].get("device"))))
    facts.add_row("command", printable(shlex.join(map(str, run["provenance"].get("argv", [])))))
    return facts


def _epochs(history: Sequence[EpochMetrics]) -> RenderableType:
    table = make_table(
        *("epoch", "loss", "accuracy", "validation loss", "validation accuracy", "time"),
        numbers=6,
        optional=("time", "validation loss", "loss"),
    )
    for metrics in history:
        table.add_row(
            str(metrics.epoch),
            f"{metrics.train_loss:.4f}",
            percent(metrics.train_accuracy),
            f"{metrics.validation_loss:.4f}",
            percent(metrics.validation_accuracy),
            seconds(metrics.seconds),
        )
    return table


def _local_time(text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return NOTHING
