"""Views, read by the words, numbers and colours that they show: where these stand is the layout's affair."""

import io
import re
from typing import Any

from rich.console import Console
from rich.style import Style
from rich.text import Text

from mnistcli.render.screen import Screen
from mnistcli.render.view import View

WIDTH = 240  # columns: nothing is left out for want of room


def on_terminal(view: View, *, width: int = WIDTH, brief: bool = False) -> Text:
    """Return what a terminal in full colour shows."""
    options = {"force_terminal": True, "color_system": "truecolor", "width": width, "brief": brief}
    return Text.from_ansi(written(view, "table", **options))


def rows(view: View) -> list[list[str]]:
    """Return the words of each line that a terminal shows, without pictures; a number keeps its percent sign."""
    return [line.replace(" %", "%").replace("▀", "").split() for line in on_terminal(view).plain.splitlines()]


def colour(view: View, part: str) -> tuple[int, int, int]:
    """Return the red, green and blue of a text, where it is shown in a colour."""
    return tuple(next(each.color for each in _styles(view, part) if each.color is not None).get_truecolor())


def behind(view: View, part: str) -> tuple[int, int, int]:
    """Return the red, green and blue behind a text, where it is shown on a colour."""
    return tuple(next(each.bgcolor for each in _styles(view, part) if each.bgcolor is not None).get_truecolor())


def written(view: View, form: str, **options: Any) -> str:
    """Return a view in one of its formats; `options` are the console's."""
    stream = io.StringIO()
    view.write(form, stdout=stream, screen=Screen(stream, **options))
    return stream.getvalue()


def _styles(view: View, part: str) -> list[Style]:
    shown = on_terminal(view)
    return [shown.get_style_at_offset(Console(), found.start()) for found in re.finditer(re.escape(part), shown.plain)]
