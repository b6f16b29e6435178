import errno
import itertools
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from mnistcli.commands.onnx import onnx_of
from mnistcli.datasets import export_images, load
from mnistcli.runs import RunsFolder
from mnistcli.runs.run import BUILTIN
from tests.conftest import DARK, Call, MakeOnce, paper_of, run_in, svg_texts
from tests.vision.pictures import sheet_on_a_desk, thick_ring

KEPT = ("train", "--arch", "dense", "--limit", "600", "--epochs", "3", "--patience", "0", "--no-plots")
DESCRIBED = "conv 2 3x3 same, norm, relu, residual(conv 2 3x3 same, relu), pool 2, dense 3, tanh"


@pytest.fixture(scope="module")
def runs(workspace: Path, make_once: MakeOnce) -> Path:
    """A folder of runs: linear-001, dense-001, described, and kept with its 3 epochs' weights. Read it only."""
    described = ("train", "--arch", DESCRIBED, "--limit", "600", "--epochs", "1", "--no-plots", "--name", "described")

    def fill(folder: Path) -> None:
        shutil.copytree(workspace / "runs", folder / "runs")
        for arguments in (described, (*KEPT, "--keep-epochs", "--name", "kept")):
            run_in(folder, *arguments)

    return make_once("inspect", fill) / "runs"


def chosen(n: int = 2000) -> np.ndarray:
    return np.linspace(0, 9999, n).astype(int)


def test_filters_are_those_of_the_model_s_file(runs: Path, mnistcli: Call) -> None:
    templates = load_file(runs / "linear-001/model.safetensors")["output.kernel"].reshape(10, 28, 28, 1)
    kernels = np.moveaxis(load_file(BUILTIN)["conv1.kernel"], -1, 0)
    for run, layer, kind, values in (
        ("linear", "output", "template", templates),
        ("builtin", "conv1", "filter", kernels),
    ):
        filters = mnistcli("inspect", run, "--json", cwd=runs.parent).json["filters"]
        assert (filters["layer"], filters["kind"], filters["shape"]) == (layer, kind, [*values.shape])
        assert np.array(filters["values"]) == pytest.approx(values, abs=6e-5)


def test_the_map_is_the_pca_of_what_the_last_layer_gets(runs: Path, mnistcli: Call) -> None:
    """The linear network's last layer gets the pixels."""
    found = mnistcli("inspect", "linear", "--json", cwd=runs.parent).json["map"]
    test = load("mnist").test
    pixels = test.images[chosen()].reshape(2000, -1) / 255
    variances = np.linalg.eigvalsh(np.cov(pixels.T))
    assert (found["layer"], found["n"]) == ("flatten1", 2000)
    assert found["explained"] == pytest.approx((variances / variances.sum())[[-1, -2]], rel=1e-4)
    answers = onnx_of(RunsFolder(runs).find("linear")).logits(test.images[chosen()]).argmax(1)
    assert abs(found["wrong"] - (answers != test.labels[chosen()]).sum()) <= 1  # JAX and ONNX Runtime round differently


def test_json_tells_of_each_layer_that_summary_lists(runs: Path, mnistcli: Call) -> None:
    document = mnistcli("inspect", "described", "--json", cwd=runs.parent).json
    rows = mnistcli("summary", "described", "--json", cwd=runs.parent).json["layers"][1:]
    assert document["schema"] == "mnistcli.inspect/1"
    assert list(document) == ["schema", "run", "arch", "image", "layers", "filters", "map"]
    assert document["run"] == "described"
    assert list(document["image"]) == ["name", "label", "predicted"]
    assert (document["image"]["name"], document["image"]["label"]) == ("test image 0", 7)
    assert [(each["name"], each["kind"], each["shape"]) for each in document["layers"]] == [
        (row["name"], row["kind"], row["output_shape"]) for row in rows
    ]
    (tanh,) = (each for each in document["layers"] if each["name"] == "dense1")
    assert list(tanh) == ["name", "kind", "shape", "min", "max", "mean"]
    assert -1 <= tanh["min"] <= tanh["mean"] <= tanh["max"] <= 1  # the activation told with the layer is in it
    assert document["map"]["layer"] == "dense1"


def test_the_output_is_the_logits_that_the_run_s_onnx_file_gives(runs: Path, mnistcli: Call) -> None:
    logits = onnx_of(RunsFolder(runs).find("described")).logits(load("mnist").test.images[:1])[0]
    outcome = mnistcli("inspect", "described", "--format", "csv", cwd=runs.parent)
    head, *rows = outcome.lines
    assert head == "name,kind,shape,min,max,mean"
    *identity, least, most, mean = rows[-1].split(",")
    assert identity == ["output", "dense", "10"]
    assert [float(each) for each in (least, most, mean)] == pytest.approx(
        [logits.min(), logits.max(), logits.mean()], abs=1e-4
    )


