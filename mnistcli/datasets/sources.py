"""From what a user calls a data set to its images."""

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
from mnistcli.datasets.source import Source, Tell
from mnistcli.datasets.tfds import NAME, Tfds, store_apart
from mnistcli.errors import DataError, suggestion


def silent(_what: str, _done: int, _whole: int | None) -> None:
    """Tell nobody."""


def load(
    choice: DataChoice | str, *, data_dir: Path | None = None, offline: bool = False, tell: Tell = silent
) -> Dataset:
    """Return the data set, decoded on first use into the user's cache.

    Args:
        choice: What is asked for; a name alone is the set as it is. A name is looked for in this order: "mnist", a
            folder of IDX files, a folder of pictures by class, an .npz file, a name of TFDS.
        data_dir: Where TFDS keeps what it prepares; None: its own default.
        offline: Whether the network is never touched.
        tell: Hears of work that takes time.

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
                store_apart(source, choice, tell=tell)
            else:
                cache.store(source, choice, tell=tell)
            found = cache.find(source, choice)
    except OSError as error:
        raise DataError(f"The data set {choice.dataset!r} cannot be read: {error.strerror or error}.") from error
    if found is None:
        raise DataError(f"The data set {choice.dataset!r} changed while it was read: try again.")
    return found


def find_source(name: str, *, data_dir: Path | None = None, offline: bool = False) -> Source:
    """Return where the data set of that name comes from.

    Raises:
        DataError: It is neither there nor a name that TFDS could know.
    """
    path = Path(name)
    if name == "mnist":
        return Embedded()
    if os.path.isdir(path):  # noqa: PTH112  (Path.is_dir may raise)
        return IdxFolder(path) if is_idx_folder(path) else PictureFolder(path)
    if os.path.isfile(path):  # noqa: PTH113
        if (reader := DATA_FILES.get(path.suffix.lower())) is None:
            expected = " or ".join(DATA_FILES)
            raise DataError(f"{name!r} is a file, but no data set: expected an {expected} file or a folder.")
        module, _, reads = reader.partition(".")
        source: Source = getattr(import_module(f"mnistcli.datasets.{module}"), reads)(path)
        return source
    if NAME.fullmatch(name):
        return Tfds(name, data_dir, offline)
    known = [each.name for each in KNOWN]
    raise DataError(f"There is no data set {name!r}: no folder, no file, no name of TFDS{suggestion(name, known)}")
