"""`train --from` and `--freeze`: begin with another run's weights, and leave layers as they are."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from safetensors.numpy import load_file

from mnistcli.commands.classifier import logits_of
from mnistcli.config import DataChoice
from mnistcli.datasets import load
from mnistcli.optimizers import OPTIMIZERS
from mnistcli.runs import load_model
from mnistcli.runs.record import read_record
from mnistcli.runs.run import BUILTIN
from tests.conftest import Call, MakeOnce, run_in

ARCH = "conv 4 5x5 stride 3, norm, relu, dense 8, relu, dropout 0.1"
SHORT = ("--limit", "200", "--epochs", "2", "--no-plots", "--patience", "0")


@pytest.fixture(scope="module")
def folder(make_once: MakeOnce) -> Path:
    """A folder with a run called first."""
    return make_once("from", lambda folder: run_in(folder, "train", "--arch", ARCH, *SHORT, "--name", "first"))


def weights(folder: Path, run: str) -> dict[str, np.ndarray]:
    return load_file(folder / "runs" / run / "model.safetensors")


def test_frozen_layers_stay_with_their_statistics_and_the_others_are_trained(folder: Path, mnistcli: Call) -> None:
    for name, freeze in (("by-number", "2"), ("by-name", "norm1,conv1")):
        outcome = mnistcli("train", "--from", "first", *SHORT, "--name", name, "--freeze", freeze, cwd=folder)
        assert outcome.code == 0
        assert "Taken from first: conv1, norm1, dense1, output." in outcome.err
        assert "Not trained: conv1, norm1." in outcome.err
        assert read_record(folder / "runs" / name).config.hyper.learning_rate == OPTIMIZERS["adamw"].learning_rate
        before, after = weights(folder, "first"), weights(folder, name)
        same = {path.partition(".")[0]: np.array_equal(before[path], after[path]) for path in before}
        assert same == {"conv1": True, "norm1": True, "dense1": False, "output": False}


def test_the_last_layer_is_new_where_the_classes_differ(folder: Path, tmp_path: Path, mnistcli: Call) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 28, 28), np.uint8)
    np.savez(tmp_path / "three.npz", x_train=images, y_train=np.arange(60) % 3, x_test=images, y_test=np.arange(60) % 3)
    outcome = mnistcli("train", "--from", folder / "runs/first", "--dataset", tmp_path / "three.npz", "--epochs", "1",
                       "--lr", "1e-9", "--no-plots")  # fmt: skip
    assert outcome.code == 0
    assert "Taken from first: conv1, norm1, dense1; new: output." in outcome.err
    (run,) = (tmp_path / "runs").iterdir()
    before, after = weights(folder, "first"), load_file(run / "model.safetensors")
    np.testing.assert_allclose(before["conv1.kernel"], after["conv1.kernel"], atol=1e-6)
    assert after["output.kernel"].shape == (3, 8)


def test_a_run_killed_before_its_first_checkpoint_begins_again_with_the_same_weights(folder: Path, spawn: Call) -> None:
    flags = ("train", "--from", "first", "--freeze", "1", *SHORT)
    assert spawn(*flags, "--name", "whole", cwd=folder).code == 0
    process = subprocess.Popen([sys.executable, "-m", "mnistcli", *flags, "--name", "killed"], cwd=folder,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    while not (folder / "runs/killed/start.safetensors").exists() and process.poll() is None:
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    (folder / "runs/first").rename(folder / "runs/elsewhere")
    try:
        assert spawn("train", "--resume", "killed", "--no-plots", cwd=folder).code == 0
    finally:
        (folder / "runs/elsewhere").rename(folder / "runs/first")
    whole, killed = weights(folder, "whole"), weights(folder, "killed")
    assert all(np.array_equal(whole[path], killed[path]) for path in whole)


@pytest.mark.parametrize(
    ("flags", "batch_size", "epochs"),
    [
        (("--limit", "999"), "16", "12"),
        (("--limit", "100"), "16", "43"),
        (("--limit", "17"), "16", "100"),
        (("--limit", "1000"), "64", "12"),
        (("--limit", "100", "--epochs", "3"), "64", "3"),
        (("--limit", "100", "--batch-size", "8"), "8", "12"),
    ],
)
def test_few_images_come_in_small_batches_for_many_epochs(
    flags: tuple[str, ...], batch_size: str, epochs: str, folder: Path, mnistcli: Call
) -> None:
    shown = mnistcli("train", "--from", "first", *flags, "--print-config", cwd=folder).out
    settings = dict(re.findall(r"^(\w+) = (\S+)", shown, re.MULTILINE))
    assert (settings["batch_size"], settings["epochs"]) == (batch_size, epochs)


def test_builtin_learns_a_hand_gently_and_both_are_compared_on_it(tmp_path: Path, mnistcli: Call) -> None:
    mnist, hand = load("mnist").test, tmp_path / "mine"
    for split, start in (("train", 0), ("validation", 300), ("test", 600)):
        for i in range(start, start + (100 if split == "train" else 60)):
            place = hand / split / str(mnist.labels[i])
            place.mkdir(parents=True, exist_ok=True)
            wide = Image.fromarray(255 - mnist.images[i, ..., 0]).resize((20 + 4 * (i % 50), 40))  # a hand of its own
            ImageOps.expand(wide, 20, 255).save(place / f"{i}.png")
    data = ("--dataset", "mine", "--mnist-like")
    assert "\nbatch_size = 16 " in mnistcli("train", "--from", "builtin", *data, "--print-config").out
    taught = mnistcli("train", "--from", "builtin", *data, "--epochs", 2, "--name", "mine", "--no-plots")
    assert taught.code == 0
    found = re.search(r"Of 60 validation images, builtin reads (\d+) right and this run (\d+)\.\n", taught.err)
    assert found
    model, before = load_model(tmp_path / "runs/mine/model.safetensors"), load_model(BUILTIN)
    assert model.rejects
    images = load(DataChoice(dataset=str(hand), mnist_like=True)).validation
    right = [(logits_of(each, images.images).argmax(1) == images.labels).sum() for each in (before, model)]
    assert [int(each) for each in found.groups()] == right
    assert read_record(tmp_path / "runs/mine").config.hyper.learning_rate == OPTIMIZERS["adamw"].learning_rate / 10
    assert mnistcli("predict", hand / "test/7", "-r", "--run", "mine").code == 0
    compared = mnistcli("compare", "builtin", "mine", *data, "--json")
    assert compared.code == 0
    assert compared.json["pairs"][0]["p_value"] > 0.05
    assert compared.json["runs"][1]["rejected"] >= 0

    worse = mnistcli(
        "train", "--from", "builtin", *data, "--epochs", 1, "--lr", "0.02", "--name", "worse", "--no-plots"
    )
    assert "The run is worse than builtin." in worse.err


def test_a_run_with_fixed_filters_is_compared_with_the_one_that_it_began_with(mnistcli: Call) -> None:
    small = ("--limit", 64, "--epochs", 1, "--no-plots")
    assert mnistcli("train", "--arch", "fast", *small).code == 0
    outcome = mnistcli("train", "--from", "fast", *small)
    assert "Taken from fast-001: dct1, conv1, dense1, output." in outcome.err
    assert "Of 10,000 validation images, fast-001 reads " in outcome.err


@pytest.mark.parametrize(
    ("freeze", "code", "said"),
    [("1", 0, "Not trained: conv1."), ("dct1", 2, "the layers to train are conv1, dense1, output"),
     ("conv1,dense1,output", 2, "no layer to train")],
)  # fmt: skip
def test_freeze_counts_the_layers_that_have_parameters(freeze: str, code: int, said: str, mnistcli: Call) -> None:
    outcome = mnistcli("train", "--arch", "fast", "--freeze", freeze, "--limit", 64, "--epochs", 1, "--no-plots")
    assert outcome.code == code
    assert said in outcome.err


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [(("--freeze", "4"), 2, "no layer to train"), (("--freeze", "0"), 2, "least 1"), (("--freeze", ""), 2, "names ''"),
     (("--freeze", "conv2"), 2, "conv1, norm1, dense1, output"), (("--arch", "linear", "--limit", "64"), 2, "No layer"),
     (("--resume", "first"), 2, "--resume")],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_a_run_is_made(
    flags: tuple[str, ...], code: int, said: str, folder: Path, tmp_path: Path, mnistcli: Call
) -> None:
    shutil.copytree(folder / "runs/first", tmp_path / "runs/first")
    outcome = mnistcli("train", "--from", "first", *flags)
    assert (outcome.code, outcome.out) == (code, "")
    assert said in outcome.err.splitlines()[-1]
    assert [each.name for each in (tmp_path / "runs").iterdir()] == ["first"]
