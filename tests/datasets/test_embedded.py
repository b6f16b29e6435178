import gzip
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from mnistcli.datasets import embedded, load, verify_embedded
from mnistcli.errors import DataError


def test_full_mnist_is_there_and_split_as_the_study_splits_it() -> None:
    dataset = load("mnist")
    assert dataset.train.images.shape == (50_000, 28, 28, 1)
    assert dataset.validation.images.shape == (10_000, 28, 28, 1)
    assert dataset.test.images.shape == (10_000, 28, 28, 1)
    assert dataset.train.images.dtype == np.uint8
    assert dataset.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert dataset.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    whole = np.concatenate([dataset.train.images, dataset.validation.images])
    published = gzip.decompress((embedded.FOLDER / "train-images-idx3-ubyte.gz").read_bytes())[16:]
    assert hashlib.sha256(whole.tobytes()).digest() == hashlib.sha256(published).digest()


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mnist"
    shutil.copytree(embedded.FOLDER, folder)
    monkeypatch.setattr(embedded, "FOLDER", folder)
    return folder


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "replace"])
def test_a_damaged_file_is_refused_by_name(copy: Path, damage: str) -> None:
    file = copy / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(file.read_bytes())
    if damage == "flip":
        content[2000] ^= 1
    elif damage == "truncate":
        del content[-100:]
    elif damage == "replace":
        content = bytearray(gzip.compress(b"other"))
    file.write_bytes(content)
    if damage == "remove":
        file.unlink()
    with pytest.raises(DataError, match="t10k-labels"):
        load("mnist")
    assert [check.file for check in verify_embedded() if not check.ok] == [file.name]
