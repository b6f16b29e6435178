"""Images as PNG files."""

import csv
import io
from pathlib import Path

from PIL import Image

from mnistcli.datasets.dataset import Dataset
from mnistcli.datasets.picture_folder import class_folders
from mnistcli.errors import UsageError
from mnistcli.files import write_atomically


def export_images(
    dataset: Dataset, split: str, folder: Path, *, limit: int | None = None, by_class: bool = False
) -> int:
    """Write a split's first images as `SPLIT-INDEX-LABEL.png`, and labels.csv; return their number.

    With `by_class` they are `LABEL/SPLIT-INDEX-LABEL.png`, in a folder that `load` can read.

    Raises:
        UsageError: There is no such split, or the folder is not empty or cannot be written.
    """
    all_images, folders = dataset.split(split), class_folders(dataset.class_names)
    chosen, digits = all_images.first(limit), len(str(len(all_images) - 1))
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["file", "label"])
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{str(folder)!r} is a file: name a folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(f"The folder {str(folder)!r} is not empty: name a new one, as nothing is overwritten.")
        for i, (image, label) in enumerate(zip(chosen.images, chosen.labels, strict=True)):
            name, safe = dataset.class_names[label], folders[label]
            file = f"{safe}/" * by_class + f"{split}-{i:0{digits}d}-{safe}.png"
            if by_class:
                (folder / safe).mkdir(exist_ok=True)
            Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(folder / file)
            rows.writerow([file, name])
        write_atomically(folder / "labels.csv", table.getvalue().encode())
    except OSError as error:
        raise UsageError(f"The images cannot be written to {str(folder)!r}: {error.strerror}.") from error
    return len(chosen)
