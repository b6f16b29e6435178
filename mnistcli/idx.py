"""The IDX format of the MNIST files: a magic number, the dimensions, then unsigned bytes in C order.

Source: the description that Y. LeCun, C. Cortes and C. Burges published with the database.
"""

import io
import struct
from typing import Protocol

import numpy as np

from mnistcli.errors import DataError

MAGIC = bytes((0, 0, 0x08))  # two zeros and the code for unsigned bytes; the number of dimensions follows


class Readable(Protocol):
    """A stream of bytes, compressed or not."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, fewer at the end of the stream; all if -1."""


def read_shape(file: Readable) -> tuple[int, ...]:
    """Read a file's header and return its dimensions; their product is the number of bytes that follow.

    Raises:
        ValueError: It is not an IDX header for unsigned bytes.
    """
    start = file.read(4)
    ndim = start[3] if len(start) == 4 and start[:3] == MAGIC else 0
    sizes = file.read(4 * ndim)
    if not ndim or len(sizes) < 4 * ndim:
        raise ValueError(f"expected an IDX header for unsigned bytes, found {(start + sizes).hex()!r}")
    return struct.unpack(f">{ndim}I", sizes)


def parse_idx(raw: bytes, *, source: str, ndim: int) -> np.ndarray:
    """Return the uint8 array in an IDX file's decompressed bytes, without a copy; `source` names it in errors.

    Raises:
        DataError: The header is not for unsigned bytes in `ndim` dimensions, or gives another length.
    """
    try:
        shape = read_shape(io.BytesIO(raw))
    except ValueError as error:
        raise DataError(f"{source}: {error}.") from error
    if len(shape) != ndim:
        raise DataError(f"{source}: expected {ndim} dimensions, found {shape}.")
    header = 4 + 4 * ndim
    announced = int(np.prod(shape, dtype=object))
    if announced != len(raw) - header:
        raise DataError(f"{source}: the header announces {announced:,} bytes, but the file has {len(raw) - header:,}.")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)
