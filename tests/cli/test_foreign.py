"""Other programs' ONNX files are judged as runs are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from mnistcli.runs import load_model
from mnistcli.runs.run import BUILTIN
from tests import onnx_files
from tests.conftest import Call

KINDS: list[dict[str, Any]] = [
    {"layout": "nhwc"},
    {"layout": "nchw"},
    {"layout": "nhw"},
    {"layout": "nhwc", "floats": False},
    {"layout": "nchw", "floats": False, "softmax": True},
    {"layout": "nhwc", "softmax": True},
    {"layout": "nchw", "batch": 7},
    {"layout": "nchw", "batch": 1, "softmax": True},
]


@pytest.fixture
def weights(workspace: Path) -> tuple[np.ndarray, np.ndarray]:
    """The kernel and bias of the workspace's linear run."""
    arrays = load_model(workspace / "runs/linear-001/model.safetensors").arrays
    return np.asarray(arrays["output.kernel"]).reshape(10, -1).T.copy(), np.asarray(arrays["output.bias"])


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_same_network_scores_the_same_however_another_program_wrote_it(
    kind: dict[str, Any], weights: tuple[np.ndarray, np.ndarray], workspace: Path, tmp_path: Path, mnistcli: Call
) -> None:
    onnx_files.save(onnx_files.linear(*weights, **kind), tmp_path / "theirs.onnx")
    expected = mnistcli("evaluate", "linear", "--json", "--runs-dir", workspace / "runs").json
    outcome = mnistcli("evaluate", "theirs.onnx", "--json")
    assert outcome.code == 0
    found = outcome.json
    assert (found["run"], found["arch"], found["confusion"]) == ("theirs.onnx", "onnx", expected["confusion"])
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-4)
    told = outcome.err.splitlines()[0]
    order = {"nhwc": "channels last", "nchw": "channels first", "nhw": "without channels"}[kind["layout"]]
    assert order in told
    assert ("pixels / 255" if kind.get("floats", True) else "uint8") in told
    assert ("probabilities" if kind.get("softmax") else "logits") in told


def test_what_a_file_cannot_tell_of_its_pixels_is_told_by_flags(
    weights: tuple[np.ndarray, np.ndarray], workspace: Path, tmp_path: Path, mnistcli: Call
) -> None:
    kernel, bias = weights
    expected = mnistcli("evaluate", "linear", "--json", "--runs-dir", workspace / "runs").json["confusion"]
    mean, std = np.float32(0.25), np.float32(0.5)
    onnx_files.save(onnx_files.linear(kernel * std, bias + mean * kernel.sum(0)), tmp_path / "normalised.onnx")
    onnx_files.save(onnx_files.linear(kernel / np.float32(255), bias), tmp_path / "whole.onnx")
    flags = ("--onnx-mean", "0.25", "--onnx-std", "0.5")
    assert mnistcli("evaluate", "normalised.onnx", "--json", *flags).json["confusion"] == expected
    assert mnistcli("evaluate", "whole.onnx", "--json", "--onnx-scale", "1").json["confusion"] == expected
    assert mnistcli("evaluate", "whole.onnx", "--json").json["confusion"] != expected


def test_compare_sets_a_file_beside_a_run(
    weights: tuple[np.ndarray, np.ndarray], workspace: Path, tmp_path: Path, mnistcli: Call
) -> None:
    onnx_files.save(onnx_files.linear(*weights, layout="nchw"), tmp_path / "theirs.onnx")
    outcome = mnistcli("compare", "theirs.onnx", "linear", "dense", "--json", "--runs-dir", workspace / "runs")
    assert outcome.code == 0
    theirs, ours, _ = outcome.json["runs"]
    assert (theirs["parameters"], theirs["train_seconds"]) == (ours["parameters"], None)
    assert (outcome.json["pairs"][0]["only_a_right"], outcome.json["pairs"][0]["only_b_right"]) == (0, 0)


@pytest.mark.parametrize("batch", ["n", 3])
def test_predict_reads_pictures_with_a_file(
    batch: int | str, weights: tuple[np.ndarray, np.ndarray], workspace: Path, tmp_path: Path, mnistcli: Call
) -> None:
    onnx_files.save(onnx_files.linear(*weights, layout="nchw", batch=batch), tmp_path / "theirs.onnx")
    assert mnistcli("data", "export", "digits", "--limit", 20).code == 0
    pictures = sorted((tmp_path / "digits").glob("*.png"))
    expected = mnistcli("predict", *pictures, "--run", "linear", "--runs-dir", workspace / "runs", "--json")
    outcome = mnistcli("predict", *pictures, "--run", "theirs.onnx", "--json")
    assert outcome.code == 0
    labels, others = ([each["label"] for each in said.json["predictions"]] for said in (outcome, expected))
    assert labels == others
    alone = mnistcli("predict", pictures[0], "--run", "theirs.onnx", "--json").json["predictions"][0]
    np.testing.assert_allclose(alone["probabilities"], outcome.json["predictions"][0]["probabilities"], atol=1e-6)


