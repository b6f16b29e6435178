"""One contender at one piece of work: its command, how to read its time, and how its runs went."""

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Clock = Callable[[bytes, float], list[float]]  # what the command printed, its wall time → seconds


def wall(_printed: bytes, seconds: float) -> list[float]:
    """The whole process."""
    return [seconds]


def after_the_first(printed: bytes, _seconds: float) -> list[float]:
    """Seconds that the command printed as a JSON list, without the first, which warms up."""
    return list(json.loads(printed)[1:])


def in_total(printed: bytes, _seconds: float) -> list[float]:
    """The sum of the seconds that the command printed as a JSON list."""
    return [sum(json.loads(printed))]


def training(printed: bytes, _seconds: float) -> list[float]:
    """What `train --json` says of its training, without compilation."""
    return [json.loads(printed)["train_seconds"]]


def compilation(printed: bytes, _seconds: float) -> list[float]:
    """What `train --json` says of its compilation."""
    return [json.loads(printed)["compile_seconds"]]


@dataclass
class Case:
    """A contender's command, and seconds and peak memory of each of its runs."""

    contender: str
    command: list[str]
    clock: Clock = wall
    cold: bool = False  # whether compiled programs of earlier runs are thrown away first
    seconds: list[float] = field(default_factory=list)
    peak_mebibytes: list[float] = field(default_factory=list)

    def run(self, folder: Path) -> None:
        """Run the command once."""
        if self.cold:
            shutil.rmtree(folder / "cache", ignore_errors=True)
        with tempfile.TemporaryFile() as out:
            started = time.perf_counter()
            process = subprocess.Popen(self.command, cwd=folder, stdout=out, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
            if status:
                raise SystemExit(f"{' '.join(self.command)} failed with status {status}")
            out.seek(0)
            self.seconds += self.clock(out.read(), seconds)
        self.peak_mebibytes.append(usage.ru_maxrss / 1024)

    def medians(self) -> list[float]:
        """Return the median seconds of each run."""
        of_a_run = len(self.seconds) // len(self.peak_mebibytes)
        return [statistics.median(self.seconds[i : i + of_a_run]) for i in range(0, len(self.seconds), of_a_run)]


@dataclass
class Benchmark:
    """Contenders at the same work, run in turn; the first is ours, and what the others are compared with."""

    name: str
    cases: list[Case]

    def run(self, folder: Path, *, rounds: int) -> None:
        """Run every case once a round."""
        for _ in range(rounds):
            for case in self.cases:
                case.run(folder)

    def ratios(self, case: Case) -> list[float]:
        """Return the first contender's seconds as a multiple of another's, round by round."""
        return [first / other for first, other in zip(self.cases[0].medians(), case.medians(), strict=True)]

    def rows(self) -> list[str]:
        """Return the rows of a Markdown table: medians, and the first one's seconds as a multiple of each other's."""
        rows = []
        for case in self.cases:
            median = statistics.median(case.seconds)
            ratios = self.ratios(case)
            spread = f" ({min(ratios):.2f}–{max(ratios):.2f})" if len(ratios) > 1 else ""
            ratio = "" if case is self.cases[0] else f"{statistics.median(ratios):.2f}{spread}"
            memory = f"{statistics.median(case.peak_mebibytes):,.0f} MiB"
            rows.append(
                f"| {self.name} | {case.contender} | {median:,.3g} s | {len(case.seconds)} | {ratio} | {memory} |"
            )
        return rows
