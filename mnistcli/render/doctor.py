"""How doctor's findings are shown."""

from collections.abc import Sequence
from dataclasses import asdict

from rich.console import RenderableType
from rich.text import Text

from mnistcli.render.tables import make_table
from mnistcli.render.view import View
from mnistcli.results.lists import Check


def diagnosis_view(checks: Sequence[Check]) -> View:
    """Return the findings in all formats."""
    return View(
        schema="mnistcli.doctor/1",
        document=lambda: {"ok": all(check.ok for check in checks), "checks": [asdict(check) for check in checks]},
        rows=lambda: [asdict(check) for check in checks],
        terminal=lambda _: [_table(checks)],
    )


def _table(checks: Sequence[Check]) -> RenderableType:
    table = make_table("", "what", "found", folding={"found": 20})
    for check in checks:
        mark = Text("✓", "green") if check.ok else Text("✗", "bold red")
        table.add_row(mark, check.name, check.value)
    return table
