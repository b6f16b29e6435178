"""How predictions are shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from mnistcli.render.pixels import draw
from mnistcli.render.tables import percent
from mnistcli.render.view import Row, View, label_value, printable
from mnistcli.results import Digit, Prediction

BAR = 20


@dataclass(frozen=True)
class Shown:
    """What of a prediction is shown: by which run, how many answers, none less confident than that; digits by digit."""

    run: str
    top: int
    min_confidence: float
    split_digits: bool

    def best(self, prediction: Prediction) -> tuple[str | None, float]:
        """Return the first answer, None where it is not confident enough, and its confidence."""
        label, confidence = prediction.top[0]
        return (label if confidence >= self.min_confidence else None), confidence


def predictions_view(
    predictions: Iterable[Prediction], *, run: str, top: int, min_confidence: float = 0, split_digits: bool = False
) -> View:
    """Return predictions in all formats, each shown as soon as it is made; below `min_confidence` without a label."""
    shown = Shown(run, top, min_confidence, split_digits)
    return View(
        schema="mnistcli.predict/1",
        document=lambda: {"run": run, "predictions": [_record(each, shown) for each in predictions]},
        rows=lambda: (_row(each, shown) for each in predictions),
        plain_without=("run",),
        records=lambda: (_record(each, shown) for each in predictions),
        terminal=lambda console: (_terminal(each, shown, console) for each in predictions),
    )


def _record(prediction: Prediction, shown: Shown) -> Row:
    if prediction.error is not None:
        return {"path": prediction.path, "error": prediction.error, "run": shown.run}
    label, confidence = shown.best(prediction)
    if prediction.digits:
        digits = [_digit(digit) for digit in prediction.digits]
        record: dict[str, Any] = {"path": prediction.path, "label": label, "confidence": confidence, "digits": digits}
    else:
        record = {
            "path": prediction.path,
            "label": None if label is None else label_value(label),
            "confidence": confidence,
            "probabilities": list(prediction.probabilities),
        }
    record["run"] = shown.run
    if prediction.note is not None:
        record["note"] = prediction.note
    if shown.top > 1:
        record["top"] = [
            {"label": label_value(name), "confidence": share} for name, share in prediction.top[: shown.top]
        ]
    return record


def _box(digit: Digit) -> str:
    left, top, right, bottom = digit.box
    return f"x {left}–{right}, y {top}–{bottom}"


def _digit(digit: Digit) -> Row:
    return {
        "label": label_value(digit.label),
        "confidence": digit.confidence,
        "box": list(digit.box),
        "probabilities": list(digit.probabilities),
    }


def _row(prediction: Prediction, shown: Shown) -> Row:
    """Return one line's fields; an error leaves label and confidence empty, stderr tells it."""
    empty: list[tuple[str | None, float | None]] = [(None, None)] * shown.top
    answers = [] if prediction.error is not None else [shown.best(prediction), *prediction.top[1 : shown.top]]
    row: Row = {"path": prediction.path}
    for place, (label, confidence) in enumerate([*answers, *empty][: shown.top], start=1):
        suffix = "" if place == 1 else str(place)
        row |= {f"label{suffix}": label, f"confidence{suffix}": confidence}
    if shown.split_digits:
        row["digits"] = " ".join(
            f"{digit.label}:{digit.confidence:.4f}@{','.join(map(str, digit.box))}" for digit in prediction.digits
        )
    return row | {"run": shown.run}


def _terminal(prediction: Prediction, shown: Shown, console: Console) -> RenderableType:
    if prediction.error is not None:
        return Text.assemble((printable(prediction.path), "bold"), "  ", (f"{prediction.error}", "red"))
    answers = Text()
    for name, share in prediction.top[: shown.top]:
        answers.append(f"\n{name}  ", style="bold")
        answers.append("█" * round(share * BAR) or "▏", style="green")
        answers.append(f"  {percent(share)}")
    label, confidence = shown.best(prediction)
    said = f"no answer: {percent(confidence)}" if label is None else f"{label} ({percent(confidence)})"
    heading = Text.assemble((printable(prediction.path), "bold"), f"\n{said}")
    table = Table(box=None, show_header=False, padding=(0, 2, 1, 0))
    pictures = [Text("\n").join(draw(picture, console)) for picture in prediction.pictures]
    if prediction.digits:
        says = (f"\n{digit.label} ({percent(digit.confidence)})\n{_box(digit)}" for digit in prediction.digits)
        table.add_row(*(picture + each for picture, each in zip(pictures, says, strict=True)))
        return Group(heading, table)
    table.add_row(*pictures, heading + answers if shown.top > 1 else heading)
    return table
