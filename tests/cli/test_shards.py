"""Processes that share a folder of runs share the members of a group and the trials of a search."""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.conftest import Call, run_in, wait_until

SMALL = ("--limit", "600", "--epochs", "2", "--json")
GROUP = ("train", "--arch", "dense", "--seeds", "6", "--no-plots", *SMALL)
SEARCH = ("tune", "dense", "--trials", "5", *SMALL)
PATIENCE = 200  # seconds that the tests wait for anything


def start(stack: ExitStack, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mnistcli", *arguments]
    process = stack.enter_context(
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    )
    stack.callback(process.kill)
    return process


def weights(run: Path) -> dict[str, np.ndarray]:
    return load_file(run / "model.safetensors")


def test_what_a_killed_worker_leaves_is_trained_by_the_others_to_the_same_bits(tmp_path: Path) -> None:
    with ExitStack() as stack:
        workers = [start(stack, tmp_path, *GROUP, "--shard", f"{i}/3") for i in (1, 2, 3)]
        wait_until(lambda: [*tmp_path.glob("runs/*/metrics.jsonl")])
        workers[1].kill()
        results = [json.loads(workers[i].communicate(timeout=PATIENCE)[0]) for i in (0, 2)]
    assert results[0] == results[1]
    assert [member["seed"] for member in results[0]["runs"]] == [*range(6)]
    assert len([*tmp_path.glob("runs/*/run.json")]) == 6
    assert len([*tmp_path.glob("runs/*/group.json")]) == 1
    run_in(tmp_path, *GROUP, "--name", "alone")
    for seed in range(6):
        shared, alone = (weights(tmp_path / f"runs/{name}-s{seed}") for name in ("dense-group-001", "alone"))
        assert shared.keys() == alone.keys()
        assert all(np.array_equal(shared[key], alone[key]) for key in alone)


def test_workers_share_the_trials_of_a_search(tmp_path: Path) -> None:
    with ExitStack() as stack:
        workers = [start(stack, tmp_path, *SEARCH, "--shard", f"{i}/3") for i in (1, 2, 3)]
        wait_until(lambda: [*tmp_path.glob("runs/*/.trial-*")])
        workers[2].kill()
        first, second = (json.loads(workers[i].communicate(timeout=PATIENCE)[0]) for i in (0, 1))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}
    (file,) = tmp_path.glob("runs/*/search.json")
    trials = [(trial["number"], trial["seed"]) for trial in json.loads(file.read_text())["trials"]]
    assert len(trials) == len({*trials})
    assert {number for number, seed in trials if seed == 0} == {*range(5)}
    assert not [*file.parent.glob(".trial-*")]


def test_a_group_that_lacks_members_says_which(tmp_path: Path, spawn: Call) -> None:
    run_in(tmp_path, "train", "--arch", "linear", "--seeds", "2", "--no-plots", *SMALL)
    record = tmp_path / "runs/linear-group-001-s1/run.json"
    record.unlink()
    refused = spawn("evaluate", "linear-group-001", "--json")
    assert refused.code == 4
    assert "1 of its 2 runs are missing (seed 1)" in refused.err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("train", "--shard", "1/2"), "give --seeds too"),
        (("train", "--seeds", "4", "--shard", "0/2"), "--shard takes I/N with I from 1 to N"),
        (("tune", "dense", "--shard", "3/2"), "--shard takes I/N with I from 1 to N"),
    ],
)
def test_a_shard_that_cannot_be_is_refused(command: tuple[str, ...], said: str, spawn: Call) -> None:
    refused = spawn(*command)
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err


@pytest.mark.parametrize("flags", [(), ("--shard", "1/1")])
def test_a_member_that_was_killed_before_its_record_was_whole_is_begun_again(
    flags: tuple[str, ...], tmp_path: Path, spawn: Call
) -> None:
    run_in(tmp_path, "train", "--arch", "linear", "--seeds", "2", "--no-plots", *SMALL, "--name", "g")
    member = tmp_path / "runs/g-s1"
    for file in member.iterdir():
        file.unlink()
    (member / ".run.json.Xyz").write_text("{")  # as a kill in the middle of writing leaves it
    (member / ".lock").touch()
    assert spawn("train", "--resume", "g", "--no-plots", *flags).code == 0
    assert (member / "model.safetensors").exists()


def test_workers_with_a_time_limit_agree_on_what_they_recommend(tmp_path: Path) -> None:
    search = ("tune", "dense", "--for", "6s", "--name", "t", *SMALL)
    with ExitStack() as stack:
        workers = [start(stack, tmp_path, *search, "--shard", f"{i}/2") for i in (1, 2)]
        first, second = (json.loads(worker.communicate(timeout=PATIENCE)[0]) for worker in workers)
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_a_shard_of_a_single_run_is_refused(tmp_path: Path, spawn: Call) -> None:
    run_in(tmp_path, "train", "--arch", "linear", "--no-plots", *SMALL, "--name", "single")
    record = tmp_path / "runs/single/run.json"
    refused = spawn("train", "--resume", "single", "--shard", "1/2")
    assert refused.code == 2
    assert "'single' is a single run" in refused.err
    assert json.loads(record.read_text())["status"] == "finished"
