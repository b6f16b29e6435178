import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mnistcli.commands.classifier import logits_of
from mnistcli.errors import RunError
from mnistcli.models import RECIPES
from mnistcli.models.network import build, flatten, split
from mnistcli.runs import load_model, model_metadata
from mnistcli.runs.tensors import save_tensors

MODEL = build("linear", (28, 28, 1), 10, seed=0)
ARRAYS = {path: np.asarray(array) for path, array in flatten(split(MODEL)[1].params).items()}
METADATA = model_metadata(
    arch="linear",
    network=RECIPES["linear"].network,
    image_shape=(28, 28, 1),
    class_names=tuple("0123456789"),
    dataset="mnist",
    data_fingerprint="0" * 64,
    pictures="digit",
    temperature=1.5,
    trained=ARRAYS,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_tensors(path, ARRAYS, METADATA)
    return path


def test_the_file_alone_rebuilds_the_model(file: Path) -> None:
    images = np.full((2, 28, 28, 1), 99, np.uint8)
    stored = load_model(file)
    assert stored.temperature == 1.5
    assert (stored.arch, stored.image_shape, stored.class_names) == ("linear", (28, 28, 1), tuple("0123456789"))
    expected = images.reshape(2, -1) / np.float32(255) @ ARRAYS["output.kernel"].T
    np.testing.assert_allclose(logits_of(stored, images), expected, atol=1e-5)


@pytest.mark.parametrize(
    "change",
    [{"arch": "\x1b[31m"}, {"arch": None}, {"schema": "other/1"}, {"image_shape": [28, 28]},
     {"image_shape": [10**9, 1, 1]},
     {"image_shape": "all"}, {"class_names": 7}, {"class_names": ["0"] * 9},
     {"class_names": [*"012345678", "\x1b[31m"]}, {"preprocessing": "none"},
     {"network": ["dense 3"]}, {"network": ""}, {"network": "os.system"}, {"network": "dense 99999"},
     {"network": "dense 3"}, {"network": "conv 8 3x3"}, {"network": "norm"}, {"network": "conv 8 64x64"},
     {"network": "residual(" * 4_000}, {"network": "residual(" * 100 + "relu" + ")" * 100},
     {"network": ", ".join(["relu"] * 3_000)}, {"network": "pool 1, " * 200 + "relu, \x1b[31m"},
     {"network": "conv 65536 1x1"}, {"network": "flatten, dense 65536, dense 65536"}, {"network": "pool 64 same\x07"},
     {"temperature": 0}, {"temperature": None}, {"temperature": "hot"}, {"temperature": float("nan")}],
    ids=str,
)  # fmt: skip
def test_metadata_that_does_not_fit_is_refused(file: Path, change: dict[str, object]) -> None:
    save_tensors(file, load_file(file), METADATA | change)
    with pytest.raises(RunError, match=r"model\.safetensors"):
        load_model(file)


def test_tensors_that_do_not_fit_are_refused_with_expected_and_found(file: Path) -> None:
    tensors = load_file(file)
    for wrong in (
        {"output.bias": np.zeros(9, np.float32)},
        {"output.bias": np.zeros(10, np.float64)},
        {"other": np.zeros(1, np.float32)},
    ):
        save_tensors(file, tensors | wrong, METADATA)
        with pytest.raises(RunError, match=next(iter(wrong))):
            load_model(file)
    save_tensors(file, {"output.bias": tensors["output.bias"]}, METADATA)
    with pytest.raises(RunError, match=r"output\.kernel"):
        load_model(file)


def test_other_kinds_of_files_are_refused(tmp_path: Path, file: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    contents = [
        b"",
        b"x" * 100,
        pickle.dumps({"a": 1}),
        file.read_bytes()[:500],
        b"\xff" * 8 + b"{}",
        json.dumps(METADATA).encode(),
    ]
    for content in contents:
        foreign.write_bytes(content)
        with pytest.raises(RunError, match="foreign"):
            load_model(foreign)
    save_file({"output.bias": np.zeros(10, np.float32)}, foreign)
    with pytest.raises(RunError, match="foreign"):
        load_model(foreign)
