"""Images as PNG files."""

import csv
import io
import shutil
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mnistcli.datasets.dataset import Dataset, Split
from mnistcli.datasets.picture_folder import class_folders
from mnistcli.errors import UsageError
from mnistcli.process import cleaning_up
from mnistcli.vision import to_pillow

PARTIAL = ".mnistcli-export-"  # prefix of the folder inside the target that is filled first


def export_images(
    dataset: Dataset, split: str, folder: Path, *, limit: int | None = None, by_class: bool = False
) -> int:
    """Write a split's first images as `SPLIT-INDEX-LABEL.png`, and labels.csv; return their number.

    With `by_class` they are `LABEL/SPLIT-INDEX-LABEL.png`, in a folder that `load` can read.

    Raises:
        UsageError: The split is unknown, or the folder is not empty or cannot be written.
    """
    images = dataset.split(split)
    chosen, digits = images.first(limit), len(str(len(images) - 1))
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{str(folder)!r} is a file: name a folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(f"{PARTIAL}*"):  # of a killed process
            shutil.rmtree(leftover, ignore_errors=True)
        if any(folder.iterdir()):
            raise UsageError(f"The folder {str(folder)!r} is not empty: name a new one, as nothing is overwritten.")
        partly = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=folder))
        with cleaning_up(partial(shutil.rmtree, partly, ignore_errors=True)):
            _write(chosen, dataset.class_names, f"{split}-{{:0{digits}d}}-{{}}.png", partly, by_class=by_class)
            for entry in [*partly.iterdir()]:
                entry.replace(folder / entry.name)
    except OSError as error:
        raise UsageError(f"The images cannot be written to {str(folder)!r}: {error.strerror}.") from error
    return len(chosen)


def _write(images: Split, class_names: Sequence[str], pattern: str, folder: Path, *, by_class: bool) -> None:
    """Write the images, with their numbers and folders' names in the pattern, and labels.csv."""
    folders, table = class_folders(class_names), io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["file", "label"])
    for i, (image, label) in enumerate(zip(images.images, images.labels, strict=True)):
        file = f"{folders[label]}/" * by_class + pattern.format(i, folders[label])
        if by_class:
            (folder / folders[label]).mkdir(exist_ok=True)
        to_pillow(image).save(folder / file)
        rows.writerow([file, class_names[label]])
    (folder / "labels.csv").write_bytes(table.getvalue().encode())
