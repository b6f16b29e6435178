"""Recipes that travel: `train --like`, `--config` and `--print-config`."""

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mnistcli.runs.sums import seal, unseal
from tests.conftest import Call


@pytest.fixture
def folder(workspace: Path, tmp_path: Path) -> Path:
    """An empty folder but for a copy of the run linear-001."""
    shutil.copytree(workspace / "runs/linear-001", tmp_path / "runs/linear-001")
    return tmp_path


def change_config(folder: Path, **config: object) -> None:
    file = folder / "runs/linear-001/run.json"
    record = unseal(json.loads(file.read_text()))
    file.write_text(json.dumps(seal(record | {"config": record["config"] | config})))


def settings(call: Call, *arguments: object) -> dict[str, tuple[Any, str]]:
    outcome = call("train", *arguments, "--print-config", "--json")
    assert outcome.code == 0, outcome.err
    return {key: (each["value"], each["origin"]) for key, each in outcome.json["settings"].items()}


def test_like_takes_every_setting_of_a_run_its_seed_and_data_too(folder: Path, mnistcli: Call) -> None:
    change_config(folder, seed=7, augment=True, freeze=["conv1", "norm1"])
    config = mnistcli("runs", "show", "linear-001", "--json").json["config"]
    found = settings(mnistcli, "--like", "linear-001")
    assert {name: value for name, (value, _) in found.items() if name != "runs_dir"} == {
        {"learning_rate": "lr", "start": "from"}.get(name, name): value
        for name, value in config.items()
        if name not in ("source_sha256", "rejects")
    }
    assert {name for name, (value, origin) in found.items() if origin == "default"} == {
        "image_size", "class_names", "from", "runs_dir",
    }  # fmt: skip


def test_a_flag_goes_before_the_file_before_the_other_run_before_the_recipe(folder: Path, mnistcli: Call) -> None:
    Path("recipe.toml").write_text('batch_size = 64\nlr = 1\nfreeze = ["a", "b"]\n')
    found = settings(mnistcli, "--like", "linear", "--config", "recipe.toml", "--lr", "0.5")
    assert found["limit"] == (3000, "like")
    assert found["batch_size"] == (64, "file")
    assert found["freeze"] == (["a", "b"], "file")
    assert found["lr"] == (0.5, "flag")
    alone = settings(mnistcli, "--config", "recipe.toml")
    assert alone["lr"] == (1.0, "file")
    assert (alone["arch"], alone["epochs"], alone["limit"]) == (("dense", "default"), (12, "recipe"), (None, "default"))
    assert alone["runs_dir"] == ("runs", "default")


def test_another_optimizer_or_data_set_takes_nothing_of_the_one_before(folder: Path, mnistcli: Call) -> None:
    change_config(folder, learning_rate=0.25, dataset="fashion_mnist", image_size=14)
    assert settings(mnistcli, "--like", "linear-001")["lr"] == (0.25, "like")
    assert settings(mnistcli, "--like", "linear-001", "--seed", "1")["image_size"] == (14, "like")
    found = settings(mnistcli, "--like", "linear-001", "--optimizer", "adam", "--dataset", "mnist")
    assert found["lr"] == (0.001, "optimizer")
    assert found["image_size"] == (None, "default")


def test_the_runs_folder_of_the_environment_is_told_from_one_of_a_flag(
    mnistcli: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNISTCLI_RUNS_DIR", "there/")
    assert settings(mnistcli)["runs_dir"] == ("there", "environment")
    assert settings(mnistcli, "--runs-dir", "here")["runs_dir"] == ("here", "flag")


def test_what_print_config_writes_is_read_again_and_nothing_is_trained(mnistcli: Call) -> None:
    flags = ("--arch", "conv 4 3x3,relu", "--lr", "1e-7", "--augment", "--freeze", "1", "--class-names", 'a"\\,é\x7f')
    written = mnistcli("train", *flags, "--print-config")
    assert written.out.isascii() or "\x7f" not in written.out
    Path("recipe.toml").write_text(written.out)
    read = mnistcli("train", "--config", "recipe.toml", "--print-config")
    assert tomllib.loads(read.out) == tomllib.loads(written.out)
    assert tomllib.loads(read.out)["class_names"] == ['a"\\', "é\x7f"]
    assert 'arch = "conv 4 3x3, relu"  # file' in read.lines
    assert "# limit = none  # default" in read.lines
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("epoch = 3", "did you mean 'epochs'?"),
        ("device = 'cpu'", "recipe.toml: 'device' is not a setting"),
        ("[train]\nepochs = 3", "recipe.toml: 'train' is not a setting"),
        ("batch_size = 1\nbatch-size = 2", "'batch_size' twice"),
        ("epochs = '3'", "recipe.toml: epochs must be a whole number, not '3'"),
        ("seed = true", "recipe.toml: seed must be a whole number, not True"),
        ("lr = '1'", "recipe.toml: lr must be a number, not '1'"),
        ("augment = 1", "recipe.toml: augment must be true or false, not 1"),
        ("arch = 3", "recipe.toml: arch must be text, not 3"),
        ("freeze = 2", "recipe.toml: freeze must be a list of text, not 2"),
        ("class-names = [1]", "recipe.toml: class-names must be a list of text, not [1]"),
        ("epochs", "is not TOML"),
        ("epochs = 0", "--epochs must be at least 1"),
        ("arch = 'net.py:Net'", "add --arch net.py:Net"),
        ("dataset = 'recipe.toml'", "recipe.toml"),
        ("from = 'gone'", "These settings start from the run 'gone', which is not in 'runs'"),
    ],
)
def test_what_is_wrong_in_a_file_is_one_sentence(content: str, said: str, mnistcli: Call) -> None:
    Path("recipe.toml").write_text(content)
    outcome = mnistcli("train", "--config", "recipe.toml")
    assert (outcome.code, outcome.out) == (4 if "from" in content else 2, "")
    (sentence,) = outcome.err.splitlines()
    assert said in sentence


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"arch": "net.py:Net", "source_sha256": "0"}, "add --arch net.py:Net"),
        ({"dataset": "/somewhere/drawn"}, "add --dataset /somewhere/drawn"),
        ({"start": "gone"}, "the run 'gone', which is not in 'runs'"),
    ],
    ids=lambda each: "" if isinstance(each, str) else next(iter(each)),
)
def test_what_only_another_run_names_is_asked_for(
    config: dict[str, object], said: str, folder: Path, mnistcli: Call
) -> None:
    change_config(folder, **config)
    outcome = mnistcli("train", "--like", "linear-001", "-q")
    assert outcome.code in (2, 4)
    (sentence,) = outcome.err.splitlines()
    assert said in sentence


def test_settings_contradict_resume(mnistcli: Call) -> None:
    for flags in (("--like", "x"), ("--config", "x"), ("--print-config",)):
        outcome = mnistcli("train", "--resume", "latest", *flags)
        assert outcome.code == 2
        assert f"{flags[0]} contradicts --resume" in outcome.err