def test_classes_are_called_as_the_data_set_calls_them(tmp_path: Path, mnistcli: Call) -> None:
    onnx_files.save(onnx_files.plain(), tmp_path / "theirs.onnx")
    names = "zero,one,two,three,four,five,six,seven,eight,nine"
    found = mnistcli("evaluate", "theirs.onnx", "--json", "--class-names", names).json
    assert [each["label"] for each in found["per_class"]] == names.split(",")


def test_a_file_of_ours_is_used_as_it_says_itself(tmp_path: Path, mnistcli: Call) -> None:
    assert mnistcli("export", "builtin", "ours.onnx").code == 0
    outcome = mnistcli("evaluate", "ours.onnx", "--json")
    assert (outcome.code, outcome.json["arch"]) == (0, load_model(BUILTIN).arch)
    assert outcome.json["confusion"] == mnistcli("evaluate", "builtin", "--json").json["confusion"]


@pytest.mark.parametrize(
    "command",
    [("export", "theirs.onnx", "out.onnx"), ("summary", "theirs.onnx"), ("train", "--resume", "theirs.onnx"),
     ("predict", "digit.png", "--run", "theirs.onnx", "--explain", "why.png"),
     ("predict", "digit.png", "--run", "theirs.onnx", "--device", "cpu")],
    ids=" ".join,
)  # fmt: skip
def test_what_needs_jax_refuses_a_file_in_one_sentence(
    command: tuple[str, ...], tmp_path: Path, mnistcli: Call
) -> None:
    onnx_files.save(onnx_files.plain(), tmp_path / "theirs.onnx")
    outcome = mnistcli(*command, "-q")
    assert (outcome.code, outcome.out) == (2 if "--device" in command else 4, "")
    assert len(outcome.err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["theirs.onnx"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [(("builtin", "--onnx-mean", "0.1"), 2, "name one"),
     (("theirs.onnx", "--onnx-scale", "0"), 2, "above 0"),
     (("theirs.onnx", "--onnx-mean", "a"), 2, "takes a number"),
     (("theirs.onnx", "--onnx-mean", "0.1,0.2,0.3"), 2, "1 channels"),
     (("theirs.onnx", "--onnx-input", "nchw"), 2, "not nchw"),
     (("theirs.onnx", "--onnx-input", "nhcw"), 2, "did you mean"),
     (("theirs.onnx", "--onnx-output", "x"), 2, "probabilities"),
     (("bytes.onnx", "--onnx-std", "2"), 2, "as they are"),
     (("tiny.onnx",), 2, "--onnx-input nhwc or nchw"),
     (("tiny.onnx", "--onnx-input", "nchw"), 4, "3 × 1 × 1")],
)  # fmt: skip
def test_flags_that_do_not_fit_are_told(
    arguments: tuple[str, ...], code: int, said: str, tmp_path: Path, mnistcli: Call
) -> None:
    onnx_files.save(onnx_files.plain(), tmp_path / "theirs.onnx")
    onnx_files.save(onnx_files.plain(floats=False), tmp_path / "bytes.onnx")
    flatten = helper.make_node("Flatten", ["x"], ["y"])
    onnx_files.save(onnx_files.make([flatten], shape=("n", 1, 3, 1)), tmp_path / "tiny.onnx")
    outcome = mnistcli("evaluate", *arguments, "-q")
    assert (outcome.code, outcome.out) == (code, "")
    assert said in outcome.err
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("shape", "kind", "said"),
    [(("n", 784), 1, "n×784"), (("n", 28, 28, 5), 1, "1 or 3 channels"), (("n", 28, 28, 1), 11, "tensor(double)"),
     (("n", "h", "w", 1), 1, "does not specify the size"), (("n", 5, 5, 1), 1, "5 × 5 × 1")],
)  # fmt: skip
def test_images_of_another_kind_are_refused(
    shape: tuple[int | str, ...], kind: int, said: str, tmp_path: Path, mnistcli: Call
) -> None:
    nodes = [helper.make_node("Flatten", ["x"], ["row"]), helper.make_node("Cast", ["row"], ["y"], to=1)]
    onnx_files.save(onnx_files.make(nodes, shape=shape, kind=kind), tmp_path / "theirs.onnx")
    outcome = mnistcli("evaluate", "theirs.onnx", "-q")
    assert (outcome.code, outcome.out) == (4, "")
    assert said in outcome.err
