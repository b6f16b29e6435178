"""Somebody's picture → 28×28 grey pixels, the way MNIST was made."""

from mnistcli.images.decode import Source, read_picture
from mnistcli.images.normalize import normalize
from mnistcli.images.paths import read_paths, walk
from mnistcli.images.reading import Read, read_pictures

__all__ = ["Read", "Source", "normalize", "read_paths", "read_picture", "read_pictures", "walk"]
