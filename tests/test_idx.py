import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnistcli.errors import DataError
from mnistcli.idx import parse_idx


def encode(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=3))
def test_what_was_encoded_is_read_back(shape: list[int]) -> None:
    array = np.arange(int(np.prod(shape)), dtype=np.uint8).reshape(shape)
    assert np.array_equal(parse_idx(encode(array), source="x", ndim=len(shape)), array)


@given(st.binary(max_size=40), st.integers(1, 3))
def test_any_bytes_are_refused_or_are_what_they_are_read_as(raw: bytes, ndim: int) -> None:
    with contextlib.suppress(DataError):
        assert encode(parse_idx(raw, source="x", ndim=ndim)) == raw


def test_a_header_that_promises_more_than_the_file_holds_is_refused() -> None:
    raw = bytes((0, 0, 8, 3)) + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1) + b"x"
    with pytest.raises(DataError, match="announces"):
        parse_idx(raw, source="x", ndim=3)
