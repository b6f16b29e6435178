import csv
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mnistcli.render.runs import run_view, runs_view
from mnistcli.results.lists import RunSummary
from tests.render.by_hand import HISTORY
from tests.render.reading import colour, on_terminal, rows, written

CREATED = "2026-03-01T22:15:00+00:00"
SUMMARIES = (
    RunSummary("dense-001", "dense", "mnist", "finished", 0.9814, 12, 83.04, CREATED),
    RunSummary("cnn-001", "cnn", "kmnist", "running", None, None, None, CREATED),
    RunSummary("odd", "cnn", "mnist", "damaged", None, None, 150.0, "not a time"),
)
RUN: dict[str, Any] = {
    "run": "dense-001", "status": "failed", "created": CREATED,
    "config": {"arch": "dense", "batch_size": 32, "limit": None, "data": {"dataset": "mnist"}},
    "results": {"test_accuracy": 0.9814, "epochs": 3},
    "provenance": {"device": "cpu", "argv": ["train", "--seed", 3], "versions": {"jax": "1"}},
}  # fmt: skip


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def test_the_list_shows_what_each_run_came_to_and_a_dash_for_the_rest(tokyo: None) -> None:
    shown = rows(runs_view(SUMMARIES, folder="runs"))
    assert ["dense-001", "dense", "mnist", "finished", "98.14%", "12", "83.0", "s", "2026-03-02", "07:15"] in shown
    assert ["cnn-001", "cnn", "kmnist", "running", "–", "–", "–", "2026-03-02", "07:15"] in shown
    assert ["odd", "cnn", "mnist", "damaged", "–", "–", "2", "min", "30", "s", "–"] in shown


def test_a_finished_run_is_green_and_a_damaged_one_red() -> None:
    view = runs_view(SUMMARIES, folder="runs")
    red, green, blue = colour(view, "finished")
    assert green > max(red, blue)
    red, green, blue = colour(view, "damaged")
    assert red > max(green, blue)
    assert len({colour(view, status) for status in ("finished", "running", "damaged")}) == 3


def test_the_list_for_machines_has_fractions_and_seconds() -> None:
    view = runs_view(SUMMARIES, folder="there")
    document = json.loads(written(view, "json"))
    assert document["folder"] == "there"
    assert document["runs"][0] == {
        "run": "dense-001", "arch": "dense", "dataset": "mnist", "status": "finished", "test_accuracy": 0.9814,
        "epochs": 12, "train_seconds": 83.04, "created": CREATED, "group": None,
    }  # fmt: skip
    assert written(view, "plain").splitlines()[1] == f"cnn-001\tcnn\tkmnist\trunning\t\t\t\t{CREATED}\t"


def test_a_folder_without_runs_is_told_by_its_name() -> None:
    view = runs_view((), folder="there")
    assert "no runs in there yet" in on_terminal(view).plain
    assert written(view, "plain") == ""


def test_a_run_is_shown_with_its_configuration_results_device_and_command(tokyo: None) -> None:
    view = run_view(RUN, HISTORY)
    shown = rows(view)
    for line in (
        "status failed",
        "created 2026-03-02 07:15",
        "arch dense",
        "batch size 32",
        "limit –",
        "test accuracy 0.9814",
        "device cpu",
        "command train --seed 3",
    ):
        assert line.split() in shown
    red, green, blue = colour(view, "failed")
    assert red > max(green, blue)


def test_each_epoch_is_shown_training_before_validation() -> None:
    shown = rows(run_view(RUN, HISTORY))
    assert ["epoch", "loss", "accuracy", "validation", "loss", "validation", "accuracy", "time"] in shown
    assert ["1", "0.9000", "70.00%", "0.5000", "83.00%", "1.5", "s"] in shown
    assert ["3", "0.2000", "95.00%", "0.2500", "92.00%", "3.5", "s"] in shown
    assert not [row for row in rows(run_view(RUN, ())) if "epoch" in row]


def test_json_has_the_record_and_every_epoch_and_csv_what_is_one_value() -> None:
    view = run_view(RUN, HISTORY)
    document = json.loads(written(view, "json"))
    assert document.pop("history")[1] == {
        "epoch": 2, "train_loss": 0.4, "train_accuracy": 0.88, "validation_loss": 0.3, "validation_accuracy": 0.91,
        "seconds": 2.5, "images_per_second": 100,
    }  # fmt: skip
    assert document == {"schema": "mnistcli.runs-show/1", **RUN}
    (row,) = csv.DictReader(written(view, "csv").splitlines())
    assert row == {
        "run": "dense-001", "status": "failed", "created": CREATED, "arch": "dense", "batch_size": "32", "limit": "",
        "test_accuracy": "0.9814", "epochs": "3", "device": "cpu",
    }  # fmt: skip
