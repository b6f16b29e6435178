"""Limits of the system and of the environment, at the front door: one sentence, and what was done before is kept."""

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from mnistcli.runs import RunsFolder
from tests.conftest import Call
from tests.sweep import other_user

PROGRAM = [sys.executable, "-P", "-m", "mnistcli"]


@pytest.mark.parametrize(
    ("most", "command"), [(2, "runs list"), (12, "evaluate builtin"), (12, "train --arch linear --limit 64 --epochs 1")]
)
def test_too_few_threads_are_one_sentence_before_a_library_ends_the_process(
    most: int, command: str, tmp_path: Path
) -> None:
    become = other_user(os.getpid()) if os.geteuid() == 0 else []
    limit = ["prlimit", f"--nproc={most}:{most}"]
    if not all(map(shutil.which, ("prlimit", "setpriv"))):
        pytest.skip("prlimit and setpriv are not here")
    call = [*become, *limit, *PROGRAM, *command.split()]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    said = "mnistcli: The system does not allow another thread: raise the limit that 'ulimit -u' shows.\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)
    assert not (tmp_path / "runs").exists()


def test_too_little_memory_is_one_sentence(mnistcli: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhaust(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(RunsFolder, "find", exhaust)
    outcome = mnistcli("runs", "show")
    assert (outcome.code, outcome.out, outcome.err) == (1, "", "mnistcli: There is not enough memory.\n")


@pytest.mark.parametrize("good", [1, 250])
def test_pictures_listed_before_a_line_that_is_too_long_are_answered(good: int, tmp_path: Path, spawn: Call) -> None:
    (tmp_path / "list").write_text("nothing.png\n" * good + "x" * 200_000 + "\n")
    outcome = spawn("predict", "--run", "builtin", "--files-from", "list", "--format", "jsonl")
    assert (outcome.code, len(outcome.lines)) == (2, good)
    assert "not a list of paths" in outcome.err.splitlines()[-1]


def test_a_wrong_kind_of_device_is_refused_by_commands_that_do_not_compute(mnistcli: Call) -> None:
    for command in (("data", "show"), ("data", "audit"), ("predict", "x.png")):
        outcome = mnistcli(*command, "--device", "nonsense")
        assert (outcome.code, outcome.out) == (2, "")
        assert "nonsense" in outcome.err


def test_a_plugin_that_jax_cannot_load_is_one_sentence(spawn: Call) -> None:
    environment = os.environ | {"PJRT_NAMES_AND_LIBRARY_PATHS": "x:/nowhere.so"}
    outcome = spawn("evaluate", "builtin", env=environment)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("mnistcli: JAX cannot start with these environment variables: ")


def test_flags_are_tried_without_running_files_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("open('executed', 'w')")
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run([*PROGRAM, "doctor", "--json"], cwd=tmp_path, env=environment, capture_output=True)
    assert done.returncode == 0
    assert not (tmp_path / "executed").exists()


def test_an_error_fits_the_terminal_of_stderr_where_stdout_is_a_pipe(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("4H", 24, 50, 0, 0))
    command = [*PROGRAM, "runs", "show", "a run that has a long name"]
    subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=follower, stdin=subprocess.DEVNULL)
    os.close(follower)
    said = os.read(leader, 10_000).decode().splitlines()
    os.close(leader)
    assert len(said) > 1
    assert max(map(len, said)) <= 50
