"""How a data set, its images and its files are shown."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import numpy as np
from rich.console import RenderableType
from rich.text import Text

from mnistcli.render.pixels import draw, flow, shrink, trim
from mnistcli.render.screen import Screen, left_out
from mnistcli.render.tables import NOTHING, make_facts, make_table, percent, shape
from mnistcli.render.view import Row, View, label_value, printable
from mnistcli.results.data import DatasetSummary, FileCheck, Finding, Flip, KnownDataset, Sample

MOST_ROWS = 50
MOST_CLASSES, MOST_LISTED = 10, 12  # rows that fit on one screen
BESIDE_GRID = 3  # lines of that screen that are not for pictures
SUM = "SHA-256 of its content"
RUN_KEYS = ("run", "other_run")
KINDS = {"duplicate": "duplicates", "leak": "leaks", "conflict": "conflicts", "doubt": "doubted labels"}


def samples_view(
    samples: Sequence[Sample], *, dataset: str, split: str, columns: int, runs: Sequence[str] = ()
) -> View:
    """Return labelled images: pictures on a terminal, elsewhere indices, labels and the answers of these runs."""
    rows, read_by = [_sample_row(sample) for sample in samples], dict(zip(RUN_KEYS, runs, strict=False))
    return View(
        schema="mnistcli.data-show/1",
        document=lambda: {"dataset": dataset, "split": split, **read_by, "samples": rows},
        rows=lambda: [row | read_by for row in rows],
        terminal=lambda screen: _grid(samples, columns, screen),
        plain_without=RUN_KEYS,
    )


def dataset_view(summary: DatasetSummary) -> View:
    """Return a description of a data set."""
    return View(
        schema="mnistcli.data-info/1",
        document=lambda: asdict(summary),
        rows=lambda: [
            {"split": split.name, "images": split.images} | dict(zip(summary.class_names, split.per_class, strict=True))
            for split in summary.splits
        ],
        terminal=lambda screen: _info(summary, screen),
    )


def file_checks_view(checks: Sequence[FileCheck]) -> View:
    """Return the checksums, expected and found."""
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


def known_view(known: Sequence[KnownDataset]) -> View:
    """Return the data sets that `data list` shows."""
    rows = [asdict(each) | {"image_shape": "x".join(map(str, each.image_shape))} for each in known]
    return View(
        schema="mnistcli.data-list/1",
        document=lambda: {"datasets": [asdict(each) for each in known]},
        rows=lambda: rows,
        terminal=lambda screen: _known(known, screen),
    )


def path_view(folder: str) -> View:
    """Return the folder of decoded data sets."""
    return View(
        schema="mnistcli.data-path/1",
        document=lambda: {"path": folder},
        rows=lambda: [{"path": folder}],
        terminal=lambda _: [Text(printable(folder))],
    )


def clean_view(freed: int) -> View:
    """Return how many bytes were freed."""
    return View(
        schema="mnistcli.data-clean/1",
        document=lambda: {"freed_bytes": freed},
        rows=lambda: [{"freed_bytes": freed}],
        terminal=lambda _: [Text(f"{freed / 1e6:,.1f} MB freed")],
    )


def audit_view(findings: Sequence[Finding], *, dataset: str) -> View:
    """Return an audit's findings."""
    rows = [
        asdict(each)
        | {"label": label_value(each.label), "other_label": label_value(each.other_label), "dataset": dataset}
        for each in findings
    ]
    counts = {kind: sum(each.kind == kind for each in findings) for kind in KINDS}
    return View(
        schema="mnistcli.data-audit/1",
        document=lambda: {"dataset": dataset, "counts": counts, "findings": rows},
        rows=lambda: rows,
        terminal=lambda screen: _audit(findings, counts, screen),
        plain_without=("dataset",),
    )


def _sample_row(sample: Sample) -> Row:
    row: Row = {"index": sample.index, "label": label_value(sample.label)}
    if sample.predicted is not None:
        row |= {"predicted": label_value(sample.predicted), "confidence": sample.confidence}
    if isinstance(sample, Flip):
        row |= {"other_predicted": label_value(sample.other_predicted), "other_confidence": sample.other_confidence}
    return row


