"""Draw how ratios between contenders changed from commit to commit.

    python -m tests.benchmarks.history OUT.png FILE …

The files, in the order of the commits, are what `python -m tests.benchmarks --json FILE` wrote. A line is the
seconds of a benchmark's first contender as a multiple of another's, measured side by side, so machines may differ.
"""

import json
import statistics
import sys
from pathlib import Path

from matplotlib.figure import Figure

from tests.benchmarks.case import Benchmark, Case

COLUMNS = 3


def main(out: str, *files: str) -> None:
    """Draw the figure: a panel for each benchmark, a line for each contender but the first."""
    documents = [json.loads(Path(file).read_text()) for file in files]
    commits = [document["commit"] for document in documents]
    panels: dict[str, dict[str, dict[int, float]]] = {}
    for place, document in enumerate(documents):
        for each in document["benchmarks"]:
            benchmark = Benchmark(each["name"], [Case(**case) for case in each["cases"]])
            first, *others = benchmark.cases
            for other in others:
                lines = panels.setdefault(benchmark.name, {})
                line = lines.setdefault(f"{first.contender} / {other.contender}", {})
                line[place] = statistics.median(benchmark.ratios(other))
    rows = -(-len(panels) // COLUMNS)
    figure = Figure(figsize=(4 * COLUMNS, 2.6 * rows), layout="constrained")
    every = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes, (title, lines) in zip(every, panels.items(), strict=False):
        for name, line in lines.items():
            axes.plot([*line], [*line.values()], "o-", label=name)
        axes.set_title(title, size=10, loc="left")
        highest = max(max(line.values()) for line in lines.values())
        axes.set(xticks=range(len(commits)), xticklabels=commits, ylim=(0, 1.1 * highest))
        axes.legend(fontsize=8)
    for axes in every[len(panels) :]:
        axes.remove()
    figure.supylabel("ratio of seconds", size=10)
    figure.savefig(out, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:])
