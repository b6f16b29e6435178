"""From a data set's name or path to its images."""

import os
from importlib import import_module
from pathlib import Path

from mnistcli.config import DATA_FILES, DataChoice
from mnistcli.datasets import cache
from mnistcli.datasets.catalogue import KNOWN
from mnistcli.datasets.dataset import Dataset
from mnistcli.datasets.embedded import Embedded, load_embedded
from mnistcli.datasets.idx_folder import IdxFolder, is_idx_folder
from mnistcli.datasets.picture_folder import PictureFolder
from mnistcli.datasets.source import OnProgress, Source
from mnistcli.datasets.tfds import NAME, Tfds, store_in_child_process
from mnistcli.errors import DataError, suggestion


def ignore_progress(_what: str, _done: int, _whole: int | None) -> None:
    """Ignore progress."""


def load(
    choice: DataChoice | str,
    *,
    data_dir: Path | None = None,
    offline: bool = False,
    on_progress: OnProgress = ignore_progress,
) -> Dataset:
    """Return the data set; on first use it is decoded into the user's cache.

    Args:
        choice: The data set and how to convert it; a name alone means no conversion. A name is tried in this order:
            "mnist", a folder of IDX files, a folder of pictures by class, an .npz file, a TFDS name.
        data_dir: Where TFDS keeps what it prepares; None: its own default.
        offline: Whether to never use the network.
        on_progress: Called with progress when work takes time.

    Raises:
        DataError: It is unknown, missing or damaged.
    """
    choice = DataChoice(dataset=choice) if isinstance(choice, str) else choice
    if choice == DataChoice():
        return load_embedded()
    source = find_source(choice.dataset, data_dir=data_dir, offline=offline)
    try:
        found = cache.find(source, choice)
        if found is None:
            if isinstance(source, Tfds):
                store_in_child_process(source, choice, on_progress=on_progress)
            else:
                cache.store(source, choice, on_progress=on_progress)
            found = cache.find(source, choice)
    except OSError as error:
        raise DataError(f"The data set {choice.dataset!r} cannot be read: {error.strerror or error}.") from error
    if found is None:
        raise DataError(f"The data set {choice.dataset!r} changed while it was being read: try again.")
    return found


def find_source(name: str, *, data_dir: Path | None = None, offline: bool = False) -> Source:
    """Return the source of the data set with that name.

    Raises:
        DataError: It is neither a data set on disk nor a possible TFDS name.
    """
    path = Path(name)
    if name == "mnist":
        return Embedded()
    if os.path.isdir(path):  # noqa: PTH112  (Path.is_dir may raise)
        return IdxFolder(path) if is_idx_folder(path) else PictureFolder(path)
    if os.path.isfile(path):  # noqa: PTH113
        if (reader := DATA_FILES.get(path.suffix.lower())) is None:
            raise DataError(f"{name!r} is not a data set: expected an {' or '.join(DATA_FILES)} file or a folder.")
        module, _, reads = reader.partition(".")
        source: Source = getattr(import_module(f"mnistcli.datasets.{module}"), reads)(path)
        return source
    if NAME.fullmatch(name):
        return Tfds(name, data_dir, offline)
    known = [each.name for each in KNOWN]
    raise DataError(f"Unknown data set {name!r}: it is not a folder, a file or a TFDS name{suggestion(name, known)}")
