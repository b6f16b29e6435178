"""Kill training runs at random instants, resume them, and compare their weights with those of runs left alone.

    python -m tests.kills [N]

prints how many of N runs (200) end with the same weights to the bit: dense, cnn, a described network with batch
normalisation, a residual and dropout, and a class in Flax with these and a shared layer, in turn.
"""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ARGUMENTS = ("--epochs", "3", "--patience", "0", "--no-plots", "--checkpoint-every", "40")
FLAX = Path(__file__).with_name("flax_network.py")
NETWORKS = {  # by the names that runs get: the architecture, and how many images keep a run at some seconds
    "dense": ("dense", "4000"),
    "cnn": ("cnn", "4000"),
    "described": ("conv 8 5x5 stride 2, norm, relu, residual(conv 8 3x3 same, norm, relu), mean, dropout 0.1", "4000"),
    "flax": (f"{FLAX.name}:Net", "2000"),
}


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


def train(network: str, name: str) -> tuple[str, ...]:
    """Return the arguments that train a network as a run of that name."""
    arch, limit = NETWORKS[network]
    return *ARGUMENTS, "--arch", arch, "--limit", limit, "--name", name


def kill_and_resume(folder: Path, network: str, name: str, *, after: float) -> str:
    """Start a run, kill it so many seconds after it has its folder, and resume it; return what resuming said."""
    process = call(folder, *train(network, name))
    run = folder / "runs" / name / "run.json"
    while not run.exists() and process.poll() is None:
        time.sleep(0.002)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    try:
        return finish(folder, "--resume", name, "--arch", NETWORKS[network][0], "--no-plots")
    except RuntimeError as error:
        if "is finished" in str(error):  # it was before the kill came
            return "finished"
        raise


def count_same(n: int, *, seed: int = 0) -> tuple[int, int]:
    """Return how many of n killed runs end with the weights of a run left alone, and how many had finished before."""
    chance, same, finished = random.Random(seed), 0, 0  # noqa: S311
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(FLAX, folder)
        spans = {}
        for network in NETWORKS:
            finish(folder, *train(network, f"whole-{network}"))  # fills the compilation cache
            process, run = call(folder, *train(network, f"timed-{network}")), folder / "runs"
            while not (run / f"timed-{network}" / "run.json").exists():
                time.sleep(0.002)
            started = time.monotonic()
            process.communicate()
            spans[network] = time.monotonic() - started
        for i in range(n):
            network = [*NETWORKS][i % len(NETWORKS)]
            said = kill_and_resume(folder, network, f"killed-{i}", after=chance.uniform(0, spans[network]))
            finished += said == "finished"
            weights = [folder / "runs" / run / "model.safetensors" for run in (f"whole-{network}", f"killed-{i}")]
            same += weights[0].read_bytes() == weights[1].read_bytes()
            print(f"{same} of {i + 1}", end="\r", file=sys.stderr)
    return same, finished


if __name__ == "__main__":
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    same, finished = count_same(n)
    print(f"{same} of {n} killed runs ended with identical weights; {finished} had finished before the kill")
