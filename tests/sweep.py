"""Call the program in thousands of ways: whatever it is told, it ends in its own words and leaves nothing behind.

    python -m tests.sweep [N] [--first NUMBER]

makes N command lines (2,000), each with an environment, limits and streams of its own, from its number alone, and runs
them as processes in throw-away folders, one on each core. A case is at fault where it

- takes longer than LONGEST seconds, or ends with a code that `mnistcli help exit-codes` does not list;
- says "Unexpected error" or, without --debug, shows a traceback;
- leaves a process, a file in shared memory, or a file that is not whole.

Faults are printed with the number that makes the case again: `python -m tests.sweep 1 --first NUMBER`.

RLIMIT_AS stays at 6 GiB and above: JAX reserves addresses as it starts, and ends the process where it gets none.
RLIMIT_NPROC does not bind root: run by root, such a case runs as a user of its own, by `setpriv`.
"""

import argparse
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import typer

from mnistcli.cli.app import make_app
from mnistcli.errors import ExitCode

LONGEST = 180  # seconds
SHARED = Path("/dev") / "shm"
CODES = {int(code) for code in ExitCode}
ALWAYS = {  # what keeps a case short, behind whatever it says
    "train": ("--limit", "64", "--epochs", "1"),
    "compare": ("--no-train",),
    "data prepare": ("--offline",),
}
RARE = {"--help", "--version", "--debug"}
VALUES: dict[str, tuple[str, ...]] = {
    "N": ("0", "1", "2", "7", "28", "100", "-1", "1e3", "x", "", "9" * 30),
    "RATE": ("0.01", "1e-3", "0", "-1", "nan", "inf", "1e300", "x"),
    "SHARE": ("0", "0.5", "1", "1.5", "-0.1", "nan", "x"),
    "STEPS": ("1", "2", "0", "-3", "x"),
    "K": ("1", "3", "0", "-1", "99", "x"),
    "A:B": ("0:3", "5", "3:", "3:1", "-1:2", "x:y", "9" * 20),
    "CLASS": ("7", "x", "", "77"),
    "NAME": ("mine", "latest", "../up", "", "a b", "x" * 300, "\x1b[31m"),
    "NAMES|FILE": ("a,b", "names.txt", "a", "", "/dev/null", "digits"),
    "all|NAMES": ("fog", "all", "stripe, shear", "fogg", "", ","),
    "DATA": ("mnist", "digits", "broken.npz", "nowhere", "/dev/null", "fashion_mnist", "a/b/c", ""),
    "DIR": ("runs", "new", "digits", "/dev/null", "/proc/nowhere", "", "."),
    "FILE": ("out.png", "out.svg", "list.txt", "nowhere/out.png", "out.bmp", "/dev/full", "digits", "", "-"),
    "IMAGE": ("digit.png", "broken.png", "nowhere.png", "digits", "-", "digit.npy", "/dev/null", "/proc/self/mem", ""),
    "RUN": ("linear", "dense-001", "latest", "builtin", "half", "damaged", "cnn", "nowhere", "digit.png", "runs", ""),
}
ENVIRONMENT: dict[str, tuple[str | None, ...]] = {
    "COLUMNS": ("1", "20", "0", "-5", "x", "100000"),
    "TERM": ("dumb", "xterm-256color", "nonsense", ""),
    "NO_COLOR": ("1", ""),
    "FORCE_COLOR": ("1",),
    "LANG": ("C", "tr_TR.UTF-8", "nonsense"),
    "LC_ALL": ("C", "POSIX"),
    "HOME": (None, "/proc/nowhere", "/dev/null"),
    "TMPDIR": ("/proc/nowhere", "/dev/null"),
    "XDG_CACHE_HOME": ("/proc/nowhere", "relative"),
    "MNISTCLI_CACHE_DIR": ("/proc/nowhere", "/dev/null", "relative", ""),
    "MNISTCLI_RUNS_DIR": ("new", "/proc/nowhere", "digit.png", ""),
    "PATH": (None, ""),
    "PYTHONUTF8": ("0", "1"),
    "PYTHONIOENCODING": ("ascii", "latin-1"),
    "PYTHONOPTIMIZE": ("2",),
    "PYTHONDEVMODE": ("1",),
    "OMP_NUM_THREADS": ("1", "0", "x"),
    "OPENBLAS_NUM_THREADS": ("1", "x"),
    "JAX_PLATFORMS": ("cpu", "cuda", "tpu", "nonsense", "", "cuda,cpu"),
    "JAX_ENABLE_X64": ("1", "nonsense"),
    "JAX_DISABLE_JIT": ("1",),
    "JAX_DEBUG_NANS": ("1",),
    "JAX_LOG_COMPILES": ("1", "nonsense"),
    "JAX_LOGGING_LEVEL": ("DEBUG", "nonsense"),
    "JAX_TRANSFER_GUARD": ("disallow",),
    "JAX_COMPILATION_CACHE_DIR": ("/proc/nowhere",),
    "XLA_FLAGS": ("--nonsense", "nowhere.txt", "--xla_force_host_platform_device_count=3", "x y", "-"),
    "TF_CPP_MIN_LOG_LEVEL": ("x",),
    "CUDA_VISIBLE_DEVICES": ("", "7"),
    "MPLBACKEND": ("TkAgg", "nonsense"),
    "MPLCONFIGDIR": ("/proc/nowhere",),
}
LIMITS: dict[int, tuple[int, ...]] = {
    resource.RLIMIT_NOFILE: (8, 16, 32, 64),
    resource.RLIMIT_FSIZE: (0, 1000, 100_000),
    resource.RLIMIT_AS: (6 * 2**30, 12 * 2**30),
    resource.RLIMIT_NPROC: (1, 2, 3, 5, 8, 12, 20, 64),
    resource.RLIMIT_STACK: (2**20,),
}
STREAMS = ("as usual", "closed", "full", "reader gone")


