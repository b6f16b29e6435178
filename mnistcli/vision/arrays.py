"""Files with many pictures as arrays: NumPy's .npy and .npz, and IDX, plain or gzip-compressed; read one by one.

An array [n, height, width] or [n, height, width, 1, 3 or 4] has n pictures, and so has [n, 784], with each 28×28
picture in a row; [height, width] and [height, width, 1, 3 or 4] are one picture. One-dimensional arrays are labels.
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
# Files with these suffixes are not checked for arrays: checking takes a tenth of the time for 10,000 pictures.
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
DAMAGE = (
    OSError, EOFError, ValueError, SyntaxError, TokenError, RecursionError, MemoryError, RuntimeError,
    NotImplementedError, OverflowError, zlib.error, zipfile.BadZipFile,
)  # fmt: skip


def unpack(source: Source) -> Iterator[Source]:
    """Yield the source itself, or every picture in it if its content is a file of arrays.

    FILE#3 is the fourth picture in FILE, and FILE#x_test#3 the fourth in the array x_test of an .npz file. If the file
    is damaged or has no pictures, the last source yielded carries the error. One picture at a time is in memory.
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
            yield Source(source.name, ImageError(f"is a damaged array file: {error}"))


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
    """Open a file that may contain arrays; None for others, and if opening fails, which `read_picture` will report."""
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
        raise ImageError("contains labels, not pictures")
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
        raise ImageError("contains no array of pictures")


def _unpack_npy(file: Readable, name: str) -> Iterator[Source]:
    shape, dtype = npy_header(file)
    if len(shape) == 1:
        raise ImageError(f"contains an array {list(shape)}, not pictures")
    yield from _pictures(file, shape, dtype, name)


def npy_header(file: Readable) -> tuple[tuple[int, ...], np.dtype]:
    """Read the header of an .npy file and return its array's shape and dtype; the numbers follow in C order.

    Raises:
        ImageError: It contains something other than numbers, or they are in another order.
        ValueError: It is damaged.
    """
    version = np.lib.format.read_magic(file)
    if version != (1, 0):  # later ones allow headers of 4 GB, which NumPy reads completely before it refuses them
        raise ImageError("contains structured data: expected an array of numbers")
    shape, by_column, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in NUMBERS:
        kind = "Python objects, which could run code" if dtype.hasobject else f"{dtype}"
        raise ImageError(f"contains {kind}: expected an array of numbers")
    if by_column and len(shape) > 1:
        raise ImageError("contains an array in Fortran order: convert it with numpy.ascontiguousarray before saving")
    return shape, dtype


def _pictures(file: Readable, shape: tuple[int, ...], dtype: np.dtype, name: str) -> Iterator[Source]:
    n, shape_of_one = _count_pictures(shape)
    size = prod(shape_of_one) * dtype.itemsize
    if not 0 < size <= MOST_PIXELS:
        raise ImageError(f"contains an array {list(shape)} of {dtype}: expected 1 to {MOST_PIXELS:,} bytes per picture")
    for i in range(n if n is not None else 1):
        raw = file.read(size)
        if len(raw) < size:
            raise ImageError(
                f"is cut off: it should have {shape[0]:,} {'rows' if n is None else 'pictures'}, but ends in number {i}"
            )
        pixels = np.frombuffer(raw, dtype).reshape(shape_of_one)
        yield Source(name if n is None else f"{name}#{i}", pixels)
    if file.read(1):
        raise ImageError(f"is longer than its header says: expected an array {list(shape)}")


def _count_pictures(shape: tuple[int, ...]) -> tuple[int | None, tuple[int, ...]]:
    """Return the number of pictures in an array, None if the array is one picture, and the shape of each."""
    channels = shape[-1:] if shape and shape[-1] in CHANNELS and len(shape) > 2 else ()
    height_and_width = shape[: len(shape) - len(channels)]
    if len(height_and_width) == 2 and height_and_width[1] == FLAT and not channels:
        return shape[0], (28, 28)
    if len(height_and_width) == 2:
        return None, shape
    if len(height_and_width) == 3:
        return shape[0], shape[1:]
    raise ImageError(f"contains an array {list(shape)}: expected [n, height, width] or [n, height, width, 1, 3 or 4]")