def test_plain_text_is_a_line_a_layer(runs: Path, mnistcli: Call) -> None:
    outcome = mnistcli("inspect", "dense-001", cwd=runs.parent)
    assert outcome.code == 0
    assert [line.split("\t")[:3] for line in outcome.lines] == [
        ["flatten1", "flatten", "784"], ["dense1", "dense", "512"], ["output", "dense", "10"],
    ]  # fmt: skip
    assert "Inspecting run dense-001 with the test images of mnist." in outcome.err


def test_a_picture_is_read_as_predict_reads_it(runs: Path, mnistcli: Call, tmp_path: Path) -> None:
    export_images(load("mnist"), "test", tmp_path / "digits", limit=1)
    picture = tmp_path / "digits/test-0000-7.png"
    own = mnistcli("inspect", "dense", picture, "--json", cwd=runs.parent).json
    first = mnistcli("inspect", "dense", "--json", cwd=runs.parent).json
    assert own["image"] == {"name": str(picture), "label": None, "predicted": first["image"]["predicted"]}
    assert own["layers"] == first["layers"]
    assert own["map"] == first["map"]


@pytest.mark.parametrize(
    "picture", [thick_ring(), sheet_on_a_desk(), np.tile(np.uint8([[20] * 3, [240] * 3]), (60, 40))]
)
def test_a_picture_that_may_be_two_things_or_none_is_read_as_predict_reads_it(
    picture: np.ndarray, mnistcli: Call, tmp_path: Path
) -> None:
    Image.fromarray(picture).save(tmp_path / "it.png")
    said = mnistcli("predict", "it.png", "--run", "builtin", "--json").json["predictions"][0]["label"]
    assert mnistcli("inspect", "builtin", "it.png", "--json").json["image"]["predicted"] == said


