"""From users' pictures to 28×28 grey images, made the way MNIST was made."""

from mnistcli.vision.arrays import npy_header, unpack, unpack_array
from mnistcli.vision.decode import WORKING_SIDE, Picture, Source, read_picture
from mnistcli.vision.normalize import Steps, interpretations, is_mnist_like, normalize
from mnistcli.vision.paths import read_paths, walk
from mnistcli.vision.reading import Read, Reading, read_pictures
from mnistcli.vision.row import Candidate, find_row
from mnistcli.vision.scale import fit_to, to_pillow

__all__ = [
    "WORKING_SIDE",
    "Candidate",
    "Picture",
    "Read",
    "Reading",
    "Source",
    "Steps",
    "find_row",
    "fit_to",
    "interpretations",
    "is_mnist_like",
    "normalize",
    "npy_header",
    "read_paths",
    "read_picture",
    "read_pictures",
    "to_pillow",
    "unpack",
    "unpack_array",
    "walk",
]
