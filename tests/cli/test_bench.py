"""`mnistcli bench`, on the smallest network."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Call, MakeOnce, run_in

NETWORK = "dct 2 3x3 stride 5, relu, dense 4, relu"
KERNELS = {"dct": 6 * 6 * 2 * 9, "dense": 6 * 6 * 2 * 4, "output": 4 * 10}


@pytest.fixture(scope="module")
def measured(make_once: MakeOnce) -> dict[str, Any]:
    """What a measurement of NETWORK comes to."""

    def measure(folder: Path) -> None:
        (folder / "bench.json").write_bytes(run_in(folder, "bench", NETWORK, "--batch-size", "50", "--json"))

    document: dict[str, Any] = json.loads((make_once("bench", measure) / "bench.json").read_bytes())
    return document


def test_training_and_prediction_are_measured_and_told_in_operations_and_beside_a_product(
    measured: dict[str, Any],
) -> None:
    assert measured["schema"] == "mnistcli.bench/1"
    assert measured["device"] == "cpu"
    assert measured["versions"].keys() >= {"python", "jax", "flax"}
    train, predict = measured["speeds"]
    forward = 2 * sum(KERNELS.values())
    backward = 2 * (KERNELS["dense"] + 2 * KERNELS["output"])  # before dense nothing is trained
    for speed, work, operations in ((train, "train", forward + backward), (predict, "predict", forward)):
        assert (speed["arch"], speed["work"], speed["batch_size"]) == (NETWORK, work, 50)
        assert speed["flops"] == pytest.approx(speed["images_per_second"] * operations)
        assert speed["product_share"] == pytest.approx(speed["flops"] / speed["product_flops"])
        assert speed["ratio"] is None
        assert speed["compile_seconds"] > 0
    assert train["memory_bytes"] > 50_000 * 28 * 28  # the training images lie on the device
    assert 4050 * 28 * 28 < predict["memory_bytes"] < train["memory_bytes"]


def test_an_earlier_result_is_compared_row_by_row(measured: dict[str, Any], mnistcli: Call, tmp_path: Path) -> None:
    train, predict = measured["speeds"]
    earlier = [train | {"images_per_second": 1.0}, predict | {"batch_size": 49}]
    cores = measured["cores"]
    (tmp_path / "old.json").write_text(json.dumps(measured | {"device": "tpu", "speeds": earlier}))
    outcome = mnistcli("bench", NETWORK, "--batch-size", "50", "--against", "old.json", "--json")
    assert f"old.json was measured on another machine: tpu, {cores} cores, not cpu, {cores} core" in outcome.err
    now_train, now_predict = outcome.json["speeds"]
    assert now_train["ratio"] == pytest.approx(now_train["images_per_second"])
    assert now_predict["ratio"] is None


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "cannot be read: No such file"), ("no JSON", "is not an output of 'mnistcli bench --json'"),
     ("[]", "is not an output of"), ('{"schema": "mnistcli.summary/1"}', "is not an output of"),
     ('{"schema": "mnistcli.bench/1", "device": "cpu", "speeds": [{"arch": "cnn"}]}', "is not an output of"),
     ('{"schema": "mnistcli.bench/1", "device": "cpu", "cores": 1e999, "speeds": []}', "is not an output of"),
     ('{"schema": "mnistcli.bench/1", "device": "cpu", "cores": 2, "speeds": [{"arch": "cnn", "work": "train", '
      '"batch_size": 32, "images_per_second": NaN}]}', "is not an output of"),
     (100_000 * "[", "is not an output of")],
)  # fmt: skip
def test_a_file_that_is_not_an_earlier_result_is_refused_before_anything_is_measured(
    content: str | None, told: str, mnistcli: Call, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "old.json").write_text(content)
    outcome = mnistcli("bench", "--against", "old.json")
    assert outcome.code == 2
    assert outcome.out == ""
    assert "'old.json'" in outcome.err
    assert told in outcome.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("cn",), "did you mean 'cnn'?"), (("net.py:Net",), "a class in Flax"),
     (("linear", "conv 4 40x40"), "than the image, which is 28×28 here"), (("--batch-size", "0"), "--batch-size"),
     (("--batch-size", "50001"), "--batch-size")],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused(arguments: tuple[str, ...], told: str, mnistcli: Call) -> None:
    outcome = mnistcli("bench", *arguments)
    assert outcome.code == 2
    assert told in outcome.err
