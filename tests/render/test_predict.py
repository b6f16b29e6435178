import csv
import json
from typing import Any

import numpy as np
import pytest

from mnistcli.render.predict import predictions_view
from mnistcli.results.predict import Digit, Prediction
from tests.render.reading import colour, on_terminal, rows, written

NAMES = ("7", "cat", "dog", "owl")
PICTURE = np.full((4, 3, 1), 90, np.uint8)
ONE = Prediction("a.png", (0.3, 0.6, 0.099, 0.001), NAMES, picture=PICTURE)
LINE = Prediction(
    "row.png",
    digits=(
        Digit((3, 4, 15, 26), (0.1, 0.9), ("4", "2"), PICTURE),
        Digit((30, 5, 41, 27), (0.8, 0.2), ("4", "2"), PICTURE),
    ),
)
BROKEN = Prediction("b.png", error="'b.png' is blank.")


def records(*predictions: Prediction, **options: Any) -> list[dict[str, Any]]:
    view = predictions_view(predictions, **{"run": "cnn-001", "top": 1} | options)
    return [json.loads(line) for line in written(view, "jsonl").splitlines()]


def test_a_record_names_the_run_and_holds_the_answer_and_every_probability() -> None:
    (record,) = records(ONE)
    assert record == {
        "schema": "mnistcli.predict-row/1", "path": "a.png", "label": "cat", "confidence": 0.6,
        "probabilities": [0.3, 0.6, 0.099, 0.001], "run": "cnn-001",
    }  # fmt: skip


def test_a_digit_is_a_number_in_json_and_another_name_a_text() -> None:
    seven = Prediction("a.png", (0.9, 0.1), NAMES[:2])
    assert records(seven)[0]["label"] == 7
    assert [each["label"] for each in records(seven, top=2)[0]["top"]] == [7, "cat"]


def test_top_lists_the_most_probable_first() -> None:
    (record,) = records(ONE, top=3)
    assert record["top"] == [
        {"label": "cat", "confidence": 0.6}, {"label": 7, "confidence": 0.3}, {"label": "dog", "confidence": 0.099}
    ]  # fmt: skip
    assert "top" not in records(ONE)[0]


def test_what_the_classes_leave_is_the_probability_of_no_digit() -> None:
    none, some = (
        Prediction("a.png", each, NAMES[:2], picture=PICTURE, rejects=True) for each in ((0.2, 0.1), (0.6, 0.1))
    )
    record, other = records(none, some, top=2)
    assert (record["label"], record["confidence"]) == ("no digit", pytest.approx(0.7))
    assert record["probabilities"] == [0.2, 0.1]
    assert [each["label"] for each in other["top"]] == [7, "no digit"]
    assert written(predictions_view([none], run="cnn-001", top=1), "plain").split("\t")[:2] == ["a.png", "no digit"]
    assert ["no", "digit", "(70.00%)"] in rows(predictions_view([none], run="cnn-001", top=1))
    cannot = Prediction("a.png", (0.2, 0.1), NAMES[:2])  # another program's, whose numbers do not add up to 1
    assert [label for label, _ in cannot.top] == ["7", "cat"]


def test_a_note_and_an_error_are_told() -> None:
    noted = Prediction("a.png", (0.9, 0.1), NAMES[:2], note="the first was read")
    assert records(noted)[0]["note"] == "the first was read"
    assert records(BROKEN) == [
        {"schema": "mnistcli.predict-row/1", "path": "b.png", "error": "'b.png' is blank.", "run": "cnn-001"}
    ]


@pytest.mark.parametrize(("least", "label"), [(0.59, "cat"), (0.6, "cat"), (0.61, None)])
def test_an_answer_below_the_least_confidence_is_withheld_in_every_format(least: float, label: str | None) -> None:
    view = predictions_view([ONE], run="cnn-001", top=1, min_confidence=least)
    assert json.loads(written(view, "json"))["predictions"][0]["label"] == label
    assert written(view, "plain") == f"a.png\t{label or ''}\t0.6\n"
    words = rows(view)
    assert (["cat", "(60.00%)"] in words) == (label is not None)
    assert (["no", "answer:", "60.00%"] in words) == (label is None)


