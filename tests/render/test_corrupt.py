import json

import pytest

from mnistcli.render.corrupt import robustness_view
from tests.render.by_hand import robustness
from tests.render.reading import on_terminal, rows, written

VIEW = robustness_view(robustness())


def test_a_terminal_shows_accuracy_points_lost_and_how_many_times_as_many_errors() -> None:
    shown = rows(VIEW)
    assert ["none", "96.85%", "94.45–98.23%", "–", "×", "1"] in shown
    assert ["fog", "94.27%", "91.31–96.26%", "-2.58", "×", "1.8", "fog,", "by", "hand"] in shown
    assert ["mean", "94.27%", "-2.58"] in shown


def test_a_terminal_says_that_these_are_not_mnist_c_s_files() -> None:
    said = " ".join(on_terminal(VIEW).plain.split())
    assert "cnn-001 reads 96.85 % of 349 test images right, and 94.27 % when corrupted (mean of 2 corruptions)." in said
    assert "these are not MNIST-C" in said


def test_lines_for_scripts_are_the_corruptions_with_the_run() -> None:
    fog, _ = map(json.loads, written(VIEW, "jsonl").splitlines())
    assert fog == {
        "schema": "mnistcli.evaluate-corrupt-row/1", "name": "fog", "accuracy": 329 / 349,
        "accuracy_low": pytest.approx(0.9131, abs=1e-4), "accuracy_high": pytest.approx(0.9626, abs=1e-4),
        "loss": 0.1234, "run": "cnn-001",
    }  # fmt: skip
