"""How a data set, its images and its files are shown."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from rich.console import Console, RenderableType
from rich.text import Text

from mnistcli.render.pixels import beside, draw, trim
from mnistcli.render.tables import make_facts, make_table, shape
from mnistcli.render.view import View, label_value
from mnistcli.results import DatasetSummary, FileCheck, Sample

GAP = 2


def samples_view(samples: Sequence[Sample], *, dataset: str, split: str, columns: int) -> View:
    """Return labelled images: pictures on a terminal, indices and labels elsewhere."""
    rows = [{"index": sample.index, "label": label_value(sample.label)} for sample in samples]
    return View(
        schema="mnistcli.data-show/1",
        document=lambda: {"dataset": dataset, "split": split, "samples": rows},
        rows=lambda: rows,
        terminal=lambda console: _grid(samples, columns, console),
    )


def dataset_view(summary: DatasetSummary) -> View:
    """Return what a data set holds."""
    return View(
        schema="mnistcli.data-info/1",
        document=lambda: asdict(summary),
        rows=lambda: [
            {"split": split.name, "images": split.images} | dict(zip(summary.class_names, split.per_class, strict=True))
            for split in summary.splits
        ],
        terminal=lambda _: _info(summary),
    )


def file_checks_view(checks: Sequence[FileCheck]) -> View:
    """Return the embedded files' sums, expected and found."""
    rows = [asdict(check) | {"ok": check.ok} for check in checks]
    return View(
        schema="mnistcli.data-verify/1",
        document=lambda: {"ok": all(check.ok for check in checks), "files": rows},
        rows=lambda: rows,
        terminal=lambda _: [_verified(checks)],
    )


def export_view(folder: str, images: int, split: str) -> View:
    """Return what was exported, and where."""
    record = {"folder": folder, "split": split, "images": images}
    return View(
        schema="mnistcli.data-export/1",
        document=lambda: record,
        rows=lambda: [record],
        terminal=lambda _: [Text(f"{images:,} {split} images and labels.csv are in {folder}")],
        record=True,
    )


def _grid(samples: Sequence[Sample], columns: int, console: Console) -> Iterable[RenderableType]:
    pictures = trim([sample.picture for sample in samples])
    width = pictures[0].shape[1]
    columns = max(1, min(columns, (console.width + GAP) // (width + GAP)))
    for start in range(0, len(samples), columns):
        row = range(start, min(start + columns, len(samples)))
        blocks = [
            [Text(f"{samples[i].label}  #{samples[i].index}".ljust(width)[:width], "bold"), *draw(pictures[i], console)]
            for i in row
        ]
        yield beside(blocks, gap=GAP)


def _info(summary: DatasetSummary) -> Iterable[RenderableType]:
    facts = make_facts(title=summary.name)
    facts.add_row("images", f"{sum(split.images for split in summary.splits):,} of {shape(summary.image_shape)}, uint8")
    facts.add_row("classes", f"{len(summary.class_names)}: {' '.join(summary.class_names)}")
    facts.add_row("fingerprint", summary.fingerprint)
    facts.add_row("lies in", summary.location)
    table = make_table("class", *(split.name for split in summary.splits), numbers=len(summary.splits))
    for i, name in enumerate(summary.class_names):
        table.add_row(name, *(f"{split.per_class[i]:,}" for split in summary.splits))
    table.add_section()
    table.add_row("all", *(f"{split.images:,}" for split in summary.splits), style="bold")
    return [facts, table]


def _verified(checks: Sequence[FileCheck]) -> RenderableType:
    table = make_table("file", "SHA-256 of its content", "")
    table.columns[1].no_wrap = False
    for check in checks:
        verdict = Text("as published", "green") if check.ok else Text("DAMAGED", "bold red")
        table.add_row(check.file, check.found or "cannot be read", verdict)
    return table
