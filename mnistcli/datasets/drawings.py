"""Saved drawings: a folder with one folder per class, which `load` reads, and a quota for each class."""

import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from mnistcli.config import SPLITS
from mnistcli.datasets.picture_folder import class_folders
from mnistcli.errors import UsageError, unknown
from mnistcli.files import write_atomically
from mnistcli.vision import to_pillow


class Drawings:
    """The drawings in a folder."""

    def __init__(self, folder: Path, class_names: Sequence[str], *, quota: int) -> None:
        """Check that drawings can be saved in the folder, which may not exist yet.

        Raises:
            UsageError: It is a file, cannot be read, or has a folder named like a split; or two classes would share a
                folder.
        """
        self.folder, self.quota = folder, quota
        self._folders = dict(zip(class_names, class_folders(class_names), strict=True))
        if len({each.casefold() for each in (*self._folders.values(), *SPLITS)}) < len(class_names) + len(SPLITS):
            raise UsageError(
                f"Drawings cannot be saved by class: these names give no distinct folders: {', '.join(class_names)}."
            )
        try:
            found = [split for split in SPLITS if (folder / split).is_dir()]
            is_file = folder.exists() and not folder.is_dir()
        except OSError as error:
            raise UsageError(f"--save {str(folder)!r} cannot be used: {error.strerror}.") from error
        if is_file:
            raise UsageError(f"{str(folder)!r} is a file: --save takes a folder.")
        if found:
            raise UsageError(f"{str(folder)!r} has a folder {found[0]!r}: name that folder, or a new one, with --save.")

    def counts(self) -> dict[str, int]:
        """Return the number of drawings by class name."""
        return {name: len([*(self.folder / folder).glob("[!.]*")]) for name, folder in self._folders.items()}

    def keep(self, pixels: np.ndarray, class_name: str) -> Path:
        """Write a drawing [height, width, 1 or 3] uint8 as a grey PNG file under its class and return its path.

        Raises:
            UsageError: The class is unknown or has its quota of drawings, or the file cannot be written.
        """
        if class_name not in self._folders:
            raise UsageError(unknown("class", class_name, self._folders))
        content = io.BytesIO()
        to_pillow(pixels).convert("L").save(content, "png")
        place = self.folder / self._folders[class_name]
        path = place / f"{datetime.now().astimezone():%Y%m%d-%H%M%S-%f}.png"
        try:
            if self.counts()[class_name] >= self.quota:
                raise UsageError(f"{class_name!r} already has {self.quota} drawings; raise --quota to save more.")
            place.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content.getvalue())
        except OSError as error:
            raise UsageError(f"{str(path)!r} cannot be written: {error.strerror}.") from error
        return path