@dataclass
class Case:
    """One way to call the program."""

    arguments: list[str]
    environment: dict[str, str | None] = field(default_factory=dict)
    limits: dict[int, int] = field(default_factory=dict)
    stdin: str = "as usual"
    stdout: str = "as usual"
    stderr: str = "as usual"
    cwd: str = "as usual"
    signal_after: float | None = None

    def __str__(self) -> str:
        """Return what differs from an ordinary call."""
        rest = {key: value for key, value in vars(self).items() if value not in ({}, "as usual", None)}
        return " ".join(map(repr, rest.pop("arguments"))) + (f"  {rest}" if rest else "")


def commands() -> dict[str, Any]:
    """Return every command that does something, by its words."""

    def below(command: Any, words: tuple[str, ...]) -> dict[str, Any]:
        if not hasattr(command, "commands"):
            return {" ".join(words): command}
        parts = (below(each, (*words, name)) for name, each in command.commands.items())
        return {name: each for part in parts for name, each in part.items()}

    return below(typer.main.get_command(make_app()), ())


def make_case(number: int) -> Case:
    """Return the case of that number, the same whenever it is asked for."""
    chance = random.Random(number)  # noqa: S311
    name, command = chance.choice(sorted(commands().items()))
    case = Case([*name.split(), *_options(command, chance), *ALWAYS.get(name, ())])
    if chance.random() < 0.02:
        chance.shuffle(case.arguments)
    for variable in chance.sample(sorted(ENVIRONMENT), chance.choice((0, 0, 1, 2))):
        case.environment[variable] = chance.choice(ENVIRONMENT[variable])
    if chance.random() < 0.2:
        kind = chance.choice(sorted(LIMITS))
        case.limits[kind] = chance.choice(LIMITS[kind])
    for stream in ("stdin", "stdout", "stderr"):
        if chance.random() < 0.08:
            setattr(case, stream, chance.choice(STREAMS))
    if chance.random() < 0.05:
        case.cwd = chance.choice(("gone", "not to be written"))
    if chance.random() < 0.08:
        case.signal_after = chance.uniform(0, 3)
    return case


