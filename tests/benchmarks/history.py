"""Draw how ratios to others changed from commit to commit.

    python -m tests.benchmarks.history OUT.png FILE …

The files, in the order of the commits, are what `python -m tests.benchmarks --json FILE` wrote. A line is the
median seconds of a benchmark's first contender as a multiple of another's, side by side on one machine: it can be
compared between machines.
"""

import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def main(out: str, *files: str) -> None:
    """Draw the figure."""
    documents = [json.loads(Path(file).read_text()) for file in files]
    commits = [document["commit"] for document in documents]
    histories: dict[str, dict[int, float]] = {}
    for place, document in enumerate(documents):
        for name, ratio in _ratios(document):
            histories.setdefault(name, {})[place] = ratio
    figure = Figure(figsize=(9, 1.5 + 0.35 * len(histories)), layout="constrained")
    axes = figure.subplots()
    for name, history in histories.items():
        axes.plot([*history], [*history.values()], "o-", label=name)
    axes.axhline(1, color="grey", linewidth=0.8)
    axes.set(xticks=range(len(commits)), xticklabels=commits, ylabel="ratio of seconds", yscale="log")
    figure.legend(loc="outside right")
    figure.savefig(out, dpi=120)


def _ratios(document: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for benchmark in document["benchmarks"]:
        ours, *others = benchmark["cases"]
        for other in others:
            ratio = statistics.median(ours["seconds"]) / statistics.median(other["seconds"])
            yield f"{benchmark['name']}: {ours['contender']} / {other['contender']}", ratio


if __name__ == "__main__":
    main(*sys.argv[1:])
