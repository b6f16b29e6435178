"""Confusion matrices as Rich tables: with their counts, or, of many classes, as a map of colours."""

from collections.abc import Sequence

from rich import box
from rich.style import Style
from rich.table import Table
from rich.text import Text

from mnistcli.render.tables import PlainTextTable
from mnistcli.render.view import printable
from mnistcli.results import Evaluation

GOOD, BAD = (0, 120, 60), (190, 40, 40)
MOST_COUNTS = 20  # classes: more do not fit on a screen with their counts
LONGEST = 8  # characters of a name at the head of a column; its row has all of it
Cells = Sequence[Sequence[Text]]


def confusion_table(evaluation: Evaluation) -> Table:
    """Return the counts with their marginals: rows are true classes, columns predicted ones."""
    counts, names = evaluation.confusion, evaluation.class_names
    errors = max((n for i, row in enumerate(counts) for j, n in enumerate(row) if i != j), default=0)
    most = max(row[i] for i, row in enumerate(counts))
    cells = [
        [_shaded(n, most, GOOD) if i == j else _shaded(n, errors, BAD) for j, n in enumerate(row)]
        for i, row in enumerate(counts)
    ]
    title = f"Confusion matrix of {evaluation.run} (rows: true, columns: predicted)"
    if len(names) > MOST_COUNTS:
        return _heat_map(names, cells, title)
    table = _frame(names, title)
    table.add_column("Σ", justify="right", style="dim", no_wrap=True)
    for name, row, total in zip(names, cells, map(sum, counts), strict=True):
        table.add_row(name, *row, str(total))
    totals = [sum(row[j] for row in counts) for j in range(len(counts))]
    table.add_section()
    table.add_row("Σ", *map(str, totals), str(sum(totals)), style="dim")
    return table


def difference_table(a: Evaluation, b: Evaluation) -> Table:
    """Return how many more images b has in each cell than a; green where that is good, red where it is not."""
    change = [[q - p for p, q in zip(*rows, strict=True)] for rows in zip(a.confusion, b.confusion, strict=True)]
    largest = max(abs(n) for row in change for n in row)
    cells = [
        [_shaded(n, largest, GOOD if (n > 0) == (i == j) else BAD, signed=True) for j, n in enumerate(row)]
        for i, row in enumerate(change)
    ]
    names, title = a.class_names, f"Difference: {b.run} minus {a.run}"
    if len(names) > MOST_COUNTS:
        return _heat_map(names, cells, title)
    table = _frame(names, title)
    for name, row in zip(names, cells, strict=True):
        table.add_row(name, *row)
    return table


def _heat_map(names: Sequence[str], cells: Cells, title: str) -> Table:
    """Return a square a cell, two columns wide, in the colour that its count would have behind it."""
    table = _empty(f"{title}, columns in the rows' order")
    table.add_column("".join(printable(name)[:2].ljust(2) for name in names), no_wrap=True)
    for name, row in zip(names, cells, strict=True):
        table.add_row(name, Text().join(Text("· " if cell.plain == "·" else "  ", cell.style) for cell in row))
    return table


def _frame(names: Sequence[str], title: str) -> Table:
    table = _empty(title)
    for name in map(printable, names):
        head = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
        table.add_column(head, justify="right", min_width=5, no_wrap=True)
    return table


def _empty(title: str) -> Table:
    table = PlainTextTable(title=title, box=box.SIMPLE, padding=(0, 0), pad_edge=False)
    table.add_column("", justify="right", style="bold", no_wrap=True)
    return table


def _shaded(n: int, most: int, colour: tuple[int, int, int], *, signed: bool = False) -> Text:
    """Return a count on a background that deepens with it; zeros are left quiet."""
    if n == 0:
        return Text("·", style="dim")
    text = f"{n:+d}" if signed else str(n)
    depth = 0.25 + 0.75 * abs(n) / max(most, 1)
    red, green, blue = (round(channel * depth) for channel in colour)
    return Text(f"{text:>4} ", Style(color="white", bgcolor=f"rgb({red},{green},{blue})"))
