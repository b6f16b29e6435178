"""How the differences of two runs are shown, and the result of training a run again."""

from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from mnistcli.render.tables import NOTHING, make_facts, make_table
from mnistcli.render.view import View, printable, to_text
from mnistcli.results.diff import Difference, Repeated, Reproduction, RunDifference

COLOURS = {Repeated.IDENTICAL: "bold green", Repeated.EQUAL: "green", Repeated.DIFFERENT: "bold red"}
FEW = 3  # differences that a sentence names
TIMES = ("train_seconds", "compile_seconds")


def diff_view(diff: RunDifference) -> View:
    """Return the differences of two runs in all formats."""
    rows = [asdict(each) for each in diff.differences]
    sentence = Text(difference_sentence(diff))
    return View(
        schema="mnistcli.runs-diff/1",
        document=lambda: {"a": diff.a, "b": diff.b, "differences": rows, "network": diff.network},
        rows=lambda: rows,
        terminal=lambda _: [sentence, *([_table(diff.differences, diff.a, diff.b)] if rows else []), *_network(diff)],
    )


def difference_sentence(diff: RunDifference) -> str:
    """Say how the making of two runs differs, and whether their results do."""
    made = [_plainly(each.name) for each in diff.differences if each.part != "results"]
    figures = [each for each in diff.differences if each.part == "results" and each.name not in TIMES]
    results = "their results differ" if figures else "their results are the same"
    names = f"{diff.a} and {diff.b}"
    if not made:
        return f"{names} have the same configuration, versions, device and data, and {results}."
    listed = ", ".join(made[:FEW])
    what = f"only in {listed}" if len(made) <= FEW else f"in {listed} and {len(made) - FEW} more"
    return f"{names} differ {what}; {results}."


def reproduction_view(reproduction: Reproduction) -> View:
    """Return the result of training a run again, in all formats."""
    record = {
        "run": reproduction.run,
        "again": reproduction.again,
        "verdict": str(reproduction.verdict),
        "since_epoch": reproduction.since_epoch,
        "tolerance": reproduction.tolerance,
        "weights_difference": reproduction.weights,
        "epochs_difference": max(reproduction.epochs, default=None),
        "test_difference": reproduction.test,
    }
    changed = [asdict(each) for each in reproduction.changed]
    return View(
        schema="mnistcli.runs-reproduce/1",
        document=lambda: record | {"epochs": list(reproduction.epochs), "changed": changed},
        rows=lambda: [record],
        terminal=lambda _: _reproduction(reproduction),
        record=True,
    )


def verdict_sentence(reproduction: Reproduction) -> str:
    """Say how a run and its repetition compare."""
    names = f"{reproduction.run} and {reproduction.again}"
    match reproduction.verdict:
        case Repeated.IDENTICAL:
            return f"{names} are identical: the same weights, and the same metrics in every epoch."
        case Repeated.EQUAL:
            return f"{names} are equal within {reproduction.largest:.1e}."
    if reproduction.since_epoch is None:
        within = f" within {reproduction.tolerance:.1e}" if reproduction.tolerance else ""
        return f"{names} have the same metrics in every epoch{within}, but different weights or test results."
    return f"{names} differ from epoch {reproduction.since_epoch} on."


def _reproduction(reproduction: Reproduction) -> list[RenderableType]:
    facts = make_facts()
    facts.add_row("weights", _distance(reproduction.weights))
    facts.add_row("epochs", _distance(max(reproduction.epochs, default=None)))
    facts.add_row("test images", _distance(reproduction.test))
    shown: list[RenderableType] = [Text(verdict_sentence(reproduction), COLOURS[reproduction.verdict]), facts]
    if reproduction.changed:
        shown.append(_table(reproduction.changed, reproduction.run, reproduction.again))
    return shown


def _distance(difference: float | None) -> str:
    if difference is None:
        return "different shapes"
    return f"at most {difference:.1e}" if difference else "the same"


def _table(differences: tuple[Difference, ...], a: str, b: str) -> RenderableType:
    table = make_table("", f"a: {a}", f"b: {b}", folding={f"a: {a}": 24, f"b: {b}": 24})
    for each in differences:
        table.add_row(_plainly(each.name), _value(each.a), _value(each.b))
    return table


def _network(diff: RunDifference) -> list[RenderableType]:
    return [Text(f"In the network: {printable(diff.network)}")] if diff.network else []


def _plainly(name: str) -> str:
    """Return "versions.jax" as "jax's version", and "batch_size" as "batch size"."""
    package = name.removeprefix("versions.")
    return printable(name.replace("_", " ") if package == name else f"{package}'s version")


def _value(value: Any) -> str:
    return (f"{value:.6g}" if isinstance(value, float) else to_text(value)) or NOTHING