def test_a_line_of_csv_has_as_many_answers_as_were_asked_for() -> None:
    view = predictions_view([ONE, BROKEN], run="cnn-001", top=5)
    good, broken = csv.DictReader(written(view, "csv").splitlines())
    assert list(good) == [
        "path", "label", "confidence", "label2", "confidence2", "label3", "confidence3", "label4", "confidence4",
        "label5", "confidence5", "run",
    ]  # fmt: skip
    assert list(good.values()) == ["a.png", "cat", "0.6", "7", "0.3", "dog", "0.099", "owl", "0.001", "", "", "cnn-001"]
    assert list(broken.values()) == ["b.png", *[""] * 10, "cnn-001"]


def test_bars_are_as_long_as_their_answers_are_probable() -> None:
    view = predictions_view([ONE], run="cnn-001", top=4)
    named = {row[0]: row[1:] for row in rows(view) if row and row[0] in NAMES and len(row) == 3}
    assert list(named) == ["cat", "7", "dog", "owl"]
    assert [share for _, share in named.values()] == ["60.00%", "30.00%", "9.90%", "0.10%"]
    long, half, sixth, trace = (bar for bar, _ in named.values())
    assert set(long) == set(half) == set(sixth) == {"█"}
    assert len(long) == 2 * len(half) == 6 * len(sixth)
    assert len(trace) == 1
    assert trace not in ("█", " ")
    red, green, blue = colour(view, long)
    assert green > max(red, blue)


def test_one_answer_is_shown_without_bars_beside_what_the_network_saw() -> None:
    picture = Prediction("a.png", (0.3, 0.7), NAMES[:2], picture=PICTURE)
    shown = on_terminal(predictions_view([picture], run="cnn-001", top=1)).plain
    assert "cat (70.00 %)" in shown
    assert "a.png" in shown
    assert "█" not in shown
    assert shown.count("▀") == 2 * 3


def test_many_pictures_have_a_line_each_unless_more_detail_is_asked_for() -> None:
    cat, unsure = (
        Prediction("a.png", (0.3, 0.7), NAMES[:2], picture=PICTURE),
        Prediction("c.png", (0.6, 0.4), NAMES[:2], picture=PICTURE),
    )
    view = predictions_view([cat, BROKEN, unsure], run="cnn-001", top=1, min_confidence=0.65)
    lines = on_terminal(view, brief=True).plain.splitlines()
    width = max(map(len, NAMES[:2]))
    assert lines == [f"{'cat':{width}}   70.00 %  a.png", f"{'–':{width}}   60.00 %  c.png"]
    assert on_terminal(view).plain.count("▀") == 2 * 2 * 3
    only = predictions_view([cat], run="cnn-001", top=1, alone="a.png")
    assert on_terminal(only, brief=True).plain.count("▀") == 2 * 3


def test_a_question_mark_stands_for_what_is_no_digit_of_a_line() -> None:
    scribble = Digit((50, 5, 61, 27), (0.1, 0.2), ("4", "2"), PICTURE, rejects=True)
    line = Prediction("row.png", digits=(*LINE.digits, scribble))
    (record,) = records(line, split_digits=True)
    assert (record["label"], record["confidence"]) == ("24?", pytest.approx(0.72 * 0.7))
    assert (record["digits"][2]["label"], record["digits"][2]["confidence"]) == ("no digit", pytest.approx(0.7))


def test_a_line_of_digits_is_one_string_with_each_digit_s_confidence_and_box() -> None:
    view = predictions_view([LINE], run="cnn-001", top=1, split_digits=True)
    record = json.loads(written(view, "json"))["predictions"][0]
    assert (record["label"], record["confidence"]) == ("24", pytest.approx(0.72))
    assert record["digits"] == [
        {"label": 2, "confidence": 0.9, "box": [3, 4, 15, 26], "probabilities": [0.1, 0.9]},
        {"label": 4, "confidence": 0.8, "box": [30, 5, 41, 27], "probabilities": [0.8, 0.2]},
    ]
    path, label, confidence, digits = written(view, "plain").rstrip("\n").split("\t")
    assert (path, label, float(confidence)) == ("row.png", "24", pytest.approx(0.72))
    assert digits == "2:0.9000@3,4,15,26 4:0.8000@30,5,41,27"
    shown = on_terminal(view).plain
    for part in ("24 (72.00 %)", "2 (90.00 %)", "4 (80.00 %)", "x 3–15, y 4–26", "x 30–41, y 5–27"):
        assert part in shown
    assert shown.index("2 (90.00 %)") < shown.index("4 (80.00 %)")
    assert shown.count("▀") == 2 * 6
