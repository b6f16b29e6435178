import csv
import json
from dataclasses import replace

import pytest

from mnistcli.render.evaluate import evaluation_view
from mnistcli.results.evaluate import Cost, CoveragePoint, Evaluation
from tests.render.by_hand import CALIBRATION, CONFUSION, evaluation
from tests.render.reading import behind, on_terminal, rows, written

VIEW = evaluation_view(evaluation(names=("cat", "dog", "7")))


def test_json_has_each_number_under_its_name() -> None:
    document = json.loads(written(VIEW, "json"))
    low, high = document.pop("accuracy_ci95")
    per_class, macro, reliability = (document.pop(key) for key in ("per_class", "macro", "reliability"))
    assert document == {
        "schema": "mnistcli.evaluate/1", "run": "cnn-001", "arch": "cnn", "split": "test", "n": 349,
        "accuracy": 329 / 349, "rejected": 0, "loss": 0.1234, "loss_calibrated": 0.1212, "brier": 0.0333,
        "calibration_error": 0.0567, "calibration_error_uncalibrated": 0.0789,
        "coverage": [
            {"min_confidence": 0.5, "coverage": 1.0, "accuracy": 329 / 349},
            {"min_confidence": 0.99, "coverage": 0.0, "accuracy": None},
        ],
        "suggested": {"min_confidence": 0.93, "coverage": 0.9712, "accuracy": 0.9991},
        "confusion": [list(row) for row in CONFUSION], "cost": None,
    }  # fmt: skip
    assert reliability == [
        {"low": 0.0, "high": 0.5, "n": 0, "confidence": None, "accuracy": None, "accuracy_ci95": None},
        {"low": 0.5, "high": 1.0, "n": 349, "confidence": 0.9321, "accuracy": 329 / 349, "accuracy_ci95": [low, high]},
    ]
    for key, mean in macro.items():
        assert mean == pytest.approx(sum(each[key] for each in per_class) / 3)
    assert (low, high) == (pytest.approx(0.9131, abs=1e-4), pytest.approx(0.9626, abs=1e-4))
    assert [each["label"] for each in per_class] == ["cat", "dog", 7]
    assert per_class[1] == {
        "label": "dog", "precision": 40 / 47, "recall": 40 / 49, "f1": pytest.approx(80 / 96), "support": 49
    }  # fmt: skip


def test_images_for_which_no_class_is_likeliest_are_counted() -> None:
    view = evaluation_view(replace(evaluation(), rejected=3))
    assert json.loads(written(view, "json"))["rejected"] == 3
    said = "the answer for 3 images; they are scored by their next one"
    assert ["no", "digit", *said.split()] in rows(view)
    assert ["no", "digit"] not in [row[:2] for row in rows(VIEW)]


def test_csv_has_the_bounds_of_the_accuracy_and_counts_the_errors() -> None:
    (row,) = csv.DictReader(written(VIEW, "csv").splitlines())
    low, accuracy, high = (float(row.pop(key)) for key in ("accuracy_low", "accuracy", "accuracy_high"))
    assert (low, accuracy, high) == pytest.approx((0.9131, 0.9427, 0.9626), abs=1e-4)
    assert row == {"run": "cnn-001", "arch": "cnn", "split": "test", "n": "349", "loss": "0.1234", "errors": "20"}


def test_a_terminal_shows_accuracy_with_its_interval_errors_and_loss() -> None:
    shown = rows(VIEW)
    assert ["run", "cnn-001", "(cnn)"] in shown
    assert ["errors", "20", "of", "349", "test", "images"] in shown
    assert ["accuracy", "94.27%", "(95%", "interval", "91.31–96.26%)"] in shown
    assert ["loss", "0.1234", "nats,", "0.1212", "after", "temperature", "scaling"] in shown
    assert ["Brier", "score", "0.0333"] in shown
    assert ["calibration", "error", "5.67%,", "7.89%", "before", "temperature", "scaling"] in shown
    assert ["50.0–100.0%", "349", "93.21%", "94.27%", "91.31–96.26%"] in shown
    assert ["0.99", "0.00%", "–"] in shown


def suggesting(point: CoveragePoint | None) -> Evaluation:
    return replace(evaluation(), calibration=replace(CALIBRATION, suggested=point))


def test_a_sentence_says_what_to_give_to_min_confidence() -> None:
    said = " ".join(on_terminal(VIEW).plain.split())
    found = "97.1 % of the images get an answer, and 99.91 % of these are correct."
    assert f"With predict --min-confidence 0.93, {found}" in said
    none = on_terminal(evaluation_view(suggesting(None))).plain
    assert "With predict --min-confidence" not in none
    every = on_terminal(evaluation_view(suggesting(CoveragePoint(0.0, 1.0, 0.9995)))).plain
    assert "All answers: 99.95 % correct, without --min-confidence." in every


def test_a_terminal_shows_precision_recall_f1_and_images_of_each_class() -> None:
    shown = rows(VIEW)
    assert ["class", "precision", "recall", "F1", "images"] in shown
    assert ["cat", "98.90%", "90.00%", "94.24%", "100"] in shown
    assert ["dog", "85.11%", "81.63%", "83.33%", "49"] in shown
    assert ["7", "94.31%", "99.50%", "96.84%", "200"] in shown
    assert ["mean", "92.77%", "90.38%", "91.47%", "349"] in shown


def test_a_terminal_shows_what_is_known_of_the_cost() -> None:
    shown = rows(evaluation_view(replace(evaluation(), cost=Cost(7850, 7840, 31_400, 65.43))))
    assert ["cost", "7,850", "parameters,", "7,840", "MAC/image,", "0.0", "MB"] in shown
    assert ["training", "65.4", "s"] in shown
    unknown = rows(evaluation_view(replace(evaluation(), cost=Cost(7850, None, 31_400_000, None))))
    assert ["cost", "7,850", "parameters,", "31.4", "MB"] in unknown
    assert ["training", "–"] in unknown


def test_a_score_without_a_denominator_is_a_dash() -> None:
    shown = rows(evaluation_view(evaluation(((5, 1, 0), (1, 4, 0), (0, 0, 0)), names=("cat", "dog", "owl"))))
    assert ["owl", "–", "–", "–", "0"] in shown


def test_a_terminal_shows_the_matrix_with_its_marginals() -> None:
    shown = rows(VIEW)
    assert ["cat", "90", "7", "3", "100"] in shown
    assert ["dog", "·", "40", "9", "49"] in shown
    assert ["7", "1", "·", "199", "200"] in shown
    assert ["Σ", "91", "47", "211", "349"] in shown


def test_hits_are_green_errors_red_and_more_of_them_brighter() -> None:
    view = evaluation_view(evaluation(((55, 22, 0), (0, 44, 33), (0, 0, 66)), names=("cat", "dog", "owl")))
    hit, more_hits = behind(view, "44"), behind(view, "66")
    error, more_errors = behind(view, "22"), behind(view, "33")
    for red, green, _ in (hit, more_hits):
        assert green > red
    for red, green, _ in (error, more_errors):
        assert red > green
    assert max(more_hits) > max(hit)
    assert max(more_errors) > max(error)


def test_the_worst_confusions_are_told_in_words_the_commonest_first() -> None:
    shown = " ".join(on_terminal(VIEW).plain.split())
    assert "dog read as 7: 9 · cat read as dog: 7 · cat read as 7: 3 · 7 read as cat: 1" in shown
    flawless = evaluation_view(evaluation(((5, 0), (0, 4)), names=("a", "b")))
    assert ["Worst", "confusions", "none"] in rows(flawless)
