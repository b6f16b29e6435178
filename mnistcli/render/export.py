"""How an export and its check are shown."""

from rich.table import Table

from mnistcli.render.tables import make_facts
from mnistcli.render.view import View
from mnistcli.results.summary import Export


def export_view(export: Export) -> View:
    """Return the export in all formats."""
    row = {
        "run": export.run,
        "file": export.file,
        "bytes": export.size,
        "images": export.images,
        "same_answers": export.same_answers,
        "largest_difference": export.largest_difference,
    }
    return View(
        schema="mnistcli.export/1",
        document=lambda: row,
        rows=lambda: [row],
        terminal=lambda _: [_terminal(export)],
        record=True,
    )


def _terminal(export: Export) -> Table:
    facts = make_facts()
    facts.add_row("run", export.run)
    facts.add_row("file", f"{export.file}, {export.size:,} bytes")
    if export.same_answers is None:
        facts.add_row("check", f"when opened, the page compares its answers for {export.images:,} images with JAX's")
    else:
        facts.add_row("same answer", f"{export.same_answers:,} of {export.images:,} test images, as in JAX")
        facts.add_row("difference", f"at most {export.largest_difference:.1g} in any probability")
    return facts
