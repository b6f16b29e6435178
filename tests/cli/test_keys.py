"""q and Ctrl-Z in a terminal of the program's own, while it trains for longer than anybody waits."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.conftest import Call, wait_until

LONG = ["train", "--arch", "linear", "--limit", "1000", "--epochs", "5000", "--patience", "0", "--no-plots"]
HINT = "q: finish this epoch, then score"
TAKE = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, [*os.sched_getaffinity(0)][:2])
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """What a person at a terminal does and sees."""

    def __init__(self, leader: int, process: subprocess.Popen[bytes]) -> None:
        self._leader, self.process, self.seen = leader, process, ""

    def type(self, keys: str) -> None:
        os.write(self._leader, keys.encode())

    def wait_for(self, pattern: str) -> None:
        """Wait until something that was not waited for yet is shown."""
        wait_until(lambda: self._ended() or re.search(pattern, self.seen))
        found = re.search(pattern, self.seen)
        assert found, self.seen
        self.seen = self.seen[found.end() :]

    def end(self) -> int:
        wait_until(self._ended)
        return self.process.wait()

    @property
    def takes_lines(self) -> bool:
        """Whether it is as a shell leaves it: it shows what is typed, and hands it over line by line."""
        flags = termios.tcgetattr(self._leader)[3]
        assert bool(flags & termios.ICANON) == bool(flags & termios.ECHO)
        return bool(flags & termios.ICANON)

    def _ended(self) -> bool:
        ended = self.process.poll() is not None
        self._read()
        return ended

    def _read(self) -> None:
        with suppress(OSError):  # how Linux tells that the other end is closed
            while select.select([self._leader], [], [], 0)[0] and (part := os.read(self._leader, 65_536)):
                self.seen += part.decode(errors="replace")


@contextmanager
def at_terminal(*command: str, cwd: Path) -> Iterator[Terminal]:
    """Start a command as the first process of a terminal of 24 lines, on two cores at most."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    streams: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), follower)
    options = {"env": os.environ | {"TERM": "xterm-256color", "PS1": "$ "}, "start_new_session": True, **streams}
    with subprocess.Popen([sys.executable, "-c", TAKE, *command], cwd=cwd, **options) as process:
        os.close(follower)
        try:
            yield Terminal(leader, process)
        finally:
            process.kill()
            os.close(leader)


def program(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "mnistcli", *arguments]


def record(run: Path) -> Any:
    return json.loads((run / "run.json").read_bytes())


def test_q_ends_a_training_as_patience_does_and_the_run_is_reproduced(tmp_path: Path, mnistcli: Call) -> None:
    with at_terminal(*program(*LONG, "--name", "long"), cwd=tmp_path) as terminal:
        terminal.wait_for(HINT)
        terminal.wait_for(r"epoch +1/5000  loss")
        assert not terminal.takes_lines
        terminal.type("xq")
        terminal.wait_for("finishing this epoch")
        terminal.wait_for("stopped early")
        assert terminal.end() == 0
        assert terminal.takes_lines
    said = record(tmp_path / "runs/long")
    assert said["status"] == "finished"
    assert said["results"]["stopped_early"]
    assert 1 <= said["results"]["epochs"] < 5000
    again = mnistcli("runs", "reproduce", "long", "--json")
    assert (again.code, again.json["verdict"]) == (0, "identical")


def test_q_ends_the_seeds_of_a_group_that_are_training_and_leaves_the_others_out(tmp_path: Path) -> None:
    with at_terminal(*program(*LONG, "--seeds", "3", "--name", "trio"), cwd=tmp_path) as terminal:
        terminal.wait_for("seed 0  epoch +1/5000  ")
        terminal.type("q")
        terminal.wait_for("Seeds? .*2 (was|were) not trained and ")
        assert terminal.end() == 0
        assert terminal.takes_lines
    members = json.loads((tmp_path / "runs/trio/group.json").read_bytes())["members"]
    assert "0" in members
    assert "2" not in members
    for run in members.values():
        said = record(tmp_path / "runs" / run)
        assert (said["status"], said["results"]["stopped_early"]) == ("finished", True)


def test_the_terminal_is_set_back_for_the_shell_while_ctrl_z_and_once_ctrl_c_take_it_away(tmp_path: Path) -> None:
    with at_terminal("bash", "--norc", "--noprofile", "-i", cwd=tmp_path) as terminal:
        terminal.type(f"{' '.join(program(*LONG))}\n")
        terminal.wait_for(HINT)
        wait_until(lambda: not terminal.takes_lines)
        terminal.type("\x1a")
        terminal.wait_for("Stopped")
        terminal.type("bg\n")
        terminal.wait_for(r"epoch +[0-9]+/5000  loss")
        terminal.type("stty -a\n")
        terminal.wait_for(" icanon .* echo ")
        terminal.type("fg\n")
        terminal.wait_for(HINT)
        wait_until(lambda: not terminal.takes_lines)
        terminal.type("\x03")
        terminal.wait_for("Interrupted; to continue")
        terminal.type("stty -a\n")
        terminal.wait_for(" icanon .* echo ")
