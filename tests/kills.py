"""Kill training runs at random instants, resume them, and compare their weights with those of runs left alone.

    python -m tests.kills [N]

prints how many of N runs (200), half of them dense and half cnn, end with the same weights to the bit.
"""

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ARGUMENTS = ("--limit", "4000", "--epochs", "3", "--patience", "0", "--no-plots", "--checkpoint-every", "40")


def call(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start `mnistcli train` in the folder."""
    command = [sys.executable, "-m", "mnistcli", "train", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(folder: Path, *arguments: str) -> str:
    """Run `mnistcli train` in the folder to its end, and return what it said."""
    process = call(folder, *arguments)
    said, _ = process.communicate(timeout=300)
    if process.returncode:
        raise RuntimeError(said.decode())
    return said.decode()


def kill_and_resume(folder: Path, arch: str, name: str, *, after: float) -> str:
    """Start a run, kill it so many seconds after it has its folder, and resume it; return what resuming said."""
    process = call(folder, *ARGUMENTS, "--arch", arch, "--name", name)
    run = folder / "runs" / name / "run.json"
    while not run.exists() and process.poll() is None:
        time.sleep(0.002)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    try:
        return finish(folder, "--resume", name, "--no-plots")
    except RuntimeError as error:
        if "is finished" in str(error):  # it was before the kill came
            return "finished"
        raise


def count_same(n: int, *, seed: int = 0) -> tuple[int, int]:
    """Return how many of n killed runs end with the weights of a run left alone, and how many had finished before."""
    chance, same, finished = random.Random(seed), 0, 0  # noqa: S311
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spans = {}
        for arch in ("dense", "cnn"):
            finish(folder, *ARGUMENTS, "--arch", arch, "--name", f"whole-{arch}")  # fills the compilation cache
            process, run = call(folder, *ARGUMENTS, "--arch", arch, "--name", f"timed-{arch}"), folder / "runs"
            while not (run / f"timed-{arch}" / "run.json").exists():
                time.sleep(0.002)
            started = time.monotonic()
            process.communicate()
            spans[arch] = time.monotonic() - started
        for i in range(n):
            arch = ("dense", "cnn")[i % 2]
            said = kill_and_resume(folder, arch, f"killed-{i}", after=chance.uniform(0, spans[arch]))
            finished += said == "finished"
            weights = [folder / "runs" / run / "model.safetensors" for run in (f"whole-{arch}", f"killed-{i}")]
            same += weights[0].read_bytes() == weights[1].read_bytes()
            print(f"{same} of {i + 1}", end="\r", file=sys.stderr)
    return same, finished


if __name__ == "__main__":
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    same, finished = count_same(n)
    print(f"{same} of {n} killed runs ended with identical weights; {finished} had finished before the kill")
