"""Drawings that somebody keeps: a folder of pictures by class, which `load` reads, with a quota for each class."""

import io
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import Image

from mnistcli.data.picture_folder import class_folders
from mnistcli.errors import UsageError, unknown
from mnistcli.files import write_atomically


class Drawings:
    """The drawings in a folder; threads may share it."""

    def __init__(self, folder: Path, class_names: Sequence[str], *, quota: int) -> None:
        """Find the drawings that are there.

        Raises:
            UsageError: It is not a folder.
        """
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{str(folder)!r} is a file: --save takes a folder.")
        self.folder, self.quota = folder, quota
        self._folders = dict(zip(class_names, class_folders(class_names), strict=True))
        self._lock = threading.Lock()

    def counts(self) -> dict[str, int]:
        """Return how many drawings of each class there are."""
        return {name: len([*(self.folder / folder).glob("[!.]*")]) for name, folder in self._folders.items()}

    def keep(self, pixels: np.ndarray, class_name: str) -> Path:
        """Write a drawing [height, width, 1 or 3] uint8 as a PNG file under its class and return the file's path.

        Raises:
            UsageError: There is no such class, its quota is reached, or the file cannot be written.
        """
        if class_name not in self._folders:
            raise UsageError(unknown("class", class_name, self._folders))
        content = io.BytesIO()
        Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(content, "png")
        place = self.folder / self._folders[class_name]
        with self._lock:
            if self.counts()[class_name] >= self.quota:
                raise UsageError(f"{self.quota} of {class_name!r} are kept already; --quota allows more.")
            path = place / f"{datetime.now().astimezone():%Y%m%d-%H%M%S-%f}.png"
            try:
                place.mkdir(parents=True, exist_ok=True)
                write_atomically(path, content.getvalue())
            except OSError as error:
                raise UsageError(f"{str(path)!r} cannot be written: {error.strerror}.") from error
        return path
