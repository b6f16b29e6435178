"""Where labelled images come from."""

from mnistcli.datasets.cache import cache_folder, release
from mnistcli.datasets.cache import clean as clean_cache
from mnistcli.datasets.catalogue import known_datasets
from mnistcli.datasets.dataset import Dataset, Split
from mnistcli.datasets.drawings import Drawings
from mnistcli.datasets.embedded import verify_embedded
from mnistcli.datasets.export import export_images
from mnistcli.datasets.sources import load

__all__ = [
    "Dataset",
    "Drawings",
    "Split",
    "cache_folder",
    "clean_cache",
    "export_images",
    "known_datasets",
    "load",
    "release",
    "verify_embedded",
]
