"""Rich tables and numbers in the one style that all commands share."""

from typing import Any, TextIO

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from mnistcli.render.view import printable

NOTHING = "–"


class QuietConsole(Console):
    """A console that leaves a closed pipe to the front door."""

    def on_broken_pipe(self) -> None:
        """Pass the error on, where Rich would exit with code 1."""
        raise  # the BrokenPipeError that Rich is handling when it calls this


class PlainTextTable(Table):
    """A table whose strings are text, whatever brackets or control characters a user's names have in them."""

    def __init__(self, *, title: str | None, **options: Any) -> None:
        super().__init__(title=title and Text(printable(title)), title_justify="left", title_style="bold", **options)

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Add a row; strings are shown as they are."""
        super().add_row(*(Text(printable(cell)) if isinstance(cell, str) else cell for cell in cells), **options)


def make_console(stream: TextIO, **options: Any) -> Console:
    """Return a console that takes strings as text, without markup or highlighting."""
    return QuietConsole(file=stream, highlight=False, markup=False, emoji=False, **options)


def make_table(*columns: str, title: str | None = None, numbers: int = 0) -> Table:
    """Return an empty table; its last `numbers` columns are set to the right."""
    table = PlainTextTable(title=title, box=box.SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i >= len(columns) - numbers else "left", no_wrap=True)
    return table


def make_facts(title: str | None = None) -> Table:
    """Return an empty table of names and values."""
    table = PlainTextTable(title=title, box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def percent(share: float | None, digits: int = 2) -> str:
    """Return a fraction of 1 as a percentage."""
    return NOTHING if share is None else f"{share:.{digits}%}".replace("%", " %")


def interval(bounds: tuple[float, float]) -> str:
    """Return a 95 % interval of a fraction, in percent."""
    low, high = bounds
    return f"{low * 100:.2f}–{high * 100:.2f} %"


def seconds(value: float | None) -> str:
    """Return a duration: seconds, and from two minutes on minutes too."""
    if value is None:
        return NOTHING
    if value < 120:
        return f"{value:.1f} s"
    return f"{int(value // 60)} min {value % 60:.0f} s"


def shape(sides: tuple[int, ...]) -> str:
    """Return a shape as 26 × 26 × 32."""
    return " × ".join(map(str, sides))
