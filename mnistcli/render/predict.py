"""How predictions are shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mnistcli.render.pixels import GAP, draw, flow, shrink, trim
from mnistcli.render.screen import Screen
from mnistcli.render.tables import NOTHING, percent
from mnistcli.render.view import Row, View, label_value, printable
from mnistcli.results.predict import Digit, Prediction

BAR = 20
BESIDE = 20  # least width of the text beside a picture


@dataclass(frozen=True)
class Shown:
    """The parts of a prediction to show.

    Attributes:
        run: The run that predicts.
        top: The number of answers.
        min_confidence: Answers below this confidence get no label.
        split_digits: Whether a picture is read digit by digit.
        alone: The path of the only picture, if there is only one: a terminal then draws it.
    """

    run: str
    top: int
    min_confidence: float
    split_digits: bool
    alone: str | None

    def best(self, prediction: Prediction) -> tuple[str | None, float]:
        """Return the first answer and its confidence; the answer is None if not confident enough."""
        label, confidence = prediction.top[0]
        return (label if confidence >= self.min_confidence else None), confidence


def predictions_view(
    predictions: Iterable[Prediction],
    *,
    run: str,
    top: int,
    min_confidence: float = 0,
    split_digits: bool = False,
    alone: str | None = None,
) -> View:
    """Return predictions in all formats, each shown as soon as it is made; for the options see `Shown`."""
    shown = Shown(run, top, min_confidence, split_digits, alone)
    return View(
        schema="mnistcli.predict/1",
        document=lambda: {"run": run, "predictions": [_record(each, shown) for each in predictions]},
        rows=lambda: (_row(each, shown) for each in predictions),
        plain_without=("run",),
        records=lambda: (_record(each, shown) for each in predictions),
        terminal=lambda screen: (_terminal(each, shown, screen) for each in predictions if each.error is None),
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
    """Return one line's fields; an error leaves label and confidence empty, and stderr reports it."""
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


def _terminal(prediction: Prediction, shown: Shown, screen: Screen) -> RenderableType:
    """Return the picture as the network saw it, with its answer; for one of many pictures, only a line."""
    label, confidence = shown.best(prediction)
    if screen.brief and prediction.path != shown.alone and shown.top == 1 and not shown.split_digits:
        widest = max(cell_len(printable(name)) for name, _ in prediction.top)
        answer = printable(label or NOTHING)
        line = Text.assemble((set_cell_size(answer, widest), "bold"), f"  {percent(confidence):>8}  ")
        return line.append(printable(prediction.path))
    said = f"no answer: {percent(confidence)}" if label is None else f"{label} ({percent(confidence)})"
    heading = Text.assemble((printable(prediction.path), "bold"), f"\n{printable(said)}")
    if prediction.digits:
        return Group(heading, *_digits(prediction.digits, screen), "")
    (picture,) = shrink(prediction.pictures, max(1, screen.width - BESIDE))
    answers = _answers(prediction.top[: shown.top], room=screen.width - picture.shape[1] - 2 * GAP)
    table = Table(box=None, show_header=False, padding=(0, GAP, 1, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text("\n").join(draw(picture, screen)), Group(heading, answers) if shown.top > 1 else heading)
    return table


def _answers(top: Sequence[tuple[str, float]], *, room: int) -> RenderableType:
    """Return one line per answer: its name, a bar and its probability."""
    names = [printable(name) for name, _ in top]
    length = max(1, min(BAR, room - max(map(cell_len, names)) - len("    100.00 %")))
    table = Table.grid(padding=(0, GAP, 0, 0))
    table.add_column(style="bold", overflow="fold")
    table.add_column(no_wrap=True)
    for name, (_, share) in zip(names, top, strict=True):
        table.add_row(name, Text.assemble(("█" * round(share * length) or "▏", "green"), f"  {percent(share)}"))
    return table


def _digits(digits: Sequence[Digit], screen: Screen) -> Iterable[Text]:
    """Return rows of digits: each as the network saw it, with its label and place."""
    pictures = [digit.picture for digit in digits]
    if len(pictures) * (pictures[0].shape[1] + GAP) > screen.width:
        pictures = trim(pictures)
    blocks = [
        [*draw(picture, screen), Text(f"{digit.label} ({percent(digit.confidence)})"), Text(_box(digit))]
        for digit, picture in zip(digits, shrink(pictures, screen.width), strict=True)
    ]
    return flow(blocks, width=screen.width)
