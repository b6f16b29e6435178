"""The IDX format of the MNIST files: a magic number, the dimensions, then unsigned bytes in C order.

Source: the description that LeCun, Cortes and Burges published with the database.
"""

import io
import struct
from typing import Protocol

import numpy as np

from mnistcli.errors import DataError

MAGIC = bytes((0, 0, 0x08))  # two zeros and the code of unsigned bytes; the number of dimensions follows


class Readable(Protocol):
    """A stream of bytes, compressed or not."""

    def read(self, size: int = -1, /) -> bytes:
        """Return that many bytes, fewer at the end; all where size is -1."""


def read_shape(file: Readable) -> tuple[int, ...]:
    """Read a file's header and return its dimensions: as many bytes follow as their product.

    Raises:
        ValueError: It is no header of unsigned bytes.
    """
    start = file.read(4)
    ndim = start[3] if len(start) == 4 and start[:3] == MAGIC else 0
    sizes = file.read(4 * ndim)
    if not ndim or len(sizes) < 4 * ndim:
        raise ValueError(f"expected an IDX header of unsigned bytes, found {(start + sizes).hex()!r}")
    return struct.unpack(f">{ndim}I", sizes)


def parse_idx(raw: bytes, *, source: str, ndim: int) -> np.ndarray:
    """Return the array in an IDX file's decompressed bytes, as uint8, without a copy.

    Raises:
        DataError: The header is not that of unsigned bytes in `ndim` dimensions, or promises another length.
    """
    try:
        shape = read_shape(io.BytesIO(raw))
    except ValueError as error:
        raise DataError(f"{source}: {error}.") from error
    if len(shape) != ndim:
        raise DataError(f"{source}: expected {ndim} dimensions, found {shape}.")
    header = 4 + 4 * ndim
    promised = int(np.prod(shape, dtype=object))
    if promised != len(raw) - header:
        raise DataError(f"{source}: the header promises {promised:,} bytes, the file holds {len(raw) - header:,}.")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)
