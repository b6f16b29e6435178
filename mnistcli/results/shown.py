"""How a result shows itself in a notebook.

What makes tables and figures of results lies above them, and they must not import it: `mnistcli.api`, through which a
notebook gets its results, hands it in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure


class Presenter(Protocol):
    """What makes tables and figures of results."""

    def table(self, result: Any) -> str:
        """Return the result as an HTML table."""
        ...

    def figure(self, result: Any) -> Figure:
        """Draw the result."""
        ...


def present_by(find: Callable[[], Presenter]) -> None:
    """Let results be shown by what `find` returns; it is called when the first of them is shown."""
    global _find
    _find = find


def _nobody() -> Presenter:
    raise RuntimeError("Only what mnistcli's functions return can show itself, such as mnistcli.evaluate().")


_find = _nobody


class Tabular:
    """A result that a notebook shows as a table."""

    def _repr_html_(self) -> str:
        return _find().table(self)


class Drawable(Tabular):
    """A result that can also be drawn."""

    def figure(self) -> Figure:
        """Draw it: a Matplotlib figure, made without pyplot, which a notebook shows and `savefig` writes."""
        return _find().figure(self)
