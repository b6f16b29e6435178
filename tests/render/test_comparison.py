import csv
import json
from dataclasses import replace

import pytest

from mnistcli.render.comparison import comparison_view, verdict
from mnistcli.results.comparison import ComparedRun, Comparison, PairedTest
from tests.render.by_hand import BETTER, evaluation
from tests.render.reading import behind, on_terminal, rows, written

NAMES = ("cat", "dog", "owl")
PAIR = PairedTest("dense-001", "cnn-001", 320, 9, 18, 2, 0.0123)
A, B = evaluation(run="dense-001", names=NAMES), evaluation(BETTER, run="cnn-001", names=NAMES)
RUNS = ComparedRun(A, (), 407_050, None), ComparedRun(replace(B, loss=0.0987), (), 542_230, 150.0)
VIEW = comparison_view(Comparison(RUNS, (PAIR,)))


def test_json_has_runs_and_pairs() -> None:
    document = json.loads(written(VIEW, "json"))
    first, second = document["runs"]
    assert (first["run"], first["n"], first["parameters"], first["train_seconds"]) == ("dense-001", 349, 407_050, None)
    assert (second["run"], second["loss"], second["parameters"], second["train_seconds"]) == (
        "cnn-001", 0.0987, 542_230, 150,
    )  # fmt: skip
    assert document["pairs"] == [
        {"a": "dense-001", "b": "cnn-001", "both_right": 320, "only_a_right": 9, "only_b_right": 18, "both_wrong": 2,
         "p_value": 0.0123, "networks": ""}
    ]  # fmt: skip
    assert json.loads(written(VIEW, "jsonl"))["pairs"] == document["pairs"]


def test_csv_is_a_line_a_run() -> None:
    first, second = csv.DictReader(written(VIEW, "csv").splitlines())
    assert (first["run"], first["errors"], first["parameters"], first["train_seconds"]) == (
        "dense-001", "20", "407050", "",
    )  # fmt: skip
    assert (second["run"], second["errors"], second["parameters"], second["train_seconds"]) == (
        "cnn-001", "11", "542230", "150.0",
    )  # fmt: skip


def test_a_terminal_sets_the_runs_side_by_side() -> None:
    shown = rows(VIEW)
    for line in (
        "On 349 test images",
        "dense-001 cnn-001",
        "architecture dense cnn",
        "accuracy 94.27% 96.85%",
        "95% interval 91.31–96.26% 94.45–98.23%",
        "loss (nats) 0.1234 0.0987",
        "errors 20 11",
        "parameters 407,050 542,230",
        "training time – 2 min 30 s",
    ):
        assert line.split() in shown


def test_a_terminal_shows_who_was_right_where() -> None:
    shown = rows(VIEW)
    assert ["A", "B", "both", "right", "only", "A", "only", "B", "both", "wrong", "p", "(McNemar)"] in shown
    assert ["dense-001", "cnn-001", "320", "9", "18", "2", "0.012"] in shown


def test_the_difference_is_the_second_run_minus_the_first_green_where_it_is_better() -> None:
    shown = rows(VIEW)
    assert ["cat", "+6", "-3", "-3"] in shown
    assert ["dog", "+2", "+7", "-9"] in shown
    assert ["owl", "+2", "+2", "-4"] in shown
    better, worse = ("+6", "-3", "+7", "-9"), ("+2", "-4")
    assert all(green > red for red, green, _ in (behind(VIEW, part) for part in better))
    assert all(red > green for red, green, _ in (behind(VIEW, part) for part in worse))


@pytest.mark.parametrize(
    ("only_a", "only_b", "p", "words"),
    [
        (30, 5, 0.0499, ("a reads 25 more images right than b", "disagree on 35", "0.0499", "a is better")),
        (5, 30, 0.0499, ("b reads 25 more images right than a", "disagree on 35", "0.0499", "b is better")),
        (30, 5, 0.0501, ("a reads 25 more images right than b", "0.0501", "neither")),
        (30, 5, 0.00009, ("< 0.0001", "a is better")),
        (30, 5, 0.00012, ("0.0001", "a is better")),
        (7, 7, 1.0, ("equally many", "neither")),
    ],
)
def test_a_verdict_says_how_many_more_whether_it_could_be_chance_and_which_is_better(
    only_a: int, only_b: int, p: float, words: tuple[str, ...]
) -> None:
    said = verdict(PairedTest("a", "b", 100, only_a, only_b, 3, p))
    assert all(word in said for word in words)
    assert ("<" in said) == ("< 0.0001" in words)


def test_a_terminal_gives_the_verdict_and_says_that_several_p_values_are_not_corrected() -> None:
    assert verdict(PAIR) in on_terminal(VIEW).plain
    assert "corrected" not in on_terminal(VIEW).plain
    pairs = (PAIR, replace(PAIR, b="cnn-002"), replace(PAIR, a="cnn-001", b="cnn-002"))
    three = on_terminal(comparison_view(Comparison((*RUNS, RUNS[1]), pairs))).plain
    assert "The 3 p-values are not corrected" in three
    assert "Difference" not in three
