import gzip
import io
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnistcli.errors import ImageError
from mnistcli.vision import Source, arrays, read_picture, unpack

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 6, 7), np.uint8)


def npy(array: np.ndarray, *, pickled: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=pickled)
    return file.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def read(content: bytes) -> dict[str, np.ndarray]:
    return {source.name: read_picture(source).pixels.squeeze(-1) for source in unpack(Source("x", content))}


@pytest.mark.parametrize(
    "content",
    [
        npy(IMAGES),
        npy(IMAGES[..., None]),
        npy(IMAGES / 255),
        npy(IMAGES.astype(np.float32)),
        npy(IMAGES.astype(">u2") * 257),
        npy(IMAGES.astype(np.int64)),
        idx(IMAGES),
        gzip.compress(idx(IMAGES), mtime=0),
    ],
    ids=["uint8", "channel", "0 to 1", "0 to 255", "16 bits", "int64", "idx", "idx.gz"],
)
def test_every_kind_of_array_gives_the_same_pictures_in_order(content: bytes, tmp_path: Path) -> None:
    expected = {f"x#{i}": image.tolist() for i, image in enumerate(IMAGES)}
    assert {name: pixels.tolist() for name, pixels in read(content).items()} == expected
    file = tmp_path / "named.anyhow"
    file.write_bytes(content)
    assert [source.name for source in unpack(Source(str(file)))] == [f"{file}#{i}" for i in range(5)]


@pytest.mark.parametrize(
    ("values", "levels"),
    [([0, 257 * 100, 257 * 200], [0, 100, 200]), ([0, 256, 257], [0, 1, 1]), ([0.0, 0.25, 0.5], [0, 64, 128]),
     ([0.0, 100.0, 200.0], [0, 100, 200]), ([0, 1, 2], [0, 1, 2]), ([False, True, True], [0, 255, 255])],
    ids=str,
)  # fmt: skip
def test_numbers_are_scaled_by_their_kind_s_full_range_whatever_is_largest(
    values: list[float], levels: list[int]
) -> None:
    assert read(npy(np.array([values])))["x"].tolist() == [levels]


def test_an_npz_file_s_pictures_carry_their_array_s_name_and_labels_are_passed_over() -> None:
    found = read(npz(x_train=IMAGES[:2], y_train=np.arange(2), x_test=IMAGES[2:]))
    assert list(found) == ["x#x_train#0", "x#x_train#1", "x#x_test#0", "x#x_test#1", "x#x_test#2"]
    assert np.array_equal(np.stack([*found.values()]), IMAGES)


def test_one_picture_and_flat_rows_of_784_are_told_by_their_shape() -> None:
    assert list(read(npy(IMAGES[0]))) == ["x"]
    (colour,) = unpack(Source("x", npy(np.zeros((8, 9, 3), np.uint8))))
    assert read_picture(colour).pixels.shape == (8, 9, 3)
    flat = read(npy(np.arange(1568).reshape(2, 784) % 256))
    assert {name: pixels.shape for name, pixels in flat.items()} == {"x#0": (28, 28), "x#1": (28, 28)}


@pytest.mark.parametrize(
    ("content", "pictures", "said"),
    [
        (npy(IMAGES)[:-50], 3, "is cut off: it should have 5 pictures, but ends in number 3"),
        (npy(IMAGES) + b"x", 5, "longer than its header"),
        (idx(IMAGES)[:-1], 4, "cut off"),
        (gzip.compress(idx(IMAGES), mtime=0)[:-40], None, "damaged"),
        (npz(x=IMAGES)[:-30], 0, "damaged"),
        (npz(y=np.arange(3)), 0, "no array of pictures"),
        (npy(np.arange(3)), 0, "not pictures"),
        (idx(np.arange(3, dtype=np.uint8)), 0, "labels"),
        (npy(np.array([{}, {}]), pickled=True), 0, "could run code"),
        (npz(x=np.array(["a", "b"])), 0, "expected an array of numbers"),
        (npy(np.asfortranarray(IMAGES)), 0, "ascontiguousarray"),
        (npy(np.zeros((2, 2, 2, 2, 2))), 0, "expected"),
        (npy(np.zeros((3, 0, 5))), 0, "1 to"),
        (bytes((0, 0, 8, 3)) + struct.pack(">3I", 1, 2**31, 2**31), 0, "1 to"),
        (bytes((0, 0, 8, 3)) + b"\0\0", 0, "header"),
        (npy(IMAGES)[:40], 0, "damaged"),
    ],
)
def test_what_is_wrong_with_an_array_is_told_after_the_pictures_before_it(
    content: bytes, pictures: int | None, said: str
) -> None:
    *before, last = unpack(Source("x", content))
    assert pictures is None or len(before) == pictures
    with pytest.raises(ImageError, match=said):
        read_picture(last)


@pytest.mark.parametrize("worst", [-1.0, 70000.0, np.nan, np.inf])
def test_numbers_that_are_no_pixels_are_told_for_that_picture_alone(worst: float) -> None:
    values = IMAGES.astype(float)
    values[2, 0, 0] = worst
    sources = [*unpack(Source("x", npy(values)))]
    assert len(sources) == 5
    with pytest.raises(ImageError, match="expected 0 to 1"):
        read_picture(sources[2])
    assert np.array_equal(read_picture(sources[3]).pixels[..., 0], IMAGES[3])


@settings(max_examples=300)
@given(st.sampled_from([npy(IMAGES), npz(x=IMAGES), idx(IMAGES), gzip.compress(idx(IMAGES), mtime=0)]), st.data())
def test_a_damaged_file_of_arrays_is_told_or_read_never_a_crash(content: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    for source in unpack(Source("x", bytes(changed))):
        pickle.dumps(source)
        try:
            read_picture(source)
        except ImageError as error:
            assert str(error)  # noqa: PT017


def test_a_large_file_of_arrays_is_read_in_little_memory(tmp_path: Path) -> None:
    large = np.lib.format.open_memmap(tmp_path / "large.npy", "w+", np.uint8, (500_000, 28, 28))
    large.flush()
    code = (
        "import resource, sys; from mnistcli.vision import Source, unpack\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before, n = peak(), sum(1 for _ in unpack(Source(sys.argv[1])))\n"
        "print(n, peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "large.npy"], capture_output=True, check=True)
    pictures, kilobytes = map(int, done.stdout.split())
    assert pictures == 500_000
    assert kilobytes < 20_000


def test_a_header_of_gigabytes_is_not_read() -> None:
    class Promise(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            assert size is None or size < 2**20
            return super().read(size)

    start = b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1)
    with pytest.raises(ImageError, match="structured"):
        list(arrays._unpack_npy(Promise(start), "x"))
