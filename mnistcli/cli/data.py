"""mnistcli data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnistcli.cli.face import Face
from mnistcli.cli.options import Dataset, Plot, Split, check_plot
from mnistcli.config import TrainConfig, check_split
from mnistcli.errors import DataError, UsageError

SHOW_EXAMPLES = ["mnistcli data show", "mnistcli data show --split test --count 16 --plot grid.png"]
INFO_EXAMPLES = ["mnistcli data info", "mnistcli data info --json"]
VERIFY_EXAMPLES = ["mnistcli data verify"]
EXPORT_EXAMPLES = ["mnistcli data export --split test --limit 100 digits"]


def show(
    face: Face,
    *,
    split: Split = "train",
    count: Annotated[int, typer.Option(metavar="N", help="How many images, from the split's first on.")] = 9,
    dataset: Dataset = TrainConfig.dataset,
    plot: Plot = None,
) -> None:
    """Draw labelled images in a grid."""
    check_plot(plot)
    check_split(split)
    if count < 1:
        raise UsageError(f"--count must be at least 1, not {count}.")

    from mnistcli.data import load
    from mnistcli.render.dataset import samples_view

    samples = load(dataset).samples(split, count)
    columns = max(3, round(len(samples) ** 0.5))
    if plot is not None:
        from mnistcli.render import figures

        face.save_figure(figures.grid(samples, columns=columns), plot)
    face.show(samples_view(samples, dataset=dataset, split=split, columns=columns))


def info(face: Face, *, dataset: Dataset = TrainConfig.dataset) -> None:
    """Tell what a data set holds: splits, images of each class, shapes, fingerprint, where it lies."""
    from mnistcli.data import load
    from mnistcli.render.dataset import dataset_view

    face.show(dataset_view(load(dataset).summary()))


def verify(face: Face) -> None:
    """Compare the embedded files with the SHA-256 that MNIST's authors published."""
    from mnistcli.data import verify_embedded
    from mnistcli.render.dataset import file_checks_view

    checks = verify_embedded()
    face.show(file_checks_view(checks))
    if not all(check.ok for check in checks):
        raise DataError("The embedded MNIST is damaged: install mnistcli again.")


def export(
    face: Face,
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is new or empty.")],
    split: Split = "test",
    limit: Annotated[int | None, typer.Option(metavar="N", help="Only the first N images.", show_default="all")] = None,
    dataset: Dataset = TrainConfig.dataset,
) -> None:
    """Write images as PNG files, their labels in their names, and a labels.csv."""
    check_split(split)
    if limit is not None and limit < 1:
        raise UsageError(f"--limit must be at least 1, not {limit}.")

    from mnistcli.data import export_images, load
    from mnistcli.render.dataset import export_view

    images = export_images(load(dataset), split, folder, limit=limit)
    face.show(export_view(str(folder), images, split))
