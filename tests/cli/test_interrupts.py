"""Ctrl-C, SIGTERM and stopped or killed workers: one sentence, the right exit code, nothing left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mnistcli.datasets import export_images, load

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
PATIENCE = 120  # seconds after which something that should happen is said not to
SHARED = Path("/dev") / "shm"
GROUP = 2  # its place in /proc/PID/stat, after the process's name


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of 200,000 paths, which takes much longer than any of these tests."""
    folder = tmp_path_factory.mktemp("listed")
    export_images(load("mnist"), "test", folder / "digits", limit=1)
    (picture,) = (folder / "digits").glob("*.png")
    (folder / "list.txt").write_text(f"{picture}\n" * 200_000)
    return folder / "list.txt"


@contextmanager
def predicting(paths: Path, *options: str, ignore: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """Read pictures in a process, and processes below it, that have answered for some; -9 at the end in any case."""
    command = [sys.executable, "-m", "mnistcli", "predict", "--files-from", str(paths), "--run", "builtin", *options]
    if ignore:
        command = ["bash", "-c", 'trap "" INT; exec "$@"', "bash", *command]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, start_new_session=True, **streams) as process:  # type: ignore[call-overload]
        answers(process, 300)
        try:
            yield process
        finally:
            process.kill()


def answers(process: subprocess.Popen[bytes], n: int) -> None:
    assert process.stdout is not None
    assert all(process.stdout.readline().count(b"\t") == 2 for _ in range(n))


def workers(process: subprocess.Popen[bytes]) -> list[int]:
    """The processes below one, but multiprocessing's own, which only watches."""
    tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    return [child for child in children if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes()]


def at_work(group: int) -> set[int]:
    """The processes of a group that have not ended."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z" and int(fields[GROUP]) == group:
            found.add(int(stat.parent.name))
    return found


def wait_until_gone(group: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while left := at_work(group):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


@pytest.mark.parametrize("device", ["auto", "cpu"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kill", [os.kill, os.killpg])
def test_a_signal_ends_predict_with_one_sentence_and_leaves_nothing(
    kill: object, number: signal.Signals, device: str, listed: Path
) -> None:
    shared = {*SHARED.iterdir()}
    with predicting(listed, "--device", device) as process:
        assert workers(process)
        kill(process.pid, number)  # type: ignore[operator]
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err.decode().splitlines() == ["Reading pictures with run builtin.", "Interrupted."]
    wait_until_gone(process.pid)
    assert {*SHARED.iterdir()} <= shared


@pytest.mark.parametrize("end", ["killed", "reader gone"])
def test_the_reading_processes_end_with_the_program(listed: Path, end: str) -> None:
    with predicting(listed) as process:
        assert workers(process)
        if end == "killed":
            process.kill()
        else:
            assert process.stdout is not None
            process.stdout.close()
        assert process.wait(PATIENCE) == (-signal.SIGKILL if end == "killed" else 0)
    wait_until_gone(process.pid)


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_reading_process_that_the_system_ends_is_told_in_one_sentence(device: str, listed: Path) -> None:
    with predicting(listed, "-q", "--device", device) as process:
        os.kill(workers(process)[0], signal.SIGKILL)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert err.decode().splitlines() == [
        "mnistcli: A process that reads pictures was killed, perhaps because memory ran out."
    ]


def test_a_reading_process_that_does_not_answer_is_named_and_waited_for(listed: Path) -> None:
    with predicting(listed) as process:
        assert process.stderr is not None
        process.stderr.readline()
        stopped = workers(process)[0]
        os.kill(stopped, signal.SIGSTOP)
        reader = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
        said = process.stderr.readline().decode()
        assert said.startswith(f"Waiting for process {stopped}, ")
        reader.kill()
        reader.wait()
        os.kill(stopped, signal.SIGCONT)
        answers(process, 2000)


def test_a_signal_that_the_program_was_started_to_ignore_stays_ignored(listed: Path) -> None:
    with predicting(listed, ignore=True) as process:
        os.kill(process.pid, signal.SIGINT)
        answers(process, 2000)
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(PATIENCE) == 130


def test_a_signal_ends_what_waits_for_its_input() -> None:
    command = [sys.executable, "-m", "mnistcli", "predict", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"Reading pictures")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 130
        assert process.stderr.read() == b"Interrupted.\n"


def test_a_flood_of_signals_ends_a_training_as_two_do(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mnistcli", "train", "--limit", "5000", "--epochs", "500", "--patience", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith(b"epoch"):
            assert process.poll() is None
        latest = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < latest:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.004)
        assert process.poll() == 130
        assert b"Traceback" not in process.stderr.read()
