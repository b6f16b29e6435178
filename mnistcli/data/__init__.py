"""Where labelled images come from."""

from mnistcli.data.cache import cache_folder, release
from mnistcli.data.cache import clean as clean_cache
from mnistcli.data.catalogue import known_datasets
from mnistcli.data.dataset import Dataset, Split
from mnistcli.data.drawings import Drawings
from mnistcli.data.embedded import verify_embedded
from mnistcli.data.export import export_images
from mnistcli.data.sources import load

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