def _options(command: Any, chance: random.Random) -> list[str]:
    words: list[str] = []
    for param in command.params:
        metavar = (param.metavar or param.name or "").strip("[].")
        if param.param_type_name == "argument":
            words += [_value(metavar, chance) for _ in range(chance.choice((0, 1, 1, 1, 2)))]
        elif chance.random() < (0.01 if RARE & {*param.opts} else 0.12):
            flag = chance.choice([*param.opts, *param.secondary_opts])
            words += [flag] if param.is_flag else [flag, _value(metavar, chance)]
    return words


def _value(metavar: str, chance: random.Random) -> str:
    known = VALUES.get(metavar) or VALUES["RUN" if "RUN" in metavar else "NAME"]
    choices = tuple(metavar.split("|")) if "|" in metavar and metavar not in VALUES else known
    return chance.choice(choices if chance.random() < 0.9 else VALUES["NAME"])


def make_template(folder: Path) -> None:
    """Fill a folder with two runs, one half done, one damaged, pictures, and files that are none."""
    call = [sys.executable, "-m", "mnistcli"]
    small = ("--limit", "64", "--epochs", "1", "--no-plots", "-q")
    for arch in ("linear", "dense"):
        subprocess.run([*call, "train", "--arch", arch, *small], cwd=folder, check=True, capture_output=True)
    subprocess.run([*call, "data", "export", "--limit", "4", "digits"], cwd=folder, check=True, capture_output=True)
    shutil.copy(next((folder / "digits").glob("*.png")), folder / "digit.png")
    shutil.copytree(folder / "runs/linear-001", folder / "runs/half")
    record = folder / "runs/half/run.json"
    record.write_text(record.read_text().replace('"finished"', '"interrupted"'))
    shutil.copytree(folder / "runs/linear-001", folder / "runs/damaged")
    for name in ("runs/damaged/model.safetensors", "runs/damaged/run.json", "broken.png", "broken.npz", "digit.npy"):
        (folder / name).write_bytes(b"\x93NUMPY\x01\x00 damaged")
    (folder / "list.txt").write_text("digit.png\nbroken.png\n")
    (folder / "names.txt").write_text("".join(f"{name}\n" for name in "abcdefghij"))


def try_case(number: int, *, template: Path, cache: Path) -> tuple[int, str | None]:
    """Run a case, and return the process's exit code and what is wrong with the case."""
    case = make_case(number)
    with tempfile.TemporaryDirectory(prefix="mnistcli-sweep-", ignore_cleanup_errors=True) as place:
        folder = Path(place) / "work"
        shutil.copytree(template, folder)
        before = set(folder.rglob("*"))
        become = other_user(number) if resource.RLIMIT_NPROC in case.limits and os.geteuid() == 0 else []
        code, said, process_group = _run(case, folder, Path(place) / "cache" if become else cache, become)
        if code is None:
            return -1, f"it takes more than {LONGEST} s"
        if left := _at_work(process_group):
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return code, f"it leaves {len(left)} processes"
        new = [path for path in folder.rglob("*") if path not in before]
        if torn := [path.name for path in new if re.match(r"\..+\..{8}$", path.name)]:
            return code, f"it leaves {torn}"
    if code not in CODES:
        return code, f"it ends with {code}: {said[-300:]}"
    if "Unexpected error" in said or ("Traceback" in said and "--debug" not in case.arguments):
        return code, said[-400:]
    return code, None


def other_user(number: int) -> list[str]:
    """Return what to put before a command so that it runs as a user who has no other process.

    That user may read and write what root may, so that Python and the folders are found as ever.
    """
    user = 100_000 + number
    keep = "-all,+dac_override"
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups",
            f"--inh-caps={keep}", f"--ambient-caps={keep}"]  # fmt: skip


