"""How an architecture is shown."""

from dataclasses import asdict

from rich.console import RenderableType

from mnistcli.render.tables import make_table, shape
from mnistcli.render.view import View
from mnistcli.results.summary import ModelSummary


def summary_view(summary: ModelSummary) -> View:
    """Return the layers in all formats."""
    return View(
        schema="mnistcli.summary/1",
        document=lambda: (
            asdict(summary) | {"parameters": summary.parameters, "multiply_accumulates": summary.multiply_accumulates}
        ),
        rows=lambda: (
            asdict(layer)
            | {key: "×".join(map(str, getattr(layer, key))) for key in ("output_shape", "receptive_field")}
            for layer in summary.layers
        ),
        terminal=lambda _: [_table(summary)],
    )


def _table(summary: ModelSummary) -> RenderableType:
    table = make_table(
        *("layer", "kind", "", "output", "sees", "parameters", "MAC/image"),
        title=summary.arch,
        numbers=4,
        optional=("kind", "sees", "MAC/image"),
    )
    for layer in summary.layers:
        counts = (f"{n:,}" if n else "" for n in (layer.parameters, layer.multiply_accumulates))
        sees = "×".join(map(str, layer.receptive_field))
        table.add_row(layer.name, layer.kind, layer.detail, shape(layer.output_shape), sees, *counts)
    table.add_section()
    table.add_row("all", "", "", "", "", f"{summary.parameters:,}", f"{summary.multiply_accumulates:,}", style="bold")
    return table