def _known(known: Sequence[KnownDataset], screen: Screen) -> list[RenderableType]:
    most = MOST_LISTED if screen.brief else len(known)
    table = make_table(
        *("name", "images", "classes", "train", "test", "to fetch", "here", "what"),
        optional=("test", "train", "images", "classes", "to fetch"),
        folding={"name": 26, "what": 22},
    )
    for each in known[:most]:
        table.add_row(
            each.name,
            shape(each.image_shape),
            str(each.classes),
            f"{each.train_images:,}",
            f"{each.test_images:,}",
            f"{each.megabytes:,} MB" if each.megabytes else NOTHING,
            Text("yes", "green") if each.prepared else NOTHING,
            each.summary,
        )
    for column in table.columns[1:6]:
        column.justify = "right"
    return [table, *left_out(len(known) - most, "data sets")]


def _audit(findings: Sequence[Finding], counts: dict[str, int], screen: Screen) -> Iterable[RenderableType]:
    most = MOST_LISTED if screen.brief else MOST_ROWS
    yield Text("  ".join(f"{count:,} {KINDS[kind]}" for kind, count in counts.items()))
    table = make_table(
        *("what", "image", "label", "other image", "other label", "confidence"),
        optional=("confidence", "label"),
        folding={"label": 12, "other label": 12},
    )
    for each in findings[:most]:
        other = NOTHING if each.other_split is None else f"{each.other_split} #{each.other_index}"
        image = f"{each.split} #{each.index}"
        table.add_row(each.kind, image, each.label, other, each.other_label, percent(each.confidence))
    if findings:
        yield table
    if len(findings) > most:
        yield Text(f"and {len(findings) - most:,} more; --format jsonl lists all.", "dim")


def _grid(samples: Sequence[Sample], columns: int, screen: Screen) -> list[Text]:
    """Return rows of images; if brief, at half size if all fit then, else as many rows as fit."""
    pictures = shrink(trim([sample.picture for sample in samples]), screen.width)
    rows = _rows(samples, pictures, columns, screen)
    lines = screen.height - BESIDE_GRID
    if not screen.brief or _height(rows) <= lines:
        return rows
    small = _rows(samples, shrink(pictures, -(-pictures[0].shape[1] // 2)), columns, screen)
    if _height(small) <= lines:
        return [*small, Text("-v shows them at full size.", "dim")]
    most = max(1, lines // _height(rows[:1]))
    return [*rows[:most], *left_out(len(rows) - most, "rows")]


def _rows(samples: Sequence[Sample], pictures: Sequence[np.ndarray], columns: int, screen: Screen) -> list[Text]:
    blocks = [[*_caption(sample), *draw(picture, screen)] for sample, picture in zip(samples, pictures, strict=True)]
    return [*flow(blocks, width=screen.width, most=columns)]


def _height(rows: Sequence[Text]) -> int:
    return sum(row.plain.count("\n") + 1 for row in rows)


def _caption(sample: Sample) -> list[Text]:
    lines = [f"{sample.label}  #{sample.index}"]
    if sample.predicted is not None:
        lines.append(f"read as {sample.predicted}, {percent(sample.confidence, 0)}")
    if isinstance(sample, Flip):
        lines.append(f"and as {sample.other_predicted}, {percent(sample.other_confidence, 0)}")
    return [Text(printable(line), "bold") for line in lines]


def _info(summary: DatasetSummary, screen: Screen) -> Iterable[RenderableType]:
    facts = make_facts(title=summary.name)
    facts.add_row("images", f"{sum(split.images for split in summary.splits):,} of {shape(summary.image_shape)}, uint8")
    facts.add_row("classes", f"{len(summary.class_names)}: {' '.join(summary.class_names)}")
    facts.add_row("fingerprint", summary.fingerprint)
    facts.add_row("location", summary.location)
    splits = [split.name for split in summary.splits]
    table = make_table("class", *splits, numbers=len(splits), folding={"class": 16})
    most = MOST_CLASSES if screen.brief else len(summary.class_names)
    for i, name in enumerate(summary.class_names[:most]):
        table.add_row(name, *(f"{split.per_class[i]:,}" for split in summary.splits))
    table.add_section()
    table.add_row("all", *(f"{split.images:,}" for split in summary.splits), style="bold")
    return [facts, table, *left_out(len(summary.class_names) - most, "classes")]


def _verified(checks: Sequence[FileCheck]) -> RenderableType:
    table = make_table("file", SUM, "", optional=(SUM,))
    table.columns[1].no_wrap = False
    for check in checks:
        verdict = Text("as published", "green") if check.ok else Text("DAMAGED", "bold red")
        table.add_row(check.file, check.found or "cannot be read", verdict)
    return table
