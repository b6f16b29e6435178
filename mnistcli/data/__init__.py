"""Where labelled images come from."""

from mnistcli.data.dataset import Dataset, Split
from mnistcli.data.embedded import verify_embedded
from mnistcli.data.export import export_images
from mnistcli.data.sources import load

__all__ = ["Dataset", "Split", "export_images", "load", "verify_embedded"]
