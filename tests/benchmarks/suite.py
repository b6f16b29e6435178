"""What is measured: groups of benchmarks by name."""

import sys
from pathlib import Path

from tests.benchmarks.case import Benchmark, Case, Clock, after_the_first, compilation, in_total, training

PYTHON = sys.executable
CLI = [PYTHON, "-m", "mnistcli"]
PEERS = ("mnistcli", "pytorch", "keras")
ARCHITECTURES = ("dense", "cnn")
COMPLETION = Path(__file__).parents[2] / "completions" / "mnistcli.bash"

BARE_TYPER = "import typer; app = typer.Typer(); app.command()(lambda name='x': None); app()"
COMPLETE = f"source {COMPLETION}; COMP_WORDS=(mnistcli train --ar); COMP_CWORD=2; _mnistcli; echo $COMPREPLY"
DECODE = (
    "import sys; from PIL import Image; import numpy; [numpy.asarray(Image.open(p[:-1])) for p in open(sys.argv[1])]"
)


def epoch() -> list[Benchmark]:
    """Seconds an epoch of 50,000 images, after warm-up."""
    return [
        Benchmark(f"epoch of {arch}, batch {batch}", [_peer(peer, arch, "train", batch, 3) for peer in PEERS])
        for arch in ARCHITECTURES
        for batch in (32, 128)
    ]


def study() -> list[Benchmark]:
    """The whole cold process with defaults: ours validates, scores, writes and draws; Keras fits for 12 epochs."""
    return [
        Benchmark(
            f"whole study, {arch}",
            [
                Case("mnistcli", [*CLI, "train", "--arch", arch], cold=True),
                Case("keras", _peer("keras", arch, "train", 32, 12).command),
            ],
        )
        for arch in ARCHITECTURES
    ]


def fast() -> list[Benchmark]:
    """The two epochs of `fast`; its training with validation; the whole process, with compiled programs or without."""
    train = [*CLI, "train", "--arch", "fast", "--json"]
    peers = [_peer(peer, "fast", "train", 64, 2, in_total) for peer in ("mnistcli", "pytorch")]
    return [
        Benchmark("two epochs of fast", peers),
        Benchmark("training of fast", [Case("mnistcli", train, training)]),
        Benchmark("whole process, fast", [Case("warm cache", train), Case("cold", train, cold=True)]),
    ]


def evaluation() -> list[Benchmark]:
    """Seconds for the logits of 10,000 images, batch 250, after warm-up."""
    return [
        Benchmark(f"10,000 images through {arch}", [_peer(peer, arch, "evaluate", 250, 6) for peer in PEERS])
        for arch in ARCHITECTURES
    ]


def compiling() -> list[Benchmark]:
    """A first and a second start's compilation."""
    short = ["--epochs", "1", "--limit", "3200", "--no-plots", "--json"]
    return [
        Benchmark(
            f"compilation of {arch}",
            [
                Case("first train", [*CLI, "train", "--arch", arch, *short], compilation, cold=True),
                Case("second train", [*CLI, "train", "--arch", arch, *short], compilation),
            ],
        )
        for arch in ARCHITECTURES
    ]


def start() -> list[Benchmark]:
    """Cold processes, compiled programs at hand."""
    import_jax = Case("python -c 'import jax'", [PYTHON, "-c", "import jax"])
    return [
        Benchmark("--help", [Case("mnistcli", [*CLI, "--help"]), Case("a bare Typer program", _bare_typer())]),
        Benchmark("completion in bash", [Case("mnistcli", ["bash", "-c", COMPLETE]), Case("--help", [*CLI, "--help"])]),
        Benchmark(
            "predict, one PNG", [Case("mnistcli", [*CLI, "predict", "digit.png", "--run", "builtin"]), import_jax]
        ),
    ]


def files() -> list[Benchmark]:
    """Many PNG files."""
    return [
        Benchmark(
            "predict, 10,000 PNG",
            [
                Case("mnistcli", [*CLI, "predict", "--files-from", "10000.txt", "--run", "builtin"]),
                Case("Pillow decoding them", [PYTHON, "-c", DECODE, "10000.txt"]),
            ],
        )
    ]


def growth() -> list[Benchmark]:
    """How time and memory grow with images, epochs and files: twice the work, twice the time above the start's."""

    def train(images: int, epochs: int) -> list[str]:
        return [*CLI, "train", "--arch", "dense", "--limit", f"{images}", "--epochs", f"{epochs}", "--patience", "0"]

    return [
        Benchmark("train, 2 epochs", [Case(f"{n:,} images", train(n, 2)) for n in (12_500, 25_000, 50_000)]),
        Benchmark("train, 25,000 images", [Case(f"{n} epochs", train(25_000, n)) for n in (4, 8, 16)]),
        Benchmark(
            "predict",
            [
                Case(f"{n:,} files", [*CLI, "predict", "--files-from", f"{n}.txt", "--run", "builtin"])
                for n in (1_000, 10_000, 20_000, 40_000)
            ],
        ),
    ]


GROUPS = {each.__name__: each for each in (epoch, study, fast, evaluation, compiling, start, files, growth)}


def _peer(peer: str, arch: str, work: str, batch: int, times: int, clock: Clock = after_the_first) -> Case:
    command = [PYTHON, "-m", "tests.benchmarks.peers", peer, arch, work, str(batch), str(times)]
    return Case(peer, command, clock)


def _bare_typer() -> list[str]:
    return [PYTHON, "-c", BARE_TYPER, "--help"]
