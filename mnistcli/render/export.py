"""How an export and its proof are shown."""

from rich.text import Text

from mnistcli.render.view import View, printable
from mnistcli.results import Export


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
        terminal=lambda _: [
            Text(f"{printable(export.file)}  {export.size:,} bytes"),
            Text(
                f"{export.same_answers:,} of {export.images:,} test images get the same answer as from JAX; "
                f"the largest difference of a probability is {export.largest_difference:.1g}"
            ),
        ],
        record=True,
    )
