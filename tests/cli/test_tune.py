"""Searching for settings: trials, the best again with new seeds, going on after a stop, and the rate range test."""

import json
import shlex
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mnistcli.commands.tune import is_poor
from mnistcli.results.tune import COMPLETE, Trial
from tests.conftest import DARK, Call, MakeOnce, paper_of, run_in, svg_texts

SEARCH = ("tune", "linear", "--limit", "600", "--epochs", "2", "--trials", "6", "--json")
for values in ("batch_size=16..200", "optimizer=sgd,adam", "lr=1e-4..0.5", "schedule=constant"):
    SEARCH += ("--space", values)
SMALL = ("--limit", "300", "--epochs", "1")


@pytest.fixture(scope="module")
def searched(make_once: MakeOnce) -> tuple[Path, Any]:
    """A folder with the search `linear-tune-001` and its figure, and what it printed."""

    def fill(folder: Path) -> None:
        (folder / "found.json").write_bytes(run_in(folder, *SEARCH, "--plot", "trials.svg", "--theme", "dark"))

    folder = make_once("tune", fill)
    return folder, json.loads((folder / "found.json").read_bytes())


def test_a_search_tries_the_recipe_first_and_then_what_it_draws_from_the_space(searched: tuple[Path, Any]) -> None:
    _, found = searched
    assert [trial["trial"] for trial in found["trials"]] == [*range(6)]
    recipe, *others = [trial["settings"] for trial in found["trials"]]
    assert recipe == {
        "lr": 0.01, "weight_decay": 0.0, "batch_size": 32, "optimizer": "sgd", "schedule": "constant",
    }  # fmt: skip
    assert {each["optimizer"] for each in others} == {"sgd", "adam"}
    assert all(1e-4 <= each["lr"] <= 0.5 and 16 <= each["batch_size"] <= 200 for each in others)
    assert len({each["lr"] for each in others}) == len(others)


def test_the_best_are_trained_again_beside_the_recipe_and_the_best_mean_is_recommended(
    searched: tuple[Path, Any], mnistcli: Call
) -> None:
    folder, found = searched
    finalists = found["finalists"]
    ranked = sorted(found["trials"][1:], key=lambda trial: (trial["status"] != COMPLETE, -trial["validation_accuracy"]))
    assert {each["trial"] for each in finalists} == {0, *(trial["trial"] for trial in ranked[:3])}
    assert all(each["seeds"] == [1, 2, 3] for each in finalists)
    for each in finalists:
        assert each["mean"] == pytest.approx(statistics.fmean(each["validation_accuracies"]))
    best = max(finalists, key=lambda each: each["mean"])
    assert found["recommended"] == best["trial"]
    assert found["command"][:4] == ["mnistcli", "train", "--arch", "linear"]
    trained = mnistcli(*found["command"][1:], "--seed", "2", "--no-plots", "--json").json
    assert trained["validation_accuracy"] == best["validation_accuracies"][1]
    assert not (folder / "runs/linear-001").exists()


