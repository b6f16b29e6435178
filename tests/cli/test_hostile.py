"""Files and names from strangers, at the front door."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from mnistcli.runs import Status
from mnistcli.runs.record import read_record
from mnistcli.runs.tensors import load_tensors, save_tensors
from tests.conftest import Call, Measured

SIDE = 8192  # the largest that is not taken for a bomb
FULL = "mnistcli: The run 'full' stopped: No space left on device"


@pytest.fixture
def run(workspace: Path, tmp_path: Path) -> Path:
    """A finished run in this test's folder, runs/linear-001."""
    return Path(shutil.copytree(workspace / "runs/linear-001", tmp_path / "runs/linear-001"))


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Path]:
    """A place where a file system can be mounted."""
    place = tmp_path / "mounted"
    place.mkdir()
    yield place
    subprocess.run(["umount", "--lazy", place], capture_output=True)


def mounted(place: Path, options: str) -> Path:
    """Mount an empty file system there, or skip the test."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True)
    if done.returncode:
        pytest.skip("this system allows no mounting")
    return place


def test_a_full_disk_is_one_sentence_and_the_last_checkpoint_goes_on_once_there_is_room(
    mount: Path, mnistcli: Call
) -> None:
    mounted(mount, "size=17m")
    (mount / "ballast").write_bytes(bytes(12 * 2**20))  # dense's checkpoint is 3.3 MB, its weights 1.6 MB
    flags = ("--arch", "dense", "--limit", "64", "--no-plots")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mnistcli.commands.train.COPIES", 0)
        outcome = mnistcli("train", *flags, "--epochs", "4", "--patience", "0", "--runs-dir", mount, "--name", "full")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.splitlines()[-1].startswith(FULL)
    assert not list((mount / "full").glob(".*.safetensors.*"))
    (mount / "ballast").unlink()
    assert mnistcli("train", "--resume", mount / "full", "--no-plots", "--json").json["epochs"] == 4


def test_a_disk_too_small_and_a_folder_that_cannot_be_written_are_refused_before_training(
    mount: Path, tmp_path: Path, mnistcli: Call, run: Path
) -> None:
    (tmp_path / "file").touch()
    mounted(mount, "size=1m")
    for place, said in ((mount, "make room"), (tmp_path / "file", "is a file"), (tmp_path / "file/below", "written"),
                        (Path("x" * 300), "too long")):  # fmt: skip
        outcome = mnistcli("train", "--runs-dir", place)
        assert (outcome.code, outcome.out) == (2, "")
        assert said in outcome.err
        assert len(outcome.err.splitlines()) == 1
    subprocess.run(["mount", "-o", "remount,ro,size=50m", mount], check=True)
    for arguments in (("train", "--runs-dir", mount), ("evaluate", "linear-001", "--plot", mount / "x.png"),
                      ("predict", "x.png", "--explain", mount / "x.png")):  # fmt: skip
        outcome = mnistcli(*arguments)
        assert (outcome.code, outcome.out) == (2, "")
        assert "Read-only file system" in outcome.err
        assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize("plot", ["/proc/x.png", f"{'x' * 300}.png"])
def test_a_figure_that_cannot_be_written_is_refused_before_the_work(plot: str, mnistcli: Call) -> None:
    outcome = mnistcli("compare", "--plot", plot)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("mnistcli: --plot")
    assert "cannot be written" in outcome.err


def test_a_named_pipe_in_a_file_s_place_keeps_nobody_waiting(run: Path, tmp_path: Path, spawn: Call) -> None:
    for name in ("run.json", "model.safetensors", "metrics.jsonl"):
        (tmp_path / "runs/pipes").mkdir(exist_ok=True)
        os.mkfifo(tmp_path / "runs/pipes" / name)
    os.mkfifo(tmp_path / "picture.png")
    assert "damaged" in spawn("runs", "list", timeout=60).out
    outcome = spawn("predict", "picture.png", "--run", "builtin", timeout=60)
    assert (outcome.code, "Not a regular file" in outcome.err) == (1, True)
    outcome = spawn("predict", "picture.png", "--run", "runs/pipes/model.safetensors", timeout=60)
    assert outcome.code == 4
    outcome = spawn("predict", "picture.png", "--run", "pipes", timeout=60)
    assert (outcome.code, "Not a regular file" in outcome.err) == (4, True)


def test_the_largest_pictures_leave_room_in_memory(tmp_path: Path, spawn_measured: Measured) -> None:
    Image.new("I;16", (SIDE, SIDE), 300).save(tmp_path / "deep.png", compress_level=1)
    Image.new("RGBA", (SIDE, SIDE), (1, 2, 3, 200)).save(tmp_path / "transparent.png", compress_level=1)
    outcome, gigabytes = spawn_measured("predict", "deep.png", "transparent.png", "--run", "builtin")
    assert (outcome.code, outcome.err.count("is blank")) == (1, 2)
    assert gigabytes < 1


def test_a_run_that_is_a_link_out_of_the_folder_is_refused_and_not_listed(
    run: Path, tmp_path: Path, mnistcli: Call
) -> None:
    shutil.move(run, tmp_path / "elsewhere")
    run.symlink_to(tmp_path / "elsewhere")
    for command in (("evaluate", "linear-001"), ("runs", "show", "linear-001"), ("train", "--resume", "linear-001")):
        outcome = mnistcli(*command)
        assert (outcome.code, outcome.out) == (4, "")
        assert "link" in outcome.err
    assert mnistcli("runs", "list").out == ""
    assert mnistcli("runs", "show", tmp_path / "elsewhere").code == 0


def test_a_run_whose_files_are_links_writes_nowhere_else(run: Path, tmp_path: Path, mnistcli: Call) -> None:
    replace(read_record(run), status=Status.INTERRUPTED, results={}).write(run)
    outside = tmp_path / "outside"
    for name in ("metrics.jsonl", "last.safetensors", ".lock"):
        (run / name).unlink(missing_ok=True)
        (run / name).symlink_to(outside)
        outside.write_text("")
        outcome = mnistcli("train", "--resume", "linear-001", "--no-plots")
        assert outcome.code in (0, 4)
        assert outside.read_text() == ""


def test_a_name_that_could_steer_the_terminal_is_shown_escaped(run: Path, tmp_path: Path, mnistcli: Call) -> None:
    replace(read_record(run), run="esc\x1b[31m").write(run)
    shutil.move(run, tmp_path / "runs/esc\x1b[31m")
    for command in (("runs", "list"), ("runs", "show", "latest"), ("evaluate", "runs/esc\x1b[31m")):
        outcome = mnistcli(*command, "--format", "table", "--color", "never")
        assert outcome.code == 0
        assert "\x1b" not in outcome.out + outcome.err
        assert "\\x1b[31m" in outcome.out + outcome.err


def test_metadata_names_no_place_to_read_images_from(run: Path, tmp_path: Path, mnistcli: Call) -> None:
    record = read_record(run)
    config = record.config.changed({"dataset": "/etc"})
    replace(record, status=Status.INTERRUPTED, results={}, config=config).write(run)
    outcome = mnistcli("train", "--resume", "linear-001")
    assert (outcome.code, outcome.out) == (2, "")
    assert "--dataset /etc" in outcome.err


def test_a_small_file_that_asks_for_gigabytes_of_activations_is_refused(run: Path, mnistcli: Call) -> None:
    tensors, metadata = load_tensors(run / "model.safetensors", check=lambda *_: None)
    filters = 10**4
    wide = {"conv1.kernel": np.zeros((1, 1, 1, filters), np.float32), "conv1.bias": np.zeros(filters, np.float32)}
    network = f"conv {filters} 1x1, pool 28"
    save_tensors(run / "model.safetensors", tensors | wide, metadata | {"network": network})
    outcome = mnistcli("evaluate", "linear-001")
    assert outcome.code == 4
    assert "outputs for each pixel" in outcome.err


def test_huge_shapes_are_refused_by_what_the_header_says(run: Path, mnistcli: Call) -> None:
    size = 2**40
    header = json.dumps({"a": {"dtype": "F32", "shape": [size], "data_offsets": [0, 4 * size]}}).encode()
    for content in (len(header).to_bytes(8, "little") + header, (2**25).to_bytes(8, "little") + b"{" * 99):
        (run / "model.safetensors").write_bytes(content)
        outcome = mnistcli("summary", "linear-001")
        assert outcome.code == 4
        assert "not a complete safetensors file" in outcome.err


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"PK\x03\x04" + bytes(99), "zip archive"), (b"\x80\x04]q\x00.", "pickle"),
     (b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5")],
)  # fmt: skip
def test_weights_of_other_programs_are_refused_by_what_they_are(
    content: bytes, said: str, tmp_path: Path, mnistcli: Call
) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    outcome = mnistcli("summary", "model.pt")
    assert (outcome.code, outcome.out) == (4, "")
    assert said in outcome.err


@pytest.mark.parametrize("change", [{"dataset": []}, {"epochs": 2.5}, {"seed": None}, {"limit": "8"}, {"augment": 1}])
def test_a_configuration_of_the_wrong_kinds_is_damage(change: dict[str, object], run: Path, mnistcli: Call) -> None:
    record = read_record(run)
    config = record.config
    for name, value in change.items():
        part = next(each for each in (config, config.data, config.hyper) if hasattr(each, name))
        object.__setattr__(part, name, value)
    replace(record, status=Status.INTERRUPTED, results={}, config=config).write(run)
    outcome = mnistcli("train", "--resume", "linear-001")
    assert outcome.code == 4
    assert "damaged" in outcome.err


def test_a_history_that_lost_an_epoch_is_told(run: Path, mnistcli: Call) -> None:
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run / "metrics.jsonl").write_text(lines[0])
    outcome = mnistcli("runs", "show", "linear-001")
    assert outcome.code == 4
    assert "expected 2 epochs, found 1" in outcome.err


def test_a_run_cut_off_in_its_first_epoch_goes_on_by_its_path(run: Path, tmp_path: Path, mnistcli: Call) -> None:
    replace(read_record(run), status=Status.INTERRUPTED, results={}).write(run)
    before = load_file(run / "model.safetensors")
    elsewhere = tmp_path / "elsewhere/linear-001"
    shutil.move(run, elsewhere)
    for name in ("model.safetensors", "last.safetensors", "metrics.jsonl"):
        (elsewhere / name).unlink()
    assert mnistcli("train", "--resume", "elsewhere/linear-001", "--no-plots").code == 0
    after = load_file(elsewhere / "model.safetensors")
    assert all(np.array_equal(before[name], after[name]) for name in before)
