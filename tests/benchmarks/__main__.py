"""Run the benchmarks side by side, in turn (A B A B …): medians as a Markdown table, everything as JSON.

    python -m tests.benchmarks [--rounds N] [--only GROUP …] [--json FILE]

`python -m tests.benchmarks.history` draws a figure over the commits of several such files.

Needs `pip install '.[bench]'` and an otherwise idle machine. A line's ratio is the first of its group as a multiple of
that line, the median of all rounds; in parentheses are the smallest and the largest ratio of a round. Peak memory is
the largest resident size of the command's process.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.case import Benchmark
from tests.benchmarks.suite import CLI, GROUPS

HEAD = "| | | median | n | ratio | peak memory |\n|---|---|---|---|---|---|"
VERSIONS = ("jax", "flax", "torch", "keras", "tensorflow-cpu", "numpy", "pillow")


def main() -> None:
    """Run what is asked for and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    commit = _commit()
    done: list[Benchmark] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ |= {"MNISTCLI_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(Path(__file__).parents[2])}
        _make_inputs(folder)
        for name in options.only:
            for benchmark in GROUPS[name]():
                benchmark.run(folder, rounds=options.rounds)
                print("\n".join(benchmark.rows()), file=sys.stderr)
                done.append(benchmark)
    if options.json:
        results = [{"name": each.name, "cases": [_plain(asdict(case)) for case in each.cases]} for each in done]
        document = {"machine": _machine(), "commit": commit, "benchmarks": results}
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    print("\n".join([HEAD, *(row for each in done for row in each.rows())]), f"\nMachine: {_machine()}.", sep="\n")


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    return f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}"


def _commit() -> str:
    described = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(described, capture_output=True, text=True, cwd=Path(__file__).parent).stdout.strip()


def _plain(case: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in case.items() if key != "clock"}


def _make_inputs(folder: Path) -> None:
    """Write the test images as PNG files, lists of them, and one of them as digit.png."""
    export = [*CLI, "data", "export", "--split", "test", "digits", "-q"]
    subprocess.run(export, cwd=folder, check=True, capture_output=True)
    paths = [f"{path}\n" for path in sorted((folder / "digits").glob("*.png"))]
    for count in (1_000, 10_000, 20_000, 40_000):
        (folder / f"{count}.txt").write_text("".join((paths * 4)[:count]))
    (folder / "digit.png").write_bytes(Path(paths[0].rstrip()).read_bytes())


if __name__ == "__main__":
    main()
