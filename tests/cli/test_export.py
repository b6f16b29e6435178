"""An exported network answers in ONNX Runtime, on its own, as it does in JAX."""

import json
import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from mnistcli.datasets import load
from mnistcli.inference.onnx_model import OnnxModel
from mnistcli.runs import load_model, model_metadata
from mnistcli.runs.run import BUILTIN
from mnistcli.runs.tensors import save_tensors
from tests.conftest import Call


def answers(path: Path, images: np.ndarray) -> list[np.ndarray]:
    """Probabilities and logits as somebody reads them who has only the file."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["probabilities", "logits"], {"images": images})


def metadata(path: Path) -> dict[str, str]:
    return {each.key: each.value for each in onnx.load(path).metadata_props}


@pytest.mark.parametrize("run", ["builtin", "linear", "dense"])
def test_the_file_answers_all_test_images_as_jax_does(
    run: str, workspace: Path, tmp_path: Path, mnistcli: Call
) -> None:
    runs = ("--runs-dir", workspace / "runs")
    outcome = mnistcli("export", run, "net.onnx", "--json", *runs)
    assert outcome.code == 0
    proof = outcome.json
    assert (proof["images"], proof["same_answers"]) == (10_000, 10_000)
    assert proof["largest_difference"] < 1e-5
    assert proof["bytes"] == (tmp_path / "net.onnx").stat().st_size

    test = load("mnist").test
    _, logits = answers(tmp_path / "net.onnx", np.asarray(test.images))
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (test.labels, logits.argmax(1)), 1)
    assert confusion.tolist() == mnistcli("evaluate", run, "--json", *runs).json["confusion"]


def test_probabilities_are_predict_s_and_do_not_depend_on_the_batch(tmp_path: Path, mnistcli: Call) -> None:
    assert mnistcli("export", "builtin", "net.onnx").code == 0
    images = np.asarray(load("mnist").test.images[:1000])
    together, _ = answers(tmp_path / "net.onnx", images)
    alone = np.concatenate([answers(tmp_path / "net.onnx", image[None])[0] for image in images[:20]])
    np.testing.assert_allclose(alone, together[:20], atol=1e-5)
    assert (together.sum(1) <= 1 + 1e-5).all()  # what they leave is the probability of no digit
    Image.fromarray(images[0].squeeze()).save(tmp_path / "digit.png")
    said = mnistcli("predict", "digit.png", "--run", "builtin", "--json").json["predictions"][0]
    np.testing.assert_allclose(said["probabilities"], together[0], atol=1e-5)


def test_the_file_says_what_it_is(workspace: Path, tmp_path: Path, mnistcli: Call) -> None:
    assert mnistcli("export", "linear", "net.onnx", "--runs-dir", workspace / "runs").code == 0
    found = metadata(tmp_path / "net.onnx")
    assert (found["schema"], found["run"], found["arch"]) == ("mnistcli.onnx/1", "linear-001", "linear")
    assert json.loads(found["class_names"]) == [str(digit) for digit in range(10)]
    assert (json.loads(found["image_shape"]), json.loads(found["seed"])) == ([28, 28, 1], 0)
    assert found["data_fingerprint"] == load("mnist").fingerprint
    assert float(found["temperature"]) > 0


def test_a_network_that_answers_nan_gives_no_page(tmp_path: Path, mnistcli: Call) -> None:
    model = load_model(BUILTIN)
    arrays = {name: array * (np.nan if name == "output.bias" else 1) for name, array in model.arrays.items()}
    metadata = model_metadata(
        arch=model.arch, network=model.network, image_shape=model.image_shape, class_names=model.class_names,
        dataset="mnist", data_fingerprint=model.data_fingerprint, pictures=model.pictures, temperature=1.0,
        trained=arrays, rejects=True,
    )  # fmt: skip
    save_tensors(tmp_path / "diverged.safetensors", arrays, metadata)
    outcome = mnistcli("export", "diverged.safetensors", "page.html")
    assert (outcome.code, outcome.out) == (4, "")
    assert outcome.err.splitlines()[-1] == "mnistcli: The run 'diverged' returns NaN: its training diverged."
    assert not (tmp_path / "page.html").exists()


def test_a_page_is_one_file_that_loads_nothing_and_checks_itself(tmp_path: Path, mnistcli: Call) -> None:
    outcome = mnistcli("export", "builtin", "page.html", "--json")
    assert outcome.code == 0
    made = outcome.json
    assert (made["run"], made["images"], made["same_answers"], made["largest_difference"]) == (
        "builtin",
        20,
        None,
        None,
    )
    assert made["bytes"] == (tmp_path / "page.html").stat().st_size < 1_200_000
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert not re.findall(r"https?://|\b(?:src|href)=[\"'](?!data:)", page)
    assert mnistcli("export", "builtin", "again.page", "--to", "html").code == 0
    assert (tmp_path / "again.page").read_text(encoding="utf-8") == page


@pytest.mark.parametrize("arch", ["cnn", "convnet"])
def test_colours_and_rows_and_columns_that_pooling_drops_are_no_obstacle(
    arch: str, tmp_path: Path, mnistcli: Call
) -> None:
    random = np.random.default_rng(0)
    for name in ("one", "two"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(20):
            pixels = random.integers(0, 256, (31, 29, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{i}.png")
    data = ("--dataset", "data")
    assert mnistcli("train", "--arch", arch, "--epochs", "1", "--no-plots", *data).code == 0
    outcome = mnistcli("export", arch, "net.onnx", "--json", *data)
    assert outcome.code == 0
    assert outcome.json["same_answers"] == outcome.json["images"] > 0
    assert outcome.json["largest_difference"] < 1e-5
    assert json.loads(metadata(tmp_path / "net.onnx")["class_names"]) == ["one", "two"]


def test_the_same_run_gives_the_same_bytes(tmp_path: Path, mnistcli: Call) -> None:
    for name in ("a.onnx", "b.onnx"):
        assert mnistcli("export", "builtin", name).code == 0
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_other_answers_are_told_and_give_exit_code_1(monkeypatch: pytest.MonkeyPatch, mnistcli: Call) -> None:
    run = OnnxModel.probabilities
    monkeypatch.setattr(OnnxModel, "probabilities", lambda model, images: run(model, images)[::-1])
    outcome = mnistcli("export", "builtin", "net.onnx", "--json")
    assert outcome.code == 1
    assert (same := outcome.json["same_answers"]) < 2000
    assert f"{10_000 - same:,} of 10,000 answers differ from JAX's." in outcome.err.splitlines()
    assert outcome.json["largest_difference"] > 0.5


def test_a_file_that_cannot_be_written_leaves_the_one_that_stands(tmp_path: Path, mnistcli: Call) -> None:
    (tmp_path / "net.onnx").mkdir()
    outcome = mnistcli("export", "builtin", "net.onnx")
    assert (outcome.code, outcome.out) == (2, "")
    assert "is a folder" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
