"""How a result shows itself in a notebook.

Results must not import the modules that make tables and figures, which are above them in the package. `mnistcli.api`,
which returns results to a notebook, passes those modules in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure


class Presenter(Protocol):
    """Makes tables and figures of results."""

    def table(self, result: Any) -> str:
        """Return the result as an HTML table."""
        ...

    def figure(self, result: Any) -> Figure:
        """Draw the result."""
        ...


def present_by(find: Callable[[], Presenter]) -> None:
    """Show results with the presenter that `find` returns; it is called whenever a result is shown."""
    global _find
    _find = find


def _nobody() -> Presenter:
    raise RuntimeError("Only results of mnistcli's functions, such as mnistcli.evaluate(), can be shown in a notebook.")


_find = _nobody


class Tabular:
    """A result that a notebook shows as a table."""

    def _repr_html_(self) -> str:
        return _find().table(self)


class Drawable(Tabular):
    """A result that can also be drawn."""

    def figure(self) -> Figure:
        """Return a Matplotlib figure, made without pyplot; a notebook shows it, and `savefig` saves it."""
        return _find().figure(self)
