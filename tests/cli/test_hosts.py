"""Several processes train one run together, on a loopback address in place of a network."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Call, MakeOnce, run_in, wait_until

COMMAND = ("train", "--arch", "dense", "--limit", "3000", "--no-plots", "--json")
PATIENCE = 120  # seconds that the tests wait for anything


class Hosts(ExitStack):
    """Processes that train one run together; all end with the block."""

    def __init__(
        self,
        n: int,
        folder: Path,
        *arguments: str,
        variables: Sequence[Mapping[str, str]] = (),
        program: Sequence[str] = ("-m", "mnistcli"),
    ) -> None:
        super().__init__()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        self.processes = []
        for i in range(n):
            here = ("--coordinator", address, "--num-processes", str(n), "--process-id", str(i))
            process = subprocess.Popen(
                [sys.executable, *program, *arguments, *here],
                cwd=folder if i == 0 else folder / "elsewhere",
                env=os.environ | dict(variables[i] if variables else {}),
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
    wait_until(lambda: (run / "metrics.jsonl").exists() and len(losses(run)) >= epoch)


@pytest.fixture(scope="module")
def alone(make_once: MakeOnce) -> Path:
    """A folder with runs of one process, whose names are their epochs, and what the command printed of each."""

    def fill(folder: Path) -> None:
        for epochs in ("2", "4"):
            (folder / f"{epochs}.json").write_bytes(run_in(folder, *COMMAND, "--epochs", epochs, "--name", epochs))

    return make_once("hosts", fill)


@pytest.mark.parametrize("n", [2, 4])
def test_several_processes_train_as_one_does(n: int, folder: Path, alone: Path) -> None:
    with Hosts(n, folder, *COMMAND, "--epochs", "2", "--name", "together") as hosts:
        (code, out, err), *others = hosts.wait()
    assert (code, err.count("epoch")) == (0, 2)
    assert others == [(0, "", "")] * (n - 1)
    together = json.loads(out)
    assert together["device"] == f"cpu × {n}, {n} processes"
    assert abs(together["test_accuracy"] - json.loads((alone / "2.json").read_text())["test_accuracy"]) <= 0.001
    assert losses(folder / "runs/together")[0] == pytest.approx(losses(alone / "runs/2")[0], rel=1e-5)
    assert not [*folder.glob("elsewhere/*")]


def assert_told(ended: list[tuple[int, str, str]]) -> None:
    """Each process ended with one sentence about the one that was lost."""
    for code, out, err in ended:
        *_, last = err.splitlines()
        assert (code, out) == (1, "")
        assert last.startswith("mnistcli: Another process of this training ended or cannot be reached")
        assert "Traceback" not in err


def test_a_killed_process_ends_all_and_two_others_go_on(folder: Path, alone: Path) -> None:
    with Hosts(4, folder, *COMMAND, "--epochs", "4", "--name", "cut") as hosts:
        wait_for_epoch(folder / "runs/cut", 1)
        hosts.processes[3].kill()
        ended = hosts.wait(3)
    assert_told(ended)
    assert (
        "to continue from the last checkpoint, with any number of processes, run 'mnistcli train --resume cut'"
        in ended[0][2]
    )
    with Hosts(2, folder, "train", "--resume", "cut", "--no-plots", "--json") as hosts:
        (code, out, _), other = hosts.wait()
    assert (code, other) == (0, (0, "", ""))
    whole = json.loads((alone / "4.json").read_text())
    assert abs(json.loads(out)["test_accuracy"] - whole["test_accuracy"]) <= 0.001
    assert losses(folder / "runs/cut") == pytest.approx(losses(alone / "runs/4"), rel=1e-3)


def test_the_others_end_when_the_first_process_is_killed(folder: Path) -> None:
    with Hosts(2, folder, *COMMAND, "--epochs", "1000", "--patience", "0", "--name", "cut") as hosts:
        wait_for_epoch(folder / "runs/cut", 1)
        hosts.processes[0].kill()
        assert_told(hosts.wait(0))


@pytest.mark.parametrize("signalled", [0, 1])
def test_a_signal_to_one_process_stops_all_with_a_checkpoint(signalled: int, folder: Path) -> None:
    with Hosts(2, folder, *COMMAND, "--epochs", "1000", "--patience", "0", "--name", "cut") as hosts:
        wait_for_epoch(folder / "runs/cut", 1)
        hosts.processes[signalled].send_signal(signal.SIGINT)
        first, other = hosts.wait()
    assert (first[0], other) == (130, (130, "", "mnistcli: Interrupted.\n"))
    assert "to continue, run 'mnistcli train --resume cut'." in first[2]
    assert (folder / "runs/cut/last.safetensors").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--distributed",), "finds neither Slurm"),
        (("--num-processes", "2"), "together, or none of them"),
        (("--coordinator", "here", "--num-processes", "2", "--process-id", "0"), "takes HOST:PORT"),
        (("--coordinator", "127.0.0.1:1", "--num-processes", "2", "--process-id", "2"), "must be from 0 to 1"),
        (
            ("--coordinator", "127.0.0.1:99999", "--num-processes", "2", "--process-id", "1"),
            "The port of --coordinator must be from 1 to 65535",
        ),
        (("--distributed", "--seeds", "2"), "--seeds contradicts --distributed"),
        (("--distributed", "--seeds", "2", "--shard", "1/2"), "--shard contradicts --distributed"),
    ],
)
def test_processes_that_cannot_come_together_are_refused(flags: tuple[str, ...], said: str, spawn: Call) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "OMPI", "KUBE"))}
    refused = spawn("train", *flags, env=environment)
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err


def test_processes_with_unequal_devices_are_refused_before_a_run_is_made(folder: Path) -> None:
    unequal = ({}, {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"})
    with Hosts(2, folder, *COMMAND, variables=unequal) as hosts:
        for code, _, err in hosts.wait():
            assert code == 2
            assert "The processes have different numbers of devices (1, 2): give each --devices 1." in err
    assert not (folder / "runs").exists()


def test_a_signal_ends_a_process_that_waits_for_the_others(folder: Path) -> None:
    with Hosts(2, folder, *COMMAND) as hosts:
        hosts.processes[0].kill()
        time.sleep(3)  # it is waiting now, or about to
        hosts.processes[1].send_signal(signal.SIGINT)
        ((code, out, err),) = hosts.wait(0)
    # The prefix is missing if the signal comes before the process waits.
    assert (code, out, err.removeprefix("mnistcli: ")) == (130, "", "Interrupted.\n")


def test_another_process_waits_until_the_first_has_scored_the_run(folder: Path) -> None:
    """The first one takes longer to score than another process may be silent."""
    slow = """
import sys, time
from mnistcli.commands import course
from mnistcli import jax_setup
jax_setup.HEARTBEAT_SECONDS = 5
if "0" == sys.argv[-1]:
    score = course.score
    course.score = lambda answers: (time.sleep(10), score(answers))[1]
from mnistcli.cli.app import main
if __name__ == "__main__":
    main()
"""
    (folder / "slow.py").write_text(slow)
    with Hosts(2, folder, *COMMAND, "--epochs", "1", program=[str(folder / "slow.py")]) as hosts:
        (code, out, _), other = hosts.wait()
    assert (code, other) == (0, (0, "", ""))
    assert json.loads(out)["epochs"] == 1
