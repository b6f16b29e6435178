"""What the tests share: the program called in this process or as one of its own, and a workspace with small runs."""

import fcntl
import html
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import settings
from PIL import Image

from mnistcli.cli import app
from mnistcli.jax_setup import prepare_environment

prepare_environment()  # before a test's module makes JAX start
settings.register_profile("no deadline", deadline=None)  # how long an example takes is the machine's affair
settings.load_profile("no deadline")


@dataclass(frozen=True)
class Outcome:
    """What a call of the program came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


DARK = "#16191d"  # what --theme dark puts behind a figure
Call = Callable[..., Outcome]
Measured = Callable[..., tuple[Outcome, float]]
MakeOnce = Callable[[str, Callable[[Path], object]], Path]


def svg_texts(path: Path) -> list[str]:
    """Return the texts of an SVG figure in the order drawn."""
    return [html.unescape(text) for text in re.findall("<text [^>]*>(.*?)</text>", path.read_text(encoding="utf-8"))]


def paper_of(path: Path) -> str:
    """Return the colour behind a figure, an SVG or a PNG file."""
    if path.suffix == ".png":
        with Image.open(path) as picture:
            return f"#{picture.convert('RGB').crop((0, 0, 1, 1)).tobytes().hex()}"
    return re.findall('id="patch_1".*?fill: (#[0-9a-f]{6})', path.read_text(encoding="utf-8"), re.DOTALL)[0]


def root_of_all_workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the session's folder, which pytest's processes share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the tests' cache apart from the user's, and what the shell set out of the tests."""
    os.environ["MNISTCLI_CACHE_DIR"] = str(root_of_all_workers(tmp_path_factory) / "cache")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "MNISTCLI_RUNS_DIR", "MNISTCLI_THEME"):
        os.environ.pop(name, None)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell lets what it starts with & ignore


@pytest.fixture
def mnistcli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Call the program's front door in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, cwd: Path | None = None) -> Outcome:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["mnistcli", *map(str, arguments)])
            if cwd is not None:
                patch.chdir(cwd)
            capfd.readouterr()
            with pytest.raises(SystemExit) as ended:
                app.main()
        captured = capfd.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture
def spawn(tmp_path: Path) -> Call:
    """Call the program as a process of its own, with no terminal, in an empty folder."""

    def call(*arguments: object, cwd: Path = tmp_path, **options: Any) -> Outcome:
        command = [sys.executable, "-m", "mnistcli", *map(str, arguments)]
        options = {"capture_output": True, "stdin": subprocess.DEVNULL, "timeout": 240} | options
        done = subprocess.run(command, cwd=cwd, **options)
        return Outcome(done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode())

    return call


MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture
def spawn_measured(tmp_path: Path) -> Measured:
    """Call the program as a process of its own, and return the most memory that it or one of its workers held, in GB.

    A small process starts it: Linux counts in a child's peak what its parent held when it was forked.
    """

    def call(*arguments: object) -> tuple[Outcome, float]:
        command = [sys.executable, "-c", MEASURE, sys.executable, "-m", "mnistcli", *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)
        *said, kilobytes = done.stderr.splitlines()
        return Outcome(done.returncode, done.stdout, "".join(f"{line}\n" for line in said)), int(kilobytes) / 2**20

    return call


def in_terminal(*arguments: str, cwd: Path, columns: int = 100, **environment: str) -> str:
    """Call the program's front door in this process, on a terminal of 24 lines, and return what that is sent."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    shown: list[bytes] = []

    def read() -> None:
        with suppress(OSError):  # how Linux tells that the other end is closed
            while part := os.read(leader, 65_536):
                shown.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    with pytest.MonkeyPatch.context() as patch, streams_on(follower, patch):
        patch.chdir(cwd)
        patch.setattr(sys, "argv", ["mnistcli", *arguments])
        for name, value in {"TERM": "xterm-256color", **environment}.items():
            patch.setenv(name, value)
        with suppress(SystemExit):
            app.main()
    os.close(follower)
    reader.join()
    os.close(leader)
    return b"".join(shown).decode()


@contextmanager
def streams_on(terminal: int, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make a terminal the standard streams while the block lasts."""
    modes = {0: ("stdin", "r"), 1: ("stdout", "w"), 2: ("stderr", "w")}
    before = {number: os.dup(number) for number in modes}
    with ExitStack() as streams:
        for number, (name, mode) in modes.items():
            os.dup2(terminal, number)
            stream = streams.enter_context(open(number, mode, encoding="utf-8", closefd=False))
            patch.setattr(sys, name, stream)
        try:
            yield
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            for number, kept in before.items():
                os.dup2(kept, number)
                os.close(kept)


@pytest.fixture(scope="session")
def make_once(tmp_path_factory: pytest.TempPathFactory) -> MakeOnce:
    """Return a function that has a folder filled by the first of pytest's processes that asks for it."""
    root = root_of_all_workers(tmp_path_factory)

    def made(name: str, fill: Callable[[Path], object]) -> Path:
        folder, whole = root / f"made-{name}", root / f"made-{name}.whole"
        with FileLock(root / f"made-{name}.lock"):
            if not whole.exists():
                folder.mkdir()
                fill(folder)
                whole.touch()
        return folder

    return made


def run_in(folder: Path, *arguments: object) -> bytes:
    """Run the program as a process of its own, which must end well, and return what it printed."""
    command = [sys.executable, "-m", "mnistcli", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout


def answers_of_builtin(n: int) -> list[int | str]:
    """Return what `builtin` says of the first n test images: the number of a class, or "no digit"."""
    from mnistcli.commands.classifier import logits_of, probabilities_of
    from mnistcli.datasets import load
    from mnistcli.runs import RunsFolder, load_model

    model = load_model(RunsFolder(Path("runs")).find("builtin").weights)
    probabilities = probabilities_of(model, logits_of(model, load("mnist").test.images[:n]))
    none = 1 - probabilities.sum(1) > probabilities.max(1)
    return ["no digit" if left else label for label, left in zip(probabilities.argmax(1).tolist(), none, strict=True)]


def wait_until(happened: Callable[[], object], *, patience: float = 200) -> None:
    """Wait for something, and fail where it does not happen in that many seconds."""
    deadline = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="session")
def workspace(make_once: MakeOnce) -> Path:
    """A folder with two small runs, linear-001 and dense-001, trained through the front door. Read it only."""

    def fill(folder: Path) -> None:
        for arch in ("linear", "dense"):
            run_in(folder, "train", "--arch", arch, "--limit", 3000, "--epochs", 2)

    return make_once("workspace", fill)
