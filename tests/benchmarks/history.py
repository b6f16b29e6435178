"""Draw how ratios between contenders changed from commit to commit.

    python -m tests.benchmarks.history OUT.png FILE …

The files, in the order of the commits, are what `python -m tests.benchmarks --json FILE` wrote. A line is the
seconds of a benchmark's first contender as a multiple of another's, measured side by side, so machines may differ.
"""

import json
import statistics
import sys
from pathlib import Path

from mnistcli.render.style import label_lines, new_figure, run_colour, save, write_title
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
    with new_figure(5 * COLUMNS, 2.6 * rows, "light") as figure:
        write_title(figure, "Seconds of the first contender as a multiple of another's")
        every = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
        for axes, (title, lines) in zip(every, panels.items(), strict=False):
            drawn = [
                (name, axes.plot([*line], [*line.values()], "o-", color=run_colour(i))[0])
                for i, (name, line) in enumerate(lines.items())
            ]
            highest = max(max(line.values()) for line in lines.values())
            axes.set(title=title, xticks=range(len(commits)), xticklabels=commits, ylim=(0, 1.1 * highest))
            label_lines(axes, drawn)
        for axes in every[len(panels) :]:
            axes.remove()
    save(figure, Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
