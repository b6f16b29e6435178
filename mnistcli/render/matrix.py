"""Confusion matrices as Rich tables, with counts or for many classes as a heat map; and the images in their cells."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from rich import box
from rich.cells import set_cell_size
from rich.console import RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from mnistcli.render.tables import PlainTextTable
from mnistcli.render.view import printable, shortened
from mnistcli.results.data import Sample
from mnistcli.results.evaluate import Evaluation

GOOD, BAD = (0, 120, 60), (190, 40, 40)
MOST_COUNTS = 20  # most classes with counts: more do not fit on a screen
MOST_PICTURED = 26  # most classes of a matrix with images
LONGEST = 8  # cells of a name above a column; its row has the full name if there is room
SHORTEST = 4
Cells = Sequence[Sequence[Text]]
Counts = Sequence[Sequence[int]]


def samples_by_cell(samples: Iterable[Sample]) -> dict[tuple[str, str | None], list[Sample]]:
    """Return samples by true and predicted class."""
    cells = defaultdict(list)
    for sample in samples:
        cells[sample.label, sample.predicted].append(sample)
    return cells


def confusion_tables(evaluation: Evaluation) -> Iterator[RenderableType]:
    """Yield tables of the counts, widest form first; the widest have sums."""
    counts, names = evaluation.confusion, evaluation.class_names
    errors = max((n for i, row in enumerate(counts) for j, n in enumerate(row) if i != j), default=0)
    most = max(row[i] for i, row in enumerate(counts))
    cells = [
        [_shaded(n, most, GOOD) if i == j else _shaded(n, errors, BAD) for j, n in enumerate(row)]
        for i, row in enumerate(counts)
    ]
    title = f"Confusion matrix of {evaluation.run} (rows: true, columns: predicted)"
    if len(names) <= MOST_COUNTS:
        for padding in (1, 0):
            yield _frame(names, cells, title, padding=padding, sums=counts)
    yield from _narrow(names, cells, title)


def compact(table: RenderableType) -> RenderableType:
    """Return a confusion matrix without empty lines and the run's name."""
    if isinstance(table, Table):
        table.title, table.show_edge = Text("Confusion matrix (rows: true, columns: predicted)"), False
        for row in table.rows:
            row.end_section = False
    return table


def difference_tables(a: Evaluation, b: Evaluation) -> Iterator[RenderableType]:
    """Yield tables of how many more images b has in each cell than a, green if that is good, widest form first."""
    change = [[q - p for p, q in zip(*rows, strict=True)] for rows in zip(a.confusion, b.confusion, strict=True)]
    largest = max(abs(n) for row in change for n in row)
    cells = [
        [_shaded(n, largest, GOOD if (n > 0) == (i == j) else BAD, signed=True) for j, n in enumerate(row)]
        for i, row in enumerate(change)
    ]
    names, title = a.class_names, f"Difference: {b.run} minus {a.run}"
    if len(names) <= MOST_COUNTS:
        yield _frame(names, cells, title, padding=1)
    yield from _narrow(names, cells, title)


def _narrow(names: Sequence[str], cells: Cells, title: str) -> Iterator[RenderableType]:
    if len(names) <= MOST_COUNTS:
        yield _frame(names, cells, title, padding=0)
    for width in (2, 1):
        yield _heat_map(names, cells, title, width=width)
    yield Text(f"{title}: too wide for this terminal; use --plot FILE.", style="dim")


def _heat_map(names: Sequence[str], cells: Cells, title: str, *, width: int) -> Table:
    """Return one coloured field per cell, `width` columns wide."""
    table = _empty(f"{title}, columns in the rows' order")
    table.add_column("".join(set_cell_size(printable(name), width) for name in names), no_wrap=True)
    for name, row in zip(names, cells, strict=True):
        fields = (Text(("·" if cell.plain == "·" else "").ljust(width), cell.style) for cell in row)
        table.add_row(name if width > 1 else shortened(name, LONGEST), Text().join(fields))
    return table


def _frame(names: Sequence[str], cells: Cells, title: str, *, padding: int, sums: Counts = ()) -> Table:
    """Return a table of cells, all as wide as the widest and `padding` columns more, with the sums of these counts.

    Without padding, names are cut, too.
    """
    table, width = _empty(title), max(len(cell.plain) for row in cells for cell in row)
    for name in names:
        head = shortened(name, LONGEST if padding else max(SHORTEST, width))
        table.add_column(head, justify="right", no_wrap=True)
    if sums:
        table.add_column("Σ", justify="right", style="dim", no_wrap=True)
    for name, row, total in zip_longest(names, cells, map(sum, sums)):
        fields = [Text(cell.plain.rjust(width) + " " * padding, cell.style) for cell in row]
        table.add_row(name if padding else shortened(name, LONGEST), *fields, *([str(total)] if sums else []))
    if sums:
        totals = [sum(column) for column in zip(*sums, strict=True)]
        table.add_section()
        table.add_row("Σ", *map(str, totals), str(sum(totals)), style="dim")
    return table


def _empty(title: str) -> Table:
    table = PlainTextTable(title=title, box=box.SIMPLE, padding=(0, 0), pad_edge=False)
    table.add_column("", justify="right", style="bold", no_wrap=True)
    return table


def _shaded(n: int, most: int, colour: tuple[int, int, int], *, signed: bool = False) -> Text:
    """Return a count on a background that grows brighter with it; zeros are dim."""
    if n == 0:
        return Text("·", style="dim")
    depth = 0.25 + 0.75 * abs(n) / max(most, 1)
    red, green, blue = (round(channel * depth) for channel in colour)
    return Text(f"{n:+d}" if signed else str(n), Style(color="white", bgcolor=f"rgb({red},{green},{blue})"))
