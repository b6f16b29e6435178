"""The console that shows results and progress: on a terminal what fits its width, elsewhere everything."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TextIO, TypeVar

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from mnistcli.render.tables import FittingTable
from mnistcli.render.view import printable

UNLIMITED = 10_000  # cells; more than any line needs
Choice = TypeVar("Choice", bound=RenderableType)


def left_out(n: int, what: str) -> list[Text]:
    """Return a line that says how many items a brief terminal leaves out, if any."""
    return [Text(f"and {n:,} more {what}; -v shows all.", "dim")] if n > 0 else []


class Screen(Console):
    """A console that takes strings as text, without markup or highlighting.

    Attributes:
        brief: Show what the terminal has room for instead of everything.
    """

    def __init__(self, file: TextIO, *, brief: bool = False, **options: Any) -> None:
        super().__init__(file=file, highlight=False, markup=False, emoji=False, **options)
        self.brief = brief

    def show(self, shown: RenderableType) -> None:
        """Print a result without cutting anything off: a table that cannot fold may be wider than the terminal."""
        left_out = shown.fit(self.width) if self.brief and isinstance(shown, FittingTable) else []
        if isinstance(shown, Table) and all(column.no_wrap or column.width is not None for column in shown.columns):
            shown.width = self._needed(shown)
        unbroken = isinstance(shown, Text) and shown.no_wrap
        self.print(shown, crop=False, soft_wrap=unbroken or (isinstance(shown, str | Text) and not self.is_terminal))
        if left_out:
            self.print(Text(f"Left out: {', '.join(left_out)}. -v or a wider terminal shows all.", "dim"))

    def choose(self, choices: Iterable[Choice], *, room: int | None = None) -> Choice:
        """Return the first choice, widest first, that fits, or else the last."""
        if room is None:
            room = self.width if self.brief else UNLIMITED
        for choice in choices:
            if self._needed(choice) <= room:
                break
        return choice

    def say(self, *choices: str) -> None:
        """Print the first text, longest first, that fits; if nobody reads any more, nothing."""
        with suppress(BrokenPipeError):
            self.show(self.choose([Text(printable(text)) for text in choices]))

    def on_broken_pipe(self) -> None:
        """Leave a closed pipe to the front door, where Rich would exit with code 1."""
        raise  # the BrokenPipeError that Rich is handling when it calls this

    def _needed(self, shown: RenderableType) -> int:
        return self.measure(shown, options=self.options.update(width=UNLIMITED)).maximum
