"""Damage files, one bit or one cut at a time: each must be refused in the program's own words, or change nothing.

    python -m tests.corruptions [N]

damages N files (2,000), the kinds in turn, and prints for each kind how many were refused, how many were harmless (what
was read is what was written), and how many went wrong. One in 50 is also resumed by a process of its own. A case is
reproduced by its number.
"""

import gzip
import json
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from mnistcli.datasets.embedded import decompress
from mnistcli.errors import DataError, ExitCode, RunError
from mnistcli.idx import parse_idx
from mnistcli.inference.onnx_model import check_seal, read_model_file
from mnistcli.runs import Run, Status, load_model
from mnistcli.runs.checkpoint import read_checkpoints
from mnistcli.runs.record import read_record

TRAIN = ("--arch", "linear", "--optimizer", "adam", "--limit", "600", "--epochs", "3", "--patience", "0")
RESUMED_EVERY = 50


@dataclass(frozen=True)
class Kind:
    """A kind of file: its whole content, how it is read, and how many bytes from its start a flip must not go unseen.

    Attributes:
        guarded: None: all. The pixels of a bare IDX file are under no sum, and none is as good as another.
    """

    name: str
    content: bytes
    read: Callable[[Path], Any]
    guarded: int | None = None


def make_run(folder: Path) -> Path:
    """Train a small run, and return its folder as it would be, had it been stopped after its last checkpoint."""
    command = [sys.executable, "-m", "mnistcli", "train", *TRAIN, "--no-plots", "--name", "whole"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    run = folder / "runs/whole"
    replace(read_record(run), status=Status.INTERRUPTED, results={}).write(run)
    return run


def kinds(run: Path) -> list[Kind]:
    """Return every kind of file that is read back, each with a whole one of it."""
    expected = load_file(run / "last.safetensors")
    images = np.arange(2 * 28 * 28).astype(np.uint8).reshape(2, 28, 28)
    idx = bytes((0, 0, 8, 3)) + struct.pack(">3I", *images.shape) + images.tobytes()

    def read_last(path: Path) -> Any:
        (found,) = read_checkpoints(path.parent, expected=expected, steps=600)
        if isinstance(found, RunError):
            raise found
        return found

    return [
        Kind("model.safetensors", (run / "model.safetensors").read_bytes(), load_model),
        Kind("model.onnx", (run / "model.onnx").read_bytes(), _read_onnx),
        Kind("last.safetensors", (run / "last.safetensors").read_bytes(), read_last),
        Kind("run.json", (run / "run.json").read_bytes(), lambda path: read_record(path.parent)),
        Kind("metrics.jsonl", (run / "metrics.jsonl").read_bytes(), _read_metrics),
        Kind("images-idx3-ubyte", idx, lambda path: parse_idx(path.read_bytes(), source="x", ndim=3), guarded=16),
        Kind(
            "images-idx3-ubyte.gz",
            gzip.compress(idx, mtime=0),
            lambda path: parse_idx(decompress(path.read_bytes(), "x"), source="x", ndim=3),
        ),
    ]


def _read_onnx(path: Path) -> bytes:
    content = read_model_file(path)
    check_seal(content, name=path.name)
    return content


def _read_metrics(path: Path) -> Any:
    return Run("damaged", path, path.parent).history()


def damage(kind: Kind, number: int) -> bytes:
    """Return the kind's content cut off somewhere, or with one bit flipped."""
    random = np.random.default_rng(number)
    if random.random() < 0.5:
        return kind.content[: int(random.integers(0, len(kind.content)))]
    data = bytearray(kind.content)
    data[int(random.integers(0, kind.guarded or len(data)))] ^= 1 << int(random.integers(0, 8))
    return bytes(data)


def judge(kind: Kind, content: bytes, folder: Path) -> str:
    """Read the damaged file in an empty folder, and return "refused", "harmless", or what went wrong."""
    path = folder / kind.name
    path.write_bytes(kind.content)
    whole = kind.read(path)
    path.write_bytes(content)
    try:
        found = kind.read(path)
    except (RunError, DataError):
        return "refused"
    except Exception as error:  # noqa: BLE001  (whatever else comes is what is looked for)
        return f"{type(error).__name__}: {error}"
    if kind.name == "metrics.jsonl" and found == whole[: len(found)]:
        return "harmless"  # a torn line, as a kill leaves it; a finished run's are counted
    return "harmless" if _same(found, whole) else "another answer, silently"


def _same(one: Any, other: Any) -> bool:
    """Whether two results are equal, arrays bit for bit."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if hasattr(one, "arrays") or hasattr(one, "tensors"):
        return _same(vars(one), vars(other))
    return bool(one == other)


def judge_at_the_front_door(kind: Kind, content: bytes, run: Path, folder: Path) -> str:
    """Resume a copy of the run with its file damaged, and return how that went."""
    copy = folder / "runs/damaged"
    shutil.copytree(run, copy)
    (copy / kind.name).write_bytes(content)
    command = [sys.executable, "-m", "mnistcli", "train", "--resume", "damaged", "--no-plots", "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900)
    last = done.stderr.splitlines()[-1] if done.stderr else ""
    if done.returncode == ExitCode.RUN and last.startswith("mnistcli: ") and "Unexpected error" not in last:
        return "refused"
    if done.returncode or json.loads(done.stdout)["epochs"] != 3:
        return f"exit {done.returncode}: {last}"
    same = _same(load_file(copy / "model.safetensors"), load_file(run / "model.safetensors"))
    return "harmless" if same else "other weights, silently"


def examine(n: int, run: Path, *, resumed_every: int | None = RESUMED_EVERY) -> dict[str, Counter[str]]:
    """Damage n files of the run or beside it, and count the outcomes by kind."""
    counts: dict[str, Counter[str]] = {}
    every = kinds(run)
    for number in range(n):
        kind = every[number % len(every)]
        content = damage(kind, number)
        with tempfile.TemporaryDirectory() as name:
            outcome = judge(kind, content, Path(name))
            counts.setdefault(kind.name, Counter())[_numbered(outcome, number)] += 1
            due = resumed_every and number // len(every) % (resumed_every // len(every)) == 0
            if due and (run / kind.name).exists():
                outcome = judge_at_the_front_door(kind, content, run, Path(name))
                counts.setdefault(f"{kind.name}, resumed", Counter())[_numbered(outcome, number)] += 1
    return counts


def _numbered(outcome: str, number: int) -> str:
    return outcome if outcome in ("refused", "harmless") else f"{number}: {outcome}"


def main(n: int) -> int:
    """Damage n files, print what came of it, and return how many went wrong."""
    with tempfile.TemporaryDirectory() as name:
        counts = examine(n, make_run(Path(name)))
    wrong = 0
    for kind, outcomes in counts.items():
        bad = {outcome: count for outcome, count in outcomes.items() if outcome not in ("refused", "harmless")}
        wrong += sum(bad.values())
        print(f"{kind}: {outcomes['refused']} refused, {outcomes['harmless']} harmless, {sum(bad.values())} wrong")
        print("".join(f"  {outcome}\n" for outcome in bad), end="")
    return wrong


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000) > 0)
