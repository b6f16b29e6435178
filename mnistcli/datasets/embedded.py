"""The complete MNIST inside the package: four gzip-compressed IDX files and their published SHA-256 sums."""

import hashlib
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mnistcli.config import SPLITS, DataChoice
from mnistcli.datasets.dataset import Dataset, Split, hold_out_validation
from mnistcli.datasets.source import BLOCK, Block, OnProgress, Original
from mnistcli.errors import DataError
from mnistcli.idx import parse_idx
from mnistcli.results.data import FileCheck

FOLDER = Path(__file__).parent / "mnist"
FILES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "train-images-idx3-ubyte", "train-labels-idx1-ubyte")
LARGEST = 60_000 * 28 * 28 + 16  # bytes of the largest of them, decompressed
# What `dataset.fingerprint` gives for the files' content; a test computes it.
FINGERPRINT = "be37c0ca52be052ccbd597befb4e1caaa7fb5c9680ed18a5db30d63923b1d3ee"
GZIP = 31  # zlib's window size with the flag that asks for a gzip header and checks its CRC


def load_embedded() -> Dataset:
    """Read the embedded MNIST.

    Raises:
        DataError: A file is missing or was changed.
    """
    sums = _published_sums()
    # zlib and hashlib release the interpreter's lock, so threads read the four files at the same time.
    with ThreadPoolExecutor() as pool:
        raw = dict(zip(FILES, pool.map(lambda name: _read_checked(name, sums[f"{name}.gz"]), FILES), strict=True))
    train, validation = hold_out_validation(_pair(raw, "train"))
    return Dataset(
        choice=DataChoice(),
        train=train,
        validation=validation,
        test=_pair(raw, "t10k"),
        class_names=tuple("0123456789"),
        named=True,
        fingerprint=FINGERPRINT,
        location=str(FOLDER),
    )


@dataclass(frozen=True)
class Embedded:
    """The embedded MNIST as a source, to convert its images or rename its classes."""

    location = str(FOLDER)

    def signature(self) -> str:
        """Return a constant: the files never change."""
        return FINGERPRINT

    def open(self, *, uniform: bool, on_progress: OnProgress) -> Original:  # noqa: ARG002  (its images are always of one size)
        """Return the images to convert.

        Raises:
            DataError: A file is missing or was changed.
        """
        mnist = load_embedded()
        return Original(mnist.class_names, {name: partial(_blocks, mnist.split(name)) for name in SPLITS})


def _blocks(split: Split) -> Iterator[Block]:
    for start in range(0, len(split), BLOCK):
        yield split.images[start : start + BLOCK], split.labels[start : start + BLOCK]


def verify_embedded() -> list[FileCheck]:
    """Compare every embedded file's content with the SHA-256 that MNIST's authors published for it."""
    sums = _published_sums()
    return [FileCheck(f"{name}.gz", sums[name], _content_sum(name)) for name in FILES]


def _content_sum(name: str) -> str | None:
    try:
        return hashlib.sha256(decompress(_read(name), name)).hexdigest()
    except DataError:
        return None


def _published_sums() -> dict[str, str]:
    lines = (FOLDER / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def _read_checked(name: str, expected: str) -> bytes:
    # Hashing the compressed file takes a quarter of the time, and gzip's own CRC covers decompression.
    compressed = _read(name)
    if hashlib.sha256(compressed).hexdigest() != expected:
        raise DataError(f"{_path(name)} was changed since it was shipped: reinstall mnistcli.")
    return decompress(compressed, name)


def _read(name: str) -> bytes:
    try:
        return _path(name).read_bytes()
    except OSError as error:
        raise DataError(f"{_path(name)} cannot be read ({error.strerror}): reinstall mnistcli.") from error


def decompress(compressed: bytes, name: str) -> bytes:
    """Return a gzip file's content, at most LARGEST bytes.

    Raises:
        DataError: It is longer, or the file is damaged.
    """
    # gzip's last four bytes give the length of its content: a single allocation saves a fifth of the time.
    length = int.from_bytes(compressed[-4:], "little")
    stream = zlib.decompressobj(GZIP)
    try:
        content = stream.decompress(compressed, min(length, LARGEST) + 1)
    except zlib.error as error:
        raise DataError(f"{_path(name)} is damaged ({error}): reinstall mnistcli.") from error
    if not stream.eof or len(content) != length:
        raise DataError(f"{_path(name)} is damaged: its content does not have the stated length; reinstall mnistcli.")
    return content


def _path(name: str) -> Path:
    return FOLDER / f"{name}.gz"


def _pair(raw: dict[str, bytes], prefix: str) -> Split:
    images = parse_idx(raw[f"{prefix}-images-idx3-ubyte"], source=f"{prefix} images", ndim=3)
    labels = parse_idx(raw[f"{prefix}-labels-idx1-ubyte"], source=f"{prefix} labels", ndim=1)
    return Split(images[..., None], labels)
