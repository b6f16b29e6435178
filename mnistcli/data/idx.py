"""The IDX format of the MNIST files: a magic number, the dimensions, then unsigned bytes in C order.

Source: the description that LeCun, Cortes and Burges published with the database.
"""

import struct

import numpy as np

from mnistcli.errors import DataError

UNSIGNED_BYTE = 0x08


def parse_idx(raw: bytes, *, source: str, ndim: int) -> np.ndarray:
    """Return the array in an IDX file's decompressed bytes, as uint8, without a copy.

    Raises:
        DataError: The header is not that of unsigned bytes in `ndim` dimensions, or promises another length.
    """
    header = 4 + 4 * ndim
    if len(raw) < header or raw[:4] != bytes((0, 0, UNSIGNED_BYTE, ndim)):
        raise DataError(
            f"{source}: expected an IDX header of unsigned bytes in {ndim} dimensions, found {raw[:4].hex()!r}."
        )
    shape = struct.unpack_from(f">{ndim}I", raw, 4)
    promised = int(np.prod(shape, dtype=object))
    if promised != len(raw) - header:
        raise DataError(f"{source}: the header promises {promised:,} bytes, the file holds {len(raw) - header:,}.")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)
