"""Confusion matrices as Rich tables."""

from collections.abc import Sequence

from rich import box
from rich.style import Style
from rich.table import Table
from rich.text import Text

from mnistcli.render.tables import PlainTextTable
from mnistcli.results import Evaluation

Counts = Sequence[Sequence[int]]


def confusion_table(evaluation: Evaluation) -> Table:
    """Return the counts with their marginals: rows are true classes, columns predicted ones."""
    counts = evaluation.confusion
    errors = max((n for i, row in enumerate(counts) for j, n in enumerate(row) if i != j), default=0)
    most = max(row[i] for i, row in enumerate(counts))

    def cell(i: int, j: int) -> Text:
        n = counts[i][j]
        return _shaded(n, most, (0, 120, 60)) if i == j else _shaded(n, errors, (190, 40, 40))

    table = _frame(evaluation.class_names, f"Confusion matrix of {evaluation.run} (rows: true, columns: predicted)")
    table.add_column("Σ", justify="right", style="dim", no_wrap=True)
    for i, name in enumerate(evaluation.class_names):
        table.add_row(name, *(cell(i, j) for j in range(len(counts))), str(sum(counts[i])))
    totals = [sum(row[j] for row in counts) for j in range(len(counts))]
    table.add_section()
    table.add_row("Σ", *map(str, totals), str(sum(totals)), style="dim")
    return table


def difference_table(a: Evaluation, b: Evaluation) -> Table:
    """Return how many more images b has in each cell than a; green where that is good, red where it is not."""
    change = [[q - p for p, q in zip(*rows, strict=True)] for rows in zip(a.confusion, b.confusion, strict=True)]
    largest = max(abs(n) for row in change for n in row)
    table = _frame(a.class_names, f"Difference: {b.run} minus {a.run}")
    for i, name in enumerate(a.class_names):
        cells = []
        for j, n in enumerate(change[i]):
            good = (n > 0) == (i == j)
            cells.append(_shaded(n, largest, (0, 120, 60) if good else (190, 40, 40), signed=True))
        table.add_row(name, *cells)
    return table


def _frame(class_names: Sequence[str], title: str) -> Table:
    table = PlainTextTable(title=title, box=box.SIMPLE, padding=(0, 0), pad_edge=False)
    table.add_column("", justify="right", style="bold", no_wrap=True)
    for name in class_names:
        table.add_column(name, justify="right", min_width=5, no_wrap=True)
    return table


def _shaded(n: int, most: int, colour: tuple[int, int, int], *, signed: bool = False) -> Text:
    """Return a count on a background that deepens with it; zeros are left quiet."""
    if n == 0:
        return Text("·", style="dim")
    text = f"{n:+d}" if signed else str(n)
    depth = 0.25 + 0.75 * abs(n) / max(most, 1)
    red, green, blue = (round(channel * depth) for channel in colour)
    return Text(f"{text:>4} ", Style(color="white", bgcolor=f"rgb({red},{green},{blue})"))
