"""Run the benchmarks side by side, in turn (A B A B …), and write medians as Markdown and everything as JSON.

    python -m tests.benchmarks [--rounds N] [--only epoch study start] [--json FILE]

`epoch`: seconds an epoch of training, after the first, which warms up. `study`: the whole cold process with defaults,
ours with its validation, test score, files and figures, against Keras's fit of 12 epochs alone. `start`: cold processes
with a warm compilation cache. Needs `pip install '.[bench]'` and an otherwise idle machine.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

PEERS = ("mnistcli", "pytorch", "keras")
BARE_TYPER = "import typer; app = typer.Typer(); app.command()(lambda name='x': None); app()"


@dataclass
class Case:
    """One figure of one contender: its command, and how its runs went."""

    benchmark: str
    contender: str
    command: list[str]
    seconds: list[float] = field(default_factory=list)
    peak_mebibytes: list[float] = field(default_factory=list)

    def run(self, folder: str) -> None:
        """Run the command once; its seconds are what it prints as a JSON list, or else its wall time."""
        with tempfile.TemporaryFile() as out:
            started = time.perf_counter()
            process = subprocess.Popen(self.command, cwd=folder, stdout=out, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - started
            if status:
                raise SystemExit(f"{' '.join(self.command)} failed with status {status}")
            out.seek(0)
            printed = out.read()
        self.peak_mebibytes.append(usage.ru_maxrss / 1024)
        self.seconds += json.loads(printed)[1:] if self.benchmark.startswith("epoch") else [wall]


def cases(chosen: list[str], folder: Path) -> list[list[Case]]:
    """Return groups of cases that are run in turn."""
    python = sys.executable
    peers = [python, "-m", "tests.benchmarks.peers"]
    cli = [python, "-m", "mnistcli"]
    digit = str(folder / "digit.png")
    groups = {
        "epoch": [
            [Case(f"epoch of {arch}, batch {batch}", peer, [*peers, peer, arch, str(batch), "4"]) for peer in PEERS]
            for arch in ("dense", "cnn")
            for batch in (32, 128)
        ],
        "study": [
            [
                Case(f"whole study, {arch}", "mnistcli", [*cli, "train", "--arch", arch]),
                Case(f"whole study, {arch}", "keras", [*peers, "keras", arch, "32", "12"]),
            ]
            for arch in ("dense", "cnn")
        ],
        "start": [
            [
                Case("start: --help", "mnistcli", [*cli, "--help"]),
                Case("start: --help", "bare Typer program", [python, "-c", BARE_TYPER, "--help"]),
            ],
            [
                Case("start: predict one PNG", "mnistcli", [*cli, "predict", digit, "--run", "builtin"]),
                Case("start: predict one PNG", "python -c 'import jax'", [python, "-c", "import jax"]),
            ],
        ],
    }
    return [group for name in chosen for group in groups[name]]


def table(done: list[list[Case]]) -> str:
    """Return the medians as Markdown, each group's first contender compared with the others."""
    lines = ["| | | median | n | ours is | peak memory |", "|---|---|---|---|---|---|"]
    for group in done:
        ours = statistics.median(group[0].seconds)
        for case in group:
            median = statistics.median(case.seconds)
            ratio = "" if case is group[0] else f"{ours / median:.2f} ×"
            memory = f"{statistics.median(case.peak_mebibytes):.0f} MiB"
            lines.append(
                f"| {case.benchmark} | {case.contender} | {median:.2f} s | {len(case.seconds)} | {ratio} | {memory} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Run what is asked for and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=["epoch", "study", "start"], default=["epoch", "study", "start"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    os.environ["MNISTCLI_CACHE_DIR"] = str(folder / "cache")
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    try:
        _export_a_digit(folder)
        done = cases(options.only, folder)
        for group in done:
            for _ in range(options.rounds):
                for case in group:
                    if case.benchmark.startswith("whole study"):
                        shutil.rmtree(folder / "cache", ignore_errors=True)  # cold: nothing compiled before
                    case.run(str(folder))
            print(table([group]), file=sys.stderr)
    finally:
        shutil.rmtree(folder)
    machine = f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    if options.json:
        options.json.write_text(
            json.dumps({"machine": machine, "cases": [asdict(c) for g in done for c in g]}, indent=1)
        )
    print(f"{table(done)}\n\nMachine: {machine}.")


def _export_a_digit(folder: Path) -> None:
    command = [sys.executable, "-m", "mnistcli"]
    subprocess.run(
        [*command, "data", "export", "--limit", "1", "digits", "-q"], cwd=folder, check=True, capture_output=True
    )
    next((folder / "digits").glob("*.png")).rename(folder / "digit.png")
    subprocess.run([*command, "predict", "digit.png", "--run", "builtin"], cwd=folder, check=True, capture_output=True)


if __name__ == "__main__":
    main()
