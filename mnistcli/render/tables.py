"""Rich tables and numbers in the style that all commands share."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text

from mnistcli.render.view import printable, shortened

NOTHING = "–"
ARCH_CELLS = 40  # most of a description
GAP = 3  # cells of the terminal between two columns


class PlainTextTable(Table):
    """A table that shows strings as they are: brackets are not markup, and control characters are escaped."""

    def __init__(self, *, title: str | None = None, **options: Any) -> None:
        super().__init__(title=title and Text(printable(title)), title_justify="left", title_style="bold", **options)

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Add a row; strings are shown as they are."""
        super().add_row(*(Text(printable(cell)) if isinstance(cell, str) else cell for cell in cells), **options)


class FittingTable(PlainTextTable):
    """A table that can be made narrower: heads and long text fold, then columns are left out.

    Attributes:
        optional: The heads of the columns that may be left out, in this order.
        folding: The heads of the columns of long text, and the cells of it that stay on a line.
    """

    def __init__(self, *, title: str | None, optional: tuple[str, ...], folding: Mapping[str, int]) -> None:
        super().__init__(title=title, box=box.SIMPLE_HEAD, pad_edge=False)
        self.optional = optional
        self.folding = folding

    def fit(self, room: int) -> list[str]:
        """Make the table at most `room` cells wide if possible, and return the heads of the columns left out."""
        left_out: list[str] = []
        for head in self.optional:
            if self._narrowest() <= room:
                break
            left_out.append(head)
            kept = [column for column in self.columns if column.header != head]
            self.columns = [replace(column, _index=i) for i, column in enumerate(kept)]
        spare = max(0, room - self._narrowest())
        for column in self.columns:
            column.width = min(self._least_width(column) + spare, _width(column))
            spare -= column.width - self._least_width(column)
            column.no_wrap, column.overflow = False, "fold"
        return left_out

    def _narrowest(self) -> int:
        return sum(map(self._least_width, self.columns)) + GAP * (len(self.columns) - 1) + 2

    def _least_width(self, column: Column) -> int:
        """Return the smallest width that breaks no word or cell, except long text."""
        head = str(column.header)
        least = max(map(cell_len, (*head.split(), *map(str, column.cells))), default=0)
        return min(least, self.folding.get(head, least))


def _width(column: Column) -> int:
    return max(cell_len(str(each)) for each in (column.header, *column.cells))


def make_table(
    *columns: str,
    title: str | None = None,
    numbers: int = 0,
    optional: tuple[str, ...] = (),
    folding: Mapping[str, int] | None = None,
) -> FittingTable:
    """Return an empty table; its last `numbers` columns are right-aligned.

    A narrow terminal folds the columns named in `folding`, then leaves out those in `optional`, in that order.
    """
    table = FittingTable(title=title, optional=optional, folding=folding or {})
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i >= len(columns) - numbers else "left", no_wrap=True)
    return table


def make_facts(title: str | None = None) -> Table:
    """Return an empty table of names and values."""
    table = PlainTextTable(title=title, box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def panel(title: str, content: RenderableType) -> Panel:
    """Return a result in a titled frame."""
    return Panel(content, title=Text(printable(title), "bold"), title_align="left", expand=False)


def command_lines(title: str, commands: Sequence[str]) -> list[Text]:
    """Return commands below a title, each on a single line, however long, so that they can be copied."""
    return [Text(title, "dim"), *(Text(f"  {printable(command)}", "cyan", no_wrap=True) for command in commands)]


def percent(share: float | None, digits: int = 2) -> str:
    """Return a fraction of 1 as a percentage."""
    return NOTHING if share is None else f"{share:.{digits}%}".replace("%", " %")


def points(difference: float, *, sign: str = "-") -> str:
    """Return a difference of accuracies in percentage points; with sign="+", positive ones have a sign, too."""
    return f"{difference * 100:{sign}z.2f}"  # "z": never -0.00


def interval(bounds: tuple[float, float]) -> str:
    """Return a 95 % interval of a fraction, in percent."""
    low, high = bounds
    return f"{low * 100:.2f}–{high * 100:.2f} %"


def seconds(value: float | None) -> str:
    """Return a duration: seconds, from two minutes on with minutes."""
    if value is None:
        return NOTHING
    if value < 120:
        return f"{value:.1f} s"
    return f"{int(value // 60)} min {value % 60:.0f} s"


def short_arch(arch: str) -> str:
    """Return an architecture shortened for a column."""
    return shortened(arch, ARCH_CELLS)


def shape(sides: tuple[int, ...]) -> str:
    """Return a shape as 26 × 26 × 32."""
    return " × ".join(map(str, sides))
