"""A run survives what may befall it, and goes on to the weights that it would have come to."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from safetensors.numpy import load_file

from mnistcli.runs.sums import seal
from tests.conftest import Call, MakeOnce
from tests.kills import finish, kill_and_resume, train
from tests.starts import start_at_once

SMALL = ("--arch", "dense", "--limit", "600", "--epochs", "3", "--patience", "0", "--no-plots")
LONG = ("--arch", "dense", "--epochs", "400", "--patience", "0", "--no-plots")


def tensors(run: Path) -> dict[str, np.ndarray]:
    return load_file(run / "model.safetensors") | load_file(run / "last.safetensors")


def same(one: Path, other: Path) -> bool:
    a, b = tensors(one), tensors(other)
    return a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)


@pytest.fixture(scope="module")
def images(make_once: MakeOnce) -> Path:
    """A run's folder as it was around every flush and every renaming: what a power cut then would leave.

    whole/ is the run at its end. Read these only.
    """

    def fill(folder: Path) -> None:
        done = subprocess.run([sys.executable, "-c", SNAPSHOTS, folder, *SMALL], cwd=folder, capture_output=True)
        assert done.returncode == 0, done.stderr
        shutil.copytree(folder / "runs/watched", folder / "whole")

    return make_once("images", fill)


SNAPSHOTS = """
import os, pathlib, shutil, sys
folder, taken = pathlib.Path(sys.argv[1]), 0
run = folder / "runs" / "watched"

def around(function):
    def wrapped(*arguments):
        snapshot()
        result = function(*arguments)
        snapshot()
        return result
    return wrapped

def snapshot():
    global taken
    if (run / "run.json").exists():
        shutil.copytree(run, folder / f"image-{taken:03d}")
        taken += 1

os.fsync = around(os.fsync)
pathlib.Path.replace = around(pathlib.Path.replace)
from mnistcli.cli.app import main
sys.argv = ["mnistcli", "train", "--name", "watched", "--checkpoint-every", "10", *sys.argv[2:]]
main()
"""


def test_a_run_cut_off_at_any_write_goes_on_to_the_same_bits(images: Path, tmp_path: Path, mnistcli: Call) -> None:
    cut = sorted(images.glob("image-*"))
    assert len(cut) > 50
    for image in cut[::7]:  # 7 shares no factor with the writes of a checkpoint, so each of them is met
        run = tmp_path / "runs" / image.name
        shutil.copytree(image, run)
        outcome = mnistcli("train", "--resume", image.name, "--no-plots")
        assert (outcome.code == 0) or "is finished" in outcome.err, (image.name, outcome.err)
        assert same(run, images / "whole"), image.name
        lines = [(folder / "metrics.jsonl").read_text().splitlines() for folder in (run, images / "whole")]
        assert [json.loads(each)["train_loss"] for each in lines[0]] == [
            json.loads(each)["train_loss"] for each in lines[1]
        ]
        assert {path.name for path in run.iterdir()} == {path.name for path in (images / "whole").iterdir()}


@pytest.mark.parametrize("arch", ["dense", "cnn"])
def test_a_killed_run_goes_on_to_the_same_bits(arch: str, tmp_path: Path) -> None:
    finish(tmp_path, *train(arch, "whole"))
    for i, after in enumerate((0.0, 1.0)):
        kill_and_resume(tmp_path, arch, f"killed-{i}", after=after)
        assert same(tmp_path / "runs/whole", tmp_path / f"runs/killed-{i}")


@pytest.fixture
def half(images: Path, tmp_path: Path) -> Path:
    """A run cut off in its second epoch, with two checkpoints, in this test's folder as runs/half."""
    for image in sorted(images.glob("image-*")):
        if all((image / f"{name}.safetensors").exists() for name in ("last", "before-last", "model")):
            shutil.copytree(image, tmp_path / "runs/half")
            return tmp_path / "runs/half"
    raise AssertionError("no image has two checkpoints")


def test_a_run_that_is_not_what_its_recipe_gives_is_used_with_a_note(half: Path, mnistcli: Call) -> None:
    unfinished = "half was not trained to the end: the best weights so far are used."
    noted = mnistcli("evaluate", "half").err.splitlines()
    assert noted[1:] == ["half was trained on the first 600 images only.", unfinished]
    assert unfinished in mnistcli("compare", "half", "builtin").err
    assert mnistcli("evaluate", "half", "-q").err == ""


