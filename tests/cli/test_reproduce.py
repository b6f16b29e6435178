"""`runs reproduce` and `runs export`."""

import csv
import json
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnistcli.runs.sums import seal, unseal
from mnistcli.runs.tensors import save_tensors
from tests.conftest import Call


@pytest.fixture
def folder(workspace: Path, tmp_path: Path) -> Path:
    """A copy of the workspace."""
    shutil.copytree(workspace / "runs", tmp_path / "runs")
    return tmp_path


def change(folder: Path, part: str, **values: object) -> None:
    file = folder / "runs/linear-001/run.json"
    record = unseal(json.loads(file.read_text()))
    file.write_text(json.dumps(seal(record | {part: record[part] | values})))


def test_a_run_is_reproduced_to_the_bit_as_a_new_run(folder: Path, mnistcli: Call) -> None:
    outcome = mnistcli("runs", "reproduce", "linear-001", "--json")
    assert outcome.code == 0
    assert outcome.json["again"] == "linear-002"
    assert (outcome.json["verdict"], outcome.json["since_epoch"]) == ("identical", None)
    assert outcome.json["weights_difference"] == 0
    assert outcome.json["epochs"] == [0, 0]
    assert outcome.json["changed"] == []
    compared = mnistcli("runs", "diff", "linear-001", "linear-002")
    assert {line.split("\t")[1] for line in compared.lines} == {"train_seconds", "compile_seconds"}
    assert "the same configuration" in compared.err
    assert "their results are the same" in compared.err


def test_another_course_is_told_with_its_epoch_and_what_has_changed(folder: Path, mnistcli: Call) -> None:
    change(folder, "config", learning_rate=0.02)
    change(folder, "provenance", device="abacus")
    outcome = mnistcli("runs", "reproduce", "linear-001", "--name", "other", "--json")
    assert outcome.code == 1
    assert (outcome.json["verdict"], outcome.json["since_epoch"]) == ("different", 1)
    assert [(each["name"], each["a"]) for each in outcome.json["changed"]] == [("device", "abacus")]
    assert "device: abacus when linear-001 was trained, cpu now." in outcome.err
    assert "differ from epoch 1 on" in outcome.err


@pytest.mark.parametrize(
    ("part", "values", "flags", "said"),
    [
        ("config", {"start": "gone"}, (), "started with the weights of the run 'gone', which is no longer in 'runs'"),
        ("config", {"start": "dense-001"}, (), "which has other weights now"),
        ("config", {"arch": "never_named.py:Net", "source_sha256": "0"}, (), "add --arch never_named.py:Net"),
        ("config", {"dataset": "/somewhere"}, (), "name a data set with --dataset"),
        ("config", {}, ("--arch", "cnn"), "--arch cnn contradicts the run 'linear-001', which is linear"),
        ("config", {}, ("--tolerance", "nan"), "--tolerance must be a finite number of at least 0"),
    ],
)
def test_what_cannot_be_trained_again_is_one_sentence(
    part: str, values: dict[str, Any], flags: tuple[str, ...], said: str, folder: Path, mnistcli: Call
) -> None:
    change(folder, part, **values)
    arrays = {"output.bias": np.zeros(10, np.float32)}
    save_tensors(folder / "runs/linear-001/start.safetensors", arrays, {"schema": "mnistcli.start/1"})
    outcome = mnistcli("runs", "reproduce", "linear-001", "-q", *flags)
    assert outcome.code in (2, 4)
    (sentence,) = outcome.err.splitlines()
    assert said in sentence
    assert not (folder / "runs/linear-002").exists()


def test_a_run_that_is_not_finished_is_not_reproduced(folder: Path, mnistcli: Call) -> None:
    file = folder / "runs/linear-001/run.json"
    file.write_text(json.dumps(seal(unseal(json.loads(file.read_text())) | {"status": "failed"})))
    outcome = mnistcli("runs", "reproduce", "linear-001", "-q")
    assert outcome.code == 4
    assert "mnistcli train --resume linear-001" in outcome.err
    assert mnistcli("runs", "reproduce", "builtin").code == 4


def read_events(file: Path) -> Iterator[Any]:
    """Yield the events of a TFRecord file: a length (8 bytes), its sum (4), the event, its sum (4)."""
    from tensorboardX.proto.event_pb2 import Event

    content = file.read_bytes()
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        yield Event.FromString(content[12 : 12 + length])
        content = content[16 + length :]


def test_epochs_are_exported_as_csv_and_as_events_of_tensorboard(folder: Path, mnistcli: Call) -> None:
    outcome = mnistcli("runs", "export", "dense", "--csv", "epochs.csv", "--tensorboard", "events", "--json")
    history = mnistcli("runs", "show", "dense", "--json").json["history"]
    assert outcome.json["tensorboard"] == "events/dense-001"
    rows = list(csv.DictReader(Path("epochs.csv").read_text().splitlines()))
    assert [{name: float(value) for name, value in row.items()} for row in rows] == history
    (file,) = Path("events/dense-001").iterdir()
    events = [event for event in read_events(file) if event.summary.value]
    values = {(each.tag, event.step): each.simple_value for event in events for each in event.summary.value}
    assert len(values) == 5 * len(history)
    for epoch in history:
        assert values["loss/validation", epoch["epoch"]] == pytest.approx(epoch["validation_loss"])
        assert values["accuracy/train", epoch["epoch"]] == pytest.approx(epoch["train_accuracy"])
    times = {event.step: event.wall_time for event in events}
    assert times[2] - times[1] == pytest.approx(history[1]["seconds"], abs=1e-5)
    again = mnistcli("runs", "export", "dense", "--tensorboard", "events")
    assert (again.code, again.out) == (2, "")
    assert "'events/dense-001' already exists" in again.err
    assert [path.name for path in Path("events").iterdir()] == ["dense-001"]


def test_a_csv_file_that_cannot_be_written_leaves_no_events(folder: Path, mnistcli: Call) -> None:
    name = "x" * 250 + ".csv"  # 255 bytes are allowed, but the temporary file's name is longer
    outcome = mnistcli("runs", "export", "dense", "--csv", name, "--tensorboard", "unwritten")
    assert (outcome.code, outcome.out) == (2, "")
    assert f"'{name}' cannot be written: File name too long." in outcome.err
    assert not Path("unwritten").exists()


def test_export_without_a_form_or_without_tensorboardx_says_what_is_missing(
    folder: Path, mnistcli: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "--csv FILE or --tensorboard DIR" in mnistcli("runs", "export", "dense").err
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    outcome = mnistcli("runs", "export", "dense", "--csv", "epochs.csv", "--tensorboard", "events")
    assert (outcome.code, outcome.out) == (2, "")
    assert "pip install 'mnistcli[tensorboard]'" in outcome.err
    assert not Path("epochs.csv").exists()
    assert not Path("events").exists()
