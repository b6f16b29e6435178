"""Files that hold many pictures as numbers: NumPy's .npy and .npz, and IDX, plain or in gzip; read one by one.

An array [n, height, width] or [n, height, width, 1, 3 or 4] holds n pictures, one [n, 784] as many of 28×28 laid out
in rows; [height, width] and [height, width, 1, 3 or 4] are one. Arrays of one dimension are taken for labels.
"""

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from tokenize import TokenError

import numpy as np

from mnistcli.errors import ImageError
from mnistcli.idx import MAGIC as IDX
from mnistcli.idx import Readable, read_shape
from mnistcli.vision.decode import MOST_PIXELS, Source

NPY, ZIP, GZIP = b"\x93NUMPY", b"PK\x03\x04", b"\x1f\x8b"
CHANNELS = (1, 3, 4)
FLAT = 28 * 28
NUMBERS = "buif"  # NumPy's kinds: bool, unsigned, signed, floating
# No array is looked for in a file of such a name: a look at each costs a tenth of the time for 10,000 pictures.
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
DAMAGE = (
    OSError, EOFError, ValueError, SyntaxError, TokenError, RecursionError, MemoryError, RuntimeError,
    NotImplementedError, OverflowError, zlib.error, zipfile.BadZipFile,
)  # fmt: skip


def unpack(source: Source) -> Iterator[Source]:
    """Yield the source itself, or, where it is a file of arrays by its content, every picture in it.

    Of FILE, FILE#3 is the fourth picture, FILE#x_test#3 the fourth in the array x_test of an .npz file. Where the file
    is damaged or holds no pictures, the last that is yielded says so when it is read. One picture at a time is held.
    """
    file = _open(source)
    if file is None:
        yield source
        return
    with file:
        try:
            yield from _unpack(file, source)
        except ImageError as error:
            yield Source(source.name, error)
        except DAMAGE as error:
            yield Source(source.name, ImageError(f"is a damaged file of arrays: {error}"))


def unpack_array(values: np.ndarray, *, name: str) -> Iterator[Source]:
    """Yield every picture in an array of numbers, as of a file that holds it.

    Raises:
        ImageError: It holds no pictures, or something else than numbers.
    """
    if values.dtype.kind not in NUMBERS:
        raise ImageError(f"{name!r} holds {values.dtype}: expected an array of numbers.")
    try:
        n, picture = _count_pictures(values.shape)
    except ImageError as error:
        raise ImageError(f"{name!r} {error}.") from error
    if not prod(picture):
        raise ImageError(f"{name!r} holds an array {list(values.shape)}: there are no pixels in it.")
    for i in range(n if n is not None else 1):
        pixels = (values if n is None else values[i]).reshape(picture)
        yield Source(name if n is None else f"{name}#{i}", pixels)


def _open(source: Source) -> io.BufferedReader | None:
    """Open what may hold arrays; None for all else, and for what cannot be opened, of which its reader will tell."""
    if isinstance(source.content, bytes):
        return io.BufferedReader(io.BytesIO(source.content))
    try:
        if Path(source.name).suffix.lower() not in PICTURES and Path(source.name).is_file():
            return open(source.name, "rb")  # noqa: PTH123  (the caller closes it)
    except (OSError, ValueError):
        pass
    return None


def _unpack(file: io.BufferedReader, source: Source) -> Iterator[Source]:
    start = file.peek(len(NPY))
    if start.startswith(GZIP):
        with gzip.GzipFile(fileobj=file) as content:
            if content.peek(len(IDX)).startswith(IDX):
                yield from _unpack_idx(content, source.name)
                return
    elif start.startswith(IDX):
        yield from _unpack_idx(file, source.name)
        return
    elif start.startswith(NPY):
        yield from _unpack_npy(file, source.name)
        return
    elif start.startswith(ZIP):
        yield from _unpack_npz(file, source.name)
        return
    yield source


def _unpack_idx(file: Readable, name: str) -> Iterator[Source]:
    shape = read_shape(file)
    if len(shape) == 1:
        raise ImageError("holds labels, no pictures")
    yield from _pictures(file, shape, np.dtype(np.uint8), name)


def _unpack_npz(file: io.BufferedReader, name: str) -> Iterator[Source]:
    found = False
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            array = member.filename.removesuffix(".npy")
            if array == member.filename:
                continue
            with archive.open(member) as content:
                shape, dtype = npy_header(content)
                if len(shape) != 1:
                    found = True
                    yield from _pictures(content, shape, dtype, f"{name}#{array}")
    if not found:
        raise ImageError("holds no array of pictures")


def _unpack_npy(file: Readable, name: str) -> Iterator[Source]:
    shape, dtype = npy_header(file)
    if len(shape) == 1:
        raise ImageError(f"holds an array {list(shape)}, no pictures")
    yield from _pictures(file, shape, dtype, name)


def npy_header(file: Readable) -> tuple[tuple[int, ...], np.dtype]:
    """Read the header of an .npy file and return its array's shape and type; the numbers follow in C's order.

    Raises:
        ImageError: It holds something else than numbers, or in another order.
        ValueError: It is damaged.
    """
    version = np.lib.format.read_magic(file)
    if version != (1, 0):  # later ones have headers of up to 4 GB, which NumPy reads whole before it refuses them
        raise ImageError("holds structured data, no array of numbers")
    shape, by_column, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in NUMBERS:
        kind = "Python objects, which could run code" if dtype.hasobject else f"{dtype}"
        raise ImageError(f"holds {kind}: expected an array of numbers")
    if by_column and len(shape) > 1:
        raise ImageError("holds an array in Fortran's order: save it with numpy.ascontiguousarray")
    return shape, dtype


def _pictures(file: Readable, shape: tuple[int, ...], dtype: np.dtype, name: str) -> Iterator[Source]:
    n, picture = _count_pictures(shape)
    size = prod(picture) * dtype.itemsize
    if not 0 < size <= MOST_PIXELS:
        raise ImageError(f"holds an array {list(shape)} of {dtype}: expected 1 to {MOST_PIXELS:,} bytes a picture")
    for i in range(n if n is not None else 1):
        raw = file.read(size)
        if len(raw) < size:
            raise ImageError(
                f"is cut off: it promises {shape[0]:,} {'rows' if n is None else 'pictures'}, but ends in number {i}"
            )
        pixels = np.frombuffer(raw, dtype).reshape(picture)
        yield Source(name if n is None else f"{name}#{i}", pixels)
    if file.read(1):
        raise ImageError(f"holds more than the array {list(shape)} that it promises")


def _count_pictures(shape: tuple[int, ...]) -> tuple[int | None, tuple[int, ...]]:
    """Return how many pictures an array holds, None where it is one itself, and the shape of each."""
    channels = shape[-1:] if shape and shape[-1] in CHANNELS and len(shape) > 2 else ()
    height_and_width = shape[: len(shape) - len(channels)]
    if len(height_and_width) == 2 and height_and_width[1] == FLAT and not channels:
        return shape[0], (28, 28)
    if len(height_and_width) == 2:
        return None, shape
    if len(height_and_width) == 3:
        return shape[0], shape[1:]
    raise ImageError(f"holds an array {list(shape)}: expected [n, height, width] or [n, height, width, 1, 3 or 4]")