def test_the_figure_shows_filters_maps_and_the_plane(runs: Path, mnistcli: Call, tmp_path: Path) -> None:
    outcome = mnistcli("inspect", "described", "--plot", tmp_path / "inside.svg", "--theme", "dark", cwd=runs.parent)
    assert outcome.code == 0
    said = svg_texts(tmp_path / "inside.svg")
    assert paper_of(tmp_path / "inside.svg") == DARK
    assert {"conv1: 2 filters of 3 × 3", "residual1: add, 28 × 28 × 2", "dense1, 2,000 test images"} <= set(said)
    assert any(each.startswith("misread: ") for each in said)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nothing",), 4, "There is no run 'nothing'"),
        (("dense", "nowhere.png"), 1, "'nowhere.png' cannot be read: No such file"),
        (("dense", "text.png"), 1, "'text.png' is not a picture"),
        (("dense", "--plot", "x.gif"), 2, "--plot 'x.gif' must end in"),
        (("dense", "--epochs", "x.png"), 2, "leave out the image"),
        (("dense-001", "--epochs"), 4, "mnistcli train --keep-epochs"),
        (("builtin", "--epochs"), 4, "mnistcli train --keep-epochs"),
        (("dense", "--dataset", "nowhere"), 3, "nowhere"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else None,
)
def test_what_cannot_be_is_told_in_one_sentence(
    arguments: tuple[str, ...], code: int, said: str, runs: Path, mnistcli: Call, tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    outcome = mnistcli("inspect", *arguments, "--runs-dir", runs, "--offline")
    assert (outcome.code, outcome.out) == (code, "")
    assert said in outcome.err
    assert "Traceback" not in outcome.err


def test_a_network_of_infinite_outputs_is_refused(runs: Path, mnistcli: Call, tmp_path: Path) -> None:
    from mnistcli.runs import load_model, model_metadata
    from mnistcli.runs.tensors import save_tensors

    model = load_model(runs / "dense-001/model.safetensors")
    arrays = model.arrays | {"dense1.bias": np.full(512, np.inf, np.float32)}
    metadata = model_metadata(
        arch=model.arch, network=model.network, image_shape=model.image_shape, class_names=model.class_names,
        dataset="mnist", data_fingerprint="", pictures="digit", temperature=1.0,
        trained=model.trained,
    )  # fmt: skip
    save_tensors(tmp_path / "endless.safetensors", arrays, metadata)
    outcome = mnistcli("inspect", "endless.safetensors")
    assert (outcome.code, outcome.out) == (4, "")
    assert "infinite outputs" in outcome.err


def test_each_epoch_s_weights_are_kept_and_the_best_are_the_model_s(runs: Path) -> None:
    folder = runs / "kept"
    assert sorted(path.name for path in (folder / "epochs").iterdir()) == [f"00{i}.safetensors" for i in (1, 2, 3)]
    best = json.loads((folder / "run.json").read_text())["results"]["best_epoch"]
    assert (folder / f"epochs/00{best}.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    assert not (runs / "dense-001/epochs").exists()


def test_keeping_epochs_changes_no_bit_of_the_weights(runs: Path, mnistcli: Call, tmp_path: Path) -> None:
    assert mnistcli(*KEPT, "--name", "kept").code == 0
    with_epochs, without = (folder / "kept/model.safetensors" for folder in (runs, tmp_path / "runs"))
    assert with_epochs.read_bytes() == without.read_bytes()


def test_the_filmstrip_draws_the_kept_epochs(runs: Path, mnistcli: Call, tmp_path: Path) -> None:
    drawn = ("--plot", tmp_path / "strip.svg", "--theme", "dark")
    outcome = mnistcli("inspect", "kept", "--epochs", "--json", *drawn, cwd=runs.parent)
    assert outcome.json["schema"] == "mnistcli.inspect-epochs/1"
    kernels = [load_file(runs / f"kept/epochs/00{i}.safetensors")["dense1.kernel"] for i in (1, 2, 3)]
    rows = outcome.json["epochs"]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert [row["max"] for row in rows] == pytest.approx([kernel.max() for kernel in kernels])
    assert rows[0]["change"] is None
    assert [row["change"] for row in rows[1:]] == pytest.approx(
        [np.abs(after - before).mean() for before, after in itertools.pairwise(kernels)]
    )
    said = svg_texts(tmp_path / "strip.svg")
    assert "kept, dense1: 512 templates of 28 × 28 (16 shown)" in " ".join(said)
    assert paper_of(tmp_path / "strip.svg") == DARK
    assert {"epoch", "template", "1", "2", "3", "16"} <= set(said)


@pytest.fixture
def cut_off(mnistcli: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that keeps its epochs; its disk was full before its second checkpoint, after the second epoch's file."""
    from mnistcli.runs import folder

    full, save = iter([False, True]), folder.save_checkpoint

    def save_once(*arguments: object) -> None:
        if next(full):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(folder, "save_checkpoint", save_once)
        assert mnistcli(*KEPT, "--keep-epochs", "--name", "kept").code == 1
    folder = tmp_path / "runs/kept"
    assert sorted(path.name for path in (folder / "epochs").iterdir()) == ["001.safetensors", "002.safetensors"]
    return folder


def test_a_run_goes_on_keeping_its_epochs_and_leaves_none_of_an_abandoned_course(
    cut_off: Path, runs: Path, mnistcli: Call
) -> None:
    kept = cut_off / "epochs"
    shutil.copy(kept / "001.safetensors", kept / "002.safetensors")
    shutil.copy(kept / "001.safetensors", kept / "007.safetensors")
    (kept / ".003.safetensors.abc").write_text("cut off")
    assert mnistcli("train", "--resume", "kept", "--no-plots").code == 0
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == {
        path.name: path.read_bytes() for path in (runs / "kept/epochs").iterdir()
    }


def test_a_link_in_the_folder_s_place_leads_no_weights_elsewhere(cut_off: Path, mnistcli: Call, tmp_path: Path) -> None:
    shutil.rmtree(cut_off / "epochs")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/009.safetensors").write_text("mine")
    (cut_off / "epochs").symlink_to(tmp_path / "elsewhere")
    assert mnistcli("train", "--resume", "kept", "--no-plots", "--keep-epochs").code == 0
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["009.safetensors"]
    assert sorted(path.name for path in (cut_off / "epochs").iterdir()) == ["002.safetensors", "003.safetensors"]


@pytest.mark.parametrize("what", ["damaged", "another network"])
def test_a_kept_file_that_does_not_fit_is_named(what: str, runs: Path, mnistcli: Call, tmp_path: Path) -> None:
    shutil.copytree(runs / "kept", tmp_path / "runs/kept")
    file = tmp_path / "runs/kept/epochs/002.safetensors"
    if what == "damaged":
        file.write_bytes(file.read_bytes()[:-1])
    else:
        shutil.copy(runs / "linear-001/model.safetensors", file)
    outcome = mnistcli("inspect", "kept", "--epochs")
    assert (outcome.code, outcome.out) == (4, "")
    assert "002.safetensors" in outcome.err


def test_epochs_that_the_disk_cannot_hold_are_refused_before_training(
    mnistcli: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten copies of the 1.6 MB and the figures fit, a hundred more do not."""
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=20 * 10**6))
    arguments = ("train", "--arch", "dense", "--limit", "100", "--epochs", "100", "--patience", "1", "--no-plots")
    refused = mnistcli(*arguments, "--keep-epochs")
    assert refused.code == 2
    assert "20.0 MB left" in refused.err
    assert mnistcli(*arguments[:5], "--epochs", "1", "--no-plots").code == 0
