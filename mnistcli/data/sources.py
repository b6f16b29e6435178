"""From a data set's name to its images."""

from mnistcli.data.dataset import Dataset
from mnistcli.data.embedded import load_embedded
from mnistcli.errors import DataError, unknown

SOURCES = {"mnist": load_embedded}


def load(name: str) -> Dataset:
    """Return the data set of that name.

    Raises:
        DataError: It is unknown, missing or damaged.
    """
    if name not in SOURCES:
        raise DataError(unknown("data set", name, SOURCES))
    return SOURCES[name]()
