"""How predictions are shown."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from mnistcli.render.pixels import draw
from mnistcli.render.tables import percent
from mnistcli.render.view import Row, View, label_value, printable
from mnistcli.results import Prediction

BAR = 20


def predictions_view(predictions: Iterable[Prediction], *, run: str, top: int) -> View:
    """Return predictions in all formats, each shown as soon as it is made."""
    return View(
        schema="mnistcli.predict/1",
        document=lambda: {"run": run, "predictions": [_record(each, run, top) for each in predictions]},
        rows=lambda: (_row(each, run, top) for each in predictions),
        plain_without=("run",),
        records=lambda: (_record(each, run, top) for each in predictions),
        terminal=lambda console: (_terminal(each, top, console) for each in predictions),
    )


def _record(prediction: Prediction, run: str, top: int) -> Row:
    if prediction.error is not None:
        return {"path": prediction.path, "error": prediction.error, "run": run}
    label, confidence = prediction.top[0]
    record: dict[str, Any] = {
        "path": prediction.path,
        "label": label_value(label),
        "confidence": confidence,
        "probabilities": list(prediction.probabilities),
        "run": run,
    }
    if top > 1:
        record["top"] = [{"label": label_value(name), "confidence": share} for name, share in prediction.top[:top]]
    return record


def _row(prediction: Prediction, run: str, top: int) -> Row:
    """Return one line's fields; an error leaves label and confidence empty, stderr tells it."""
    best = prediction.top[:top] if prediction.error is None else [(None, None)] * top
    row: Row = {"path": prediction.path}
    for place, (label, confidence) in enumerate(best, start=1):
        suffix = "" if place == 1 else str(place)
        row |= {f"label{suffix}": label, f"confidence{suffix}": confidence}
    return row | {"run": run}


def _terminal(prediction: Prediction, top: int, console: Console) -> RenderableType:
    if prediction.error is not None or prediction.picture is None:
        return Text.assemble((printable(prediction.path), "bold"), "  ", (f"{prediction.error}", "red"))
    answers = Text()
    for name, share in prediction.top[:top]:
        answers.append(f"\n{name}  ", style="bold")
        answers.append("█" * round(share * BAR) or "▏", style="green")
        answers.append(f"  {percent(share)}")
    label, confidence = prediction.top[0]
    heading = Text.assemble((printable(prediction.path), "bold"), f"\n{label} ({percent(confidence)})")
    table = Table(box=None, show_header=False, padding=(0, 2, 1, 0))
    picture = Text("\n").join(draw(prediction.picture, console))
    table.add_row(picture, heading + answers if top > 1 else heading)
    return table