def test_a_search_that_was_stopped_goes_on_to_the_same_trials(searched: tuple[Path, Any], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mnistcli", *SEARCH]
    kept = tmp_path / "runs/linear-tune-001/search.json"
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not (kept.exists() and json.loads(kept.read_bytes())["trials"]):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130
    assert said.decode().endswith("Interrupted; to continue, run 'mnistcli tune --resume linear-tune-001'.\n")
    command = [sys.executable, "-m", "mnistcli", "tune", "--resume", "linear-tune-001", "--json"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    before = len(json.loads(kept.read_bytes())["trials"])
    while process.poll() is None and len(json.loads(kept.read_bytes())["trials"]) == before:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    done = json.loads(subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout)
    _, found = searched
    assert {each["trial"] for each in done["finalists"]} >= {0}
    for ours, theirs in zip(done["trials"], found["trials"], strict=True):
        assert ours["settings"] == theirs["settings"]
        epochs = min(len(ours["validation"]), len(theirs["validation"]))  # one was perhaps pruned
        assert ours["validation"][:epochs] == theirs["validation"][:epochs]


def test_the_figure_has_a_panel_for_each_setting(searched: tuple[Path, Any]) -> None:
    folder, _ = searched
    texts = svg_texts(folder / "trials.svg")
    for name in ("lr", "weight decay", "batch size", "optimizer", "schedule"):
        assert name in texts
    assert any("diamond: the recipe; ringed: recommended." in text for text in texts)
    assert "validation images, the recipe" in " ".join(texts) or "does better than the recipe" in " ".join(texts)
    assert paper_of(folder / "trials.svg") == DARK


def test_a_trial_is_pruned_when_its_best_is_below_the_median_at_its_epoch() -> None:
    def trial(*validation: float) -> Trial:
        return Trial(1, 0, {}, COMPLETE, validation, 1.0)

    before = [trial(0.5, 0.9), trial(0.6, 0.7), trial(0.7, 0.8), trial(0.8)]
    assert is_poor([0.64], before)
    assert not is_poor([0.66], before)
    assert not is_poor([0.1, 0.2], before)  # only three had a second epoch
    assert not is_poor([0.8, 0.1], [*before, trial(0.1, 0.2)])  # its best counts: 0.8, where the median is 0.75


def test_a_dropout_rate_is_drawn_where_the_network_has_one(mnistcli: Call) -> None:
    network = "dense 8, relu, dropout 0.2"
    outcome = mnistcli(
        "tune", network, "--limit", "300", "--epochs", "1", "--trials", "2", "--space", "lr=1e-3", "--json"
    )
    recipe, drawn = outcome.json["trials"]
    assert recipe["settings"]["dropout"] == 0.2
    assert 0 <= drawn["settings"]["dropout"] <= 0.6
    assert drawn["settings"]["lr"] == 0.001
    assert "dropout" in shlex.join(outcome.json["command"])


def test_a_rate_range_test_suggests_a_tenth_of_the_rate_with_the_least_loss(mnistcli: Call, tmp_path: Path) -> None:
    drawn = ("--plot", "rates.svg", "--theme", "dark")
    outcome = mnistcli("tune", "linear", "--lr-range", "--limit", "600", *drawn, "--json")
    found = outcome.json
    assert found["rates"] == sorted(found["rates"])
    assert found["least"] == found["rates"][found["losses"].index(min(found["losses"]))]
    assert found["suggested"] == pytest.approx(found["least"] / 10, rel=0.06)
    assert found["losses"][0] == pytest.approx(2.3, abs=0.4)  # nothing is learned at the lowest rate: ln 10
    said = svg_texts(tmp_path / "rates.svg")
    assert {"learning rate", f"lowest loss at {found['least']:.2g}", f"start with {found['suggested']:g}"} <= {
        text.strip() for text in said
    }
    assert paper_of(tmp_path / "rates.svg") == DARK
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "tune needs an architecture"),
        (("dens",), "did you mean 'dense'"),
        (("linear", "--trials", "0"), "--trials must be at least 1"),
        (("linear", "--for", "soon"), "as in 90s, 10m or 1h30m"),
        (("linear", "--for", "0s"), "'0s'"),
        (("linear", "--space", "rate=1..2"), "Unknown setting of --space 'rate'"),
        (("linear", "--space", "lr=2..1"), "'lr=2..1'"),
        (("linear", "--space", "lr=fast"), "'lr=fast'"),
        (("linear", "--space", "lr=-1,2"), "--lr must be a finite number above 0"),
        (("linear", "--space", "lr=0..1"), "--lr must be a finite number above 0"),
        (("linear", "--space", "batch_size=0,2"), "--batch-size must be at least 1"),
        (("linear", "--space", "optimizer=best"), "Unknown optimizer 'best'"),
        (("linear", "--space", "augment=perhaps"), "as in augment=on,off"),
        (("linear", "--space", "dropout=0..0.5"), "the network has no dropout layer"),
        (("dense 8, dropout 0.2", "--space", "dropout=0.5,1.5"), "dropout"),
        (("dense 8, dropout 0.2, dropout 0.3", "--space", "dropout=0..0.5"), "dropout layers of different rates"),
        (("linear", "--plot", "trials.txt"), "must end in"),
        (("linear", "--resume", "x"), "--resume continues a search with its own settings"),
        (("linear", "--lr-range", "--trials", "3"), "--lr-range only measures"),
        (("--resume", "x", "--seed", "3"), "--resume continues a search with its own settings"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence_and_leaves_nothing(
    arguments: tuple[str, ...], said: str, mnistcli: Call, tmp_path: Path
) -> None:
    outcome = mnistcli("tune", *arguments)
    assert outcome.code == 2
    assert said in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not any(tmp_path.iterdir())


def test_a_search_that_is_missing_or_damaged_is_told(mnistcli: Call, tmp_path: Path) -> None:
    assert "There is no search 'x'" in mnistcli("tune", "--resume", "x").err
    folder = tmp_path / "runs/torn"
    folder.mkdir(parents=True)
    (folder / "search.json").write_text('{"schema": "mnistcli.search/1"')
    outcome = mnistcli("tune", "--resume", "torn")
    assert (outcome.code, len(outcome.err.splitlines())) == (4, 1)
    assert "search.json is damaged" in outcome.err


def test_a_search_is_not_taken_for_a_run(searched: tuple[Path, Any], mnistcli: Call) -> None:
    for command in (("evaluate",), ("runs", "show"), ("train", "--resume")):
        outcome = mnistcli(*command, "linear-tune-001", cwd=searched[0])
        assert (outcome.code, len(outcome.err.splitlines())) == (4, 1)
        assert "is a search, not a run" in outcome.err


def test_a_class_in_flax_is_found_where_it_was_named(mnistcli: Call, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    mnistcli("init", "mine/net.py")
    outcome = mnistcli("tune", "mine/net.py:Net", *SMALL, "--trials", "1", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["command"][:4] == ["mnistcli", "train", "--arch", "mine/net.py:Net"]
