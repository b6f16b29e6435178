"""From a data set's name to its images."""

from mnistcli.data.dataset import Dataset
from mnistcli.data.embedded import load_embedded
from mnistcli.errors import DataError, suggestion

SOURCES = {"mnist": load_embedded}


def load(name: str) -> Dataset:
    """Return the data set of that name.

    Raises:
        DataError: It is unknown, missing or damaged.
    """
    if name not in SOURCES:
        known, near = ", ".join(SOURCES), suggestion(name, SOURCES)
        raise DataError(f"Unknown data set {name!r}: expected {known}{near}")
    return SOURCES[name]()