def flip(path: Path, place: int = -100) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (("last.safetensors",), "Resuming half"),
        (("last.safetensors", "before-last.safetensors"), "starts again"),
        (("model.safetensors",), "starts again"),
    ],
)
def test_damaged_files_are_told_and_what_is_whole_is_used(
    damaged: tuple[str, ...], said: str, half: Path, images: Path, mnistcli: Call
) -> None:
    for name in damaged:
        flip(half / name)
    outcome = mnistcli("train", "--resume", "half", "--no-plots")
    assert outcome.code == 0
    assert all(f"{name}' is damaged" in outcome.err for name in damaged)
    assert said in outcome.err
    assert same(half, images / "whole")


def test_a_torn_line_of_metrics_is_cut_off_and_said_so(half: Path, images: Path, mnistcli: Call) -> None:
    with (half / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 2, "train_lo')
    assert mnistcli("runs", "show", "half").code == 0
    outcome = mnistcli("train", "--resume", "half", "--no-plots")
    assert outcome.code == 0
    assert "metrics.jsonl was restored" in outcome.err
    epochs = [json.loads(line)["epoch"] for line in (half / "metrics.jsonl").read_text().splitlines()]
    assert epochs == [1, 2, 3]


def test_a_killed_run_is_listed_as_interrupted_and_one_at_work_as_running(half: Path, mnistcli: Call) -> None:
    def status() -> str:
        (row,) = mnistcli("runs", "list", "--json").json["runs"]
        return row["status"]

    assert json.loads((half / "run.json").read_text())["status"] == "running"
    assert status() == "interrupted"
    with FileLock(half / ".lock"):
        assert status() == "running"


def test_a_run_in_use_is_refused(half: Path, mnistcli: Call) -> None:
    before = {path.name: path.read_bytes() for path in half.iterdir()}
    with FileLock(half / ".lock"):
        outcome = mnistcli("train", "--resume", "half")
    assert (outcome.code, outcome.out) == (4, "")
    assert "is in use" in outcome.err
    assert {path.name: path.read_bytes() for path in half.iterdir()} == before


def test_resume_ends_where_a_run_of_that_many_epochs_does(half: Path, mnistcli: Call) -> None:
    assert mnistcli("train", *SMALL, "--epochs", "5", "--name", "five").code == 0
    assert mnistcli("train", "--resume", "half", "--epochs", "5", "--no-plots").code == 0
    assert same(half, half.parent / "five")
    record = json.loads((half / "run.json").read_text())
    assert record["config"]["epochs"] == 5
    assert [again["device"] for again in record["provenance"]["resumed"]] == ["cpu"]


@pytest.mark.parametrize(
    "flags",
    [("--lr", "0.5"), ("--arch", "cnn"), ("--seed", "1"), ("--batch-size", "64"), ("--optimizer", "sgd"),
     ("--limit", "9"), ("--patience", "3"), ("--augment",), ("--schedule", "cosine"), ("--weight-decay", "0.1"),
     ("--name", "other")],
    ids=" ".join,
)  # fmt: skip
def test_flags_that_contradict_the_run_are_refused_by_name(flags: tuple[str, ...], half: Path, mnistcli: Call) -> None:
    outcome = mnistcli("train", "--resume", "half", *flags)
    assert (outcome.code, outcome.out) == (2, "")
    assert flags[0] in outcome.err
    assert "contradicts --resume" in outcome.err
    assert mnistcli("train", "--resume", "half", "--lr", "0.001", "--no-plots").code == 0


def test_fewer_epochs_than_are_done_and_another_end_of_a_schedule_are_refused(half: Path, mnistcli: Call) -> None:
    record = json.loads((half / "run.json").read_text())
    del record["sha256"]
    (half / "run.json").write_text(json.dumps(seal(record | {"config": record["config"] | {"schedule": "cosine"}})))
    outcome = mnistcli("train", "--resume", "half", "--epochs", "4")
    assert (outcome.code, "schedule" in outcome.err) == (2, True)


def test_a_finished_run_is_said_to_be_so_and_latest_is_the_newest_unfinished(half: Path, mnistcli: Call) -> None:
    assert mnistcli("train", *SMALL, "--name", "newer").code == 0
    outcome = mnistcli("train", "--resume", "newer")
    assert (outcome.code, outcome.out) == (4, "")
    assert "is finished" in outcome.err
    assert mnistcli("train", "--resume", "latest", "--no-plots", "--json").json["run"] == "half"
    assert mnistcli("train", "--resume", "latest").code == 4
    assert mnistcli("train", "--resume", "nobody").code == 4


@pytest.fixture
def training(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A long run as a process, in its first epoch or a later one."""
    command = [sys.executable, "-m", "mnistcli", "train", *LONG, "--checkpoint-every", "200"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 120
        while not (tmp_path / "runs/dense-001/last.safetensors").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_with_a_checkpoint_130_and_the_command_to_go_on(
    number: signal.Signals, training: subprocess.Popen[bytes], tmp_path: Path, mnistcli: Call
) -> None:
    training.send_signal(number)
    out, err = training.communicate(timeout=30)
    assert (training.returncode, out) == (130, b"")
    last = err.decode().splitlines()[-1]
    assert "mnistcli train --resume dense-001" in last
    assert json.loads((tmp_path / "runs/dense-001/run.json").read_text())["status"] == "interrupted"
    history = (tmp_path / "runs/dense-001/metrics.jsonl").read_text().splitlines() if "epoch 1" in err.decode() else []
    outcome = mnistcli("train", "--resume", "dense-001", "--epochs", len(history) + 1, "--no-plots", "--json")
    assert (outcome.code, outcome.json["epochs"]) == (0, len(history) + 1)


def test_a_second_signal_ends_the_process_at_once_whatever_it_computes() -> None:
    code = (
        "import hashlib\nfrom mnistcli.process import heed_interrupts, held_interrupts\nheed_interrupts()\n"
        "with held_interrupts() as came:\n"
        "    print('ready', flush=True)\n"
        "    while not came(): pass\n"
        "    print('held', flush=True)\n"
        "    hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == b"held\n"
        process.send_signal(signal.SIGTERM)
        assert (process.wait(timeout=120), process.communicate()) == (130, (b"", b"Interrupted.\n"))


def test_a_file_that_cannot_be_written_is_one_sentence_and_the_last_checkpoint_stands(
    half: Path, images: Path, tmp_path: Path, mnistcli: Call
) -> None:
    limited = f"ulimit -f 1000; exec {sys.executable} -m mnistcli train --resume half --no-plots --no-cache"
    done = subprocess.run(["bash", "-c", limited], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("mnistcli: The run 'half' stopped: File too large")
    assert not [path.name for path in half.iterdir() if path.name.startswith(".") and path.name != ".lock"]
    assert mnistcli("train", "--resume", "half", "--no-plots").code == 0
    assert same(half, images / "whole")


def test_no_space_in_the_middle_is_told_and_the_run_goes_on_elsewhere_later(
    half: Path, images: Path, monkeypatch: pytest.MonkeyPatch, mnistcli: Call
) -> None:
    flushed, fsync = 0, os.fsync

    def fill(descriptor: int) -> None:
        nonlocal flushed
        flushed += 1
        if flushed > 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fill)
        outcome = mnistcli("train", "--resume", "half", "--no-plots")
    assert outcome.code == 1
    assert "No space left on device" in outcome.err
    assert "mnistcli train --resume half" in outcome.err
    assert not list(half.glob(".*.safetensors.*"))
    assert mnistcli("train", "--resume", "half", "--no-plots").code == 0
    assert same(half, images / "whole")


def test_too_little_space_is_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mnistcli: Call
) -> None:
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 10**6, 10**6))
    outcome = mnistcli("train", *SMALL)
    assert (outcome.code, outcome.out) == (2, "")
    assert "1.0 MB left" in outcome.err
    assert not (tmp_path / "runs").exists()


def test_several_starts_at_once_make_a_run_each(tmp_path: Path) -> None:
    assert start_at_once(tmp_path, 4) == (4, {f"linear-00{i}" for i in range(1, 5)})