def _run(case: Case, folder: Path, cache: Path, become: list[str]) -> tuple[int | None, str, int]:
    environment = os.environ | {"MNISTCLI_CACHE_DIR": str(cache)}
    for name, value in case.environment.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    # Python itself must start: it is found by its whole path, and the package by its own.
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    if case.cwd == "not to be written":
        folder.chmod(0o555)

    def prepare() -> None:
        for number, stream in enumerate(("stdin", "stdout", "stderr")):
            if getattr(case, stream) == "closed":
                os.close(number)
        for kind, limit in case.limits.items():
            resource.setrlimit(kind, (limit, limit))
        if case.cwd == "gone":
            os.chdir(tempfile.mkdtemp())
            os.rmdir(os.getcwd())  # noqa: PTH106, PTH109

    with tempfile.TemporaryFile() as err, _stream(case.stdout) as out, _stream(case.stderr, err) as said:
        process = subprocess.Popen(
            [*become, sys.executable, "-m", "mnistcli", *case.arguments],
            cwd=folder, env=environment, preexec_fn=prepare, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=out, stderr=said,
        )  # fmt: skip
        if case.signal_after is not None:
            _wait_until_heeded(process)
            with suppress(subprocess.TimeoutExpired):
                process.wait(case.signal_after)
            process.send_signal(signal.SIGTERM if process.pid % 2 else signal.SIGINT)
        try:
            code = process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None, "", process.pid
        err.seek(0)
        return code, err.read().decode(errors="replace"), process.pid


def _wait_until_heeded(process: subprocess.Popen[bytes]) -> None:
    """Wait until the process has come so far that SIGTERM does not simply kill it, or has ended."""
    while process.poll() is None:
        with suppress(OSError):
            status = Path(f"/proc/{process.pid}/status").read_text()
            caught = int(status.partition("SigCgt:")[2].split()[0], 16)
            if caught >> (signal.SIGTERM - 1) & 1:
                return
        time.sleep(0.01)


@contextmanager
def _stream(kind: str, usual: int | IO[bytes] = subprocess.DEVNULL) -> Iterator[int | IO[bytes]]:
    """Yield where an output goes."""
    if kind == "full":
        with Path("/dev/full").open("wb") as file:
            yield file
    elif kind == "reader gone":
        reader, writer = os.pipe()
        os.close(reader)
        yield writer
        os.close(writer)
    else:
        yield usual


def _at_work(group: int) -> list[int]:
    """Return the processes of a group that are there five seconds later still."""
    for _ in range(50):
        left = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                state, _parent, own, *_ = stat.read_text().rpartition(")")[2].split()
                if int(own) == group and state != "Z":
                    left.append(int(stat.parent.name))
        if not left:
            return []
        time.sleep(0.1)
    return left


def main() -> int:
    """Try the cases, print what is wrong with them, and return how many have a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.sweep")
    parser.add_argument("n", type=int, nargs="?", default=2000)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    shared, codes, faults = {*SHARED.iterdir()}, Counter[int](), 0
    with tempfile.TemporaryDirectory(prefix="mnistcli-sweep-") as place:
        template, cache = Path(place) / "template", Path(place) / "cache"
        template.mkdir()
        os.environ["MNISTCLI_CACHE_DIR"] = str(cache)
        make_template(template)
        numbers = range(options.first, options.first + options.n)
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
            tried = threads.map(partial(try_case, template=template, cache=cache), numbers)
            for number, (code, fault) in zip(numbers, tried, strict=True):
                codes[code] += 1
                if fault is not None:
                    faults += 1
                    print(f"{number}: {make_case(number)}\n    {fault}", flush=True)
    left = len({*SHARED.iterdir()} - shared)
    ended = ", ".join(f"{n} with {code}" for code, n in sorted(codes.items()))
    print(f"{options.n} cases, {faults} at fault, {left} files left in shared memory; ended: {ended}")
    return faults + left


if __name__ == "__main__":
    sys.exit(main() > 0)
