"""Several processes train one run together, on a loopback address in place of a network."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Call, run_in

COMMAND = ("train", "--arch", "dense", "--limit", "3000", "--no-plots", "--json")
PATIENCE = 120  # seconds that the tests wait for anything


class Hosts(ExitStack):
    """Processes that train one run together; all end with the block."""

    def __init__(self, n: int, folder: Path, *arguments: str) -> None:
        super().__init__()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        self.processes = []
        for i in range(n):
            here = ("--coordinator", address, "--num-processes", str(n), "--process-id", str(i))
            process = subprocess.Popen(
                [sys.executable, "-m", "mnistcli", *arguments, *here],
                cwd=folder if i == 0 else folder / "elsewhere",
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            self.processes.append(self.enter_context(process))
            self.callback(process.kill)

    def wait(self, *left_out: int) -> list[tuple[int, str, str]]:
        """Return each process's exit code, stdout and stderr, but for those left out."""
        found = []
        for i, process in enumerate(self.processes):
            if i not in left_out:
                out, err = process.communicate(timeout=PATIENCE)
                found.append((process.returncode, out, err))
        return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for process 0, and in it one for the others, which do not see the first one's runs."""
    (tmp_path / "elsewhere").mkdir()
    return tmp_path


def losses(run: Path) -> list[float]:
    return [json.loads(line)["train_loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]


def wait_for_epoch(run: Path, epoch: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while not (run / "metrics.jsonl").exists() or len(losses(run)) < epoch:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("n", [2, 4])
def test_several_processes_train_as_one_does(n: int, folder: Path) -> None:
    alone = json.loads(run_in(folder, *COMMAND, "--epochs", 2, "--name", "alone"))
    with Hosts(n, folder, *COMMAND, "--epochs", "2", "--name", "together") as hosts:
        (code, out, err), *others = hosts.wait()
    assert (code, err.count("epoch")) == (0, 2)
    assert others == [(0, "", "")] * (n - 1)
    together = json.loads(out)
    assert together["device"] == f"cpu × {n}, {n} processes"
    assert abs(together["test_accuracy"] - alone["test_accuracy"]) <= 0.001
    assert losses(folder / "runs/together")[0] == pytest.approx(losses(folder / "runs/alone")[0], rel=1e-5)
    assert not [*folder.glob("elsewhere/*")]


@pytest.mark.parametrize("victim", [0, 3])
def test_a_killed_process_ends_all_and_two_others_go_on(victim: int, folder: Path) -> None:
    with Hosts(4, folder, *COMMAND, "--epochs", "4", "--name", "cut") as hosts:
        wait_for_epoch(folder / "runs/cut", 1)
        hosts.processes[victim].kill()
        ended = hosts.wait(victim)
    for code, out, err in ended:
        *_, last = err.splitlines()
        assert (code, out) == (1, "")
        assert last.startswith("mnistcli: A process of this training ended or cannot be reached")
        assert "Traceback" not in err
    if victim:
        assert "'mnistcli train --resume cut' goes on from its last checkpoint" in ended[0][2]
    with Hosts(2, folder, "train", "--resume", "cut", "--no-plots", "--json") as hosts:
        (code, out, _), other = hosts.wait()
    assert (code, other) == (0, (0, "", ""))
    whole = json.loads(run_in(folder, *COMMAND, "--epochs", 4, "--name", "whole"))
    assert abs(json.loads(out)["test_accuracy"] - whole["test_accuracy"]) <= 0.001
    assert losses(folder / "runs/cut") == pytest.approx(losses(folder / "runs/whole"), rel=1e-3)


@pytest.mark.parametrize("signalled", [0, 1])
def test_a_signal_to_one_process_stops_all_with_a_checkpoint(signalled: int, folder: Path) -> None:
    with Hosts(2, folder, *COMMAND, "--epochs", "1000", "--patience", "0", "--name", "cut") as hosts:
        wait_for_epoch(folder / "runs/cut", 1)
        hosts.processes[signalled].send_signal(signal.SIGINT)
        first, other = hosts.wait()
    assert (first[0], other) == (130, (130, "", "mnistcli: Interrupted.\n"))
    assert "'mnistcli train --resume cut' goes on from here." in first[2]
    assert (folder / "runs/cut/last.safetensors").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--distributed",), "finds neither Slurm"),
        (("--num-processes", "2"), "are given together or not at all"),
        (("--coordinator", "here", "--num-processes", "2", "--process-id", "0"), "takes HOST:PORT"),
        (("--coordinator", "127.0.0.1:1", "--num-processes", "2", "--process-id", "2"), "must be from 0 to 1"),
        (("--distributed", "--seeds", "2"), "--seeds contradicts --distributed"),
    ],
)
def test_processes_that_cannot_come_together_are_refused(flags: tuple[str, ...], said: str, spawn: Call) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "OMPI", "KUBE"))}
    refused = spawn("train", *flags, env=environment)
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err
