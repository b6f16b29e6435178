"""A small data set and the ways in which it may lie on disk."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistcli.datasets import Dataset, load

TRAIN, TEST = 120, 40


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_idx(folder: Path, images: dict[str, np.ndarray], labels: dict[str, np.ndarray], *, zipped: bool) -> Path:
    """Write splits "train" and "t10k" as IDX files."""
    folder.mkdir(exist_ok=True)
    for split in images:
        for kind, content in ((f"images-idx{images[split].ndim}", images[split]), ("labels-idx1", labels[split])):
            raw = idx(content.astype(np.uint8))
            file = folder / f"{split}-{kind}-ubyte{'.gz' if zipped else ''}"
            file.write_bytes(gzip.compress(raw) if zipped else raw)
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("MNISTCLI_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    return load("mnist")


@pytest.fixture(scope="session")
def images(mnist: Dataset) -> dict[str, np.ndarray]:
    return {"train": mnist.train.images[:TRAIN, ..., 0], "t10k": mnist.test.images[:TEST, ..., 0]}


@pytest.fixture(scope="session")
def labels(mnist: Dataset) -> dict[str, np.ndarray]:
    return {"train": mnist.train.labels[:TRAIN], "t10k": mnist.test.labels[:TEST]}


@pytest.fixture
def idx_folder(tmp_path: Path, images: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> Path:
    return write_idx(tmp_path / "idx", images, labels, zipped=True)


@pytest.fixture
def npz_file(tmp_path: Path, images: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> Path:
    np.savez(
        tmp_path / "keras.npz",
        x_train=images["train"], y_train=labels["train"], x_test=images["t10k"], y_test=labels["t10k"],
    )  # fmt: skip
    return tmp_path / "keras.npz"


@pytest.fixture
def picture_folder(tmp_path: Path, images: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> Path:
    """train/CLASS/ and test/CLASS/."""
    for split, name in (("train", "train"), ("t10k", "test")):
        for i, (image, label) in enumerate(zip(images[split], labels[split], strict=True)):
            folder = tmp_path / "pictures" / name / str(label)
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{i:04d}.png")
    return tmp_path / "pictures"
