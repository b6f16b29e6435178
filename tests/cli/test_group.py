"""Groups: several trainings of one recipe, trained at once, and used together."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from mnistcli.datasets import load
from tests.conftest import DARK, Call, MakeOnce, in_terminal, paper_of, run_in, svg_texts

SMALL = ("--limit", "2000", "--epochs", "2", "--no-plots")
CONV = "conv 4 3x3 stride 2, relu, pool 2"


@pytest.fixture(scope="module")
def trained(make_once: MakeOnce) -> Path:
    """A folder with the group `trio` of a small convolutional network, and its seed 2 once more."""

    def fill(folder: Path) -> None:
        run_in(folder, "train", "--arch", CONV, *SMALL, "--seeds", "0,2,5", "--name", "trio")
        run_in(folder, "runs", "reproduce", "trio-s2", "--name", "alone")

    return make_once("group", fill)


def weights(run: Path) -> bytes:
    tensors = load_file(run / "model.safetensors")
    return b"".join(tensors[name].tobytes() for name in sorted(tensors))


def test_a_member_is_a_run_that_is_reproduced_to_the_bit_alone(trained: Path, mnistcli: Call) -> None:
    assert weights(trained / "runs/trio-s2") == weights(trained / "runs/alone")
    for run in ("trio-s2", "alone"):
        assert json.loads((trained / f"runs/{run}/run.json").read_bytes())["provenance"]["device"] == "cpu (1 thread)"
    assert weights(trained / "runs/trio-s0") != weights(trained / "runs/trio-s2")
    assert mnistcli("evaluate", "trio-s5", "--json", cwd=trained).json["run"] == "trio-s5"


def test_training_tells_of_every_run_and_of_all_together(mnistcli: Call) -> None:
    outcome = mnistcli("train", "--arch", "linear", "--seeds", "2", *SMALL, "--json")
    found = outcome.json
    assert (outcome.code, found["schema"], found["group"]) == (0, "mnistcli.train-group/1", "linear-group-001")
    assert [run["run"] for run in found["runs"]] == ["linear-group-001-s0", "linear-group-001-s1"]
    accuracies = [run["test_accuracy"] for run in found["runs"]]
    assert found["seeds"] == [0, 1]
    assert found["mean"] == pytest.approx(np.mean(accuracies))
    assert found["sd"] == pytest.approx(np.std(accuracies, ddof=1))
    assert (found["min"], found["max"]) == (min(accuracies), max(accuracies))
    for seed in (0, 1):
        assert f"seed {seed}  epoch 2/2" in outcome.err


def test_a_group_whose_curves_cannot_be_written_is_shown_with_exit_code_1(mnistcli: Call, tmp_path: Path) -> None:
    assert mnistcli("train", "--arch", "linear", "--seeds", "2", *SMALL, "--name", "pair").code == 0
    (tmp_path / "runs/pair/curves.png").mkdir()
    outcome = mnistcli("train", "--resume", "pair", "--seeds", "3", "--json")
    assert (outcome.code, outcome.json["seeds"]) == (1, [0, 1, 2])
    assert "curves.png" in outcome.err.splitlines()[-1]


def test_a_group_is_not_compared_with_a_single_run(trained: Path, mnistcli: Call) -> None:
    outcome = mnistcli("compare", "trio", "alone", cwd=trained)
    assert (outcome.code, outcome.out) == (2, "")
    assert "'alone' is neither a group nor an architecture" in outcome.err


def test_a_group_is_evaluated_run_by_run_and_as_an_ensemble(trained: Path, mnistcli: Call) -> None:
    found = mnistcli("evaluate", "trio", "--json", "--fail-under", "0.5", cwd=trained).json
    runs = [mnistcli("evaluate", f"trio-s{seed}", "--json", cwd=trained).json for seed in (0, 2, 5)]
    assert [run["accuracy"] for run in found["runs"]] == [run["accuracy"] for run in runs]
    assert found["mean"] == pytest.approx(np.mean([run["accuracy"] for run in runs]))
    assert found["ensemble"]["run"] == "trio"
    assert mnistcli("evaluate", "trio", "--corrupt", "fog", cwd=trained).code == 2
    assert found["ensemble"]["loss"] < max(run["loss"] for run in runs)
    assert mnistcli("evaluate", "trio", "--fail-under", "1", cwd=trained).code == 1


def test_predicting_with_a_group_takes_the_mean_of_its_runs_probabilities(trained: Path, mnistcli: Call) -> None:
    mnistcli("data", "export", "--limit", "5", trained / "digits", cwd=trained)
    pictures = sorted((trained / "digits").glob("*.png"))

    def probabilities(run: str) -> np.ndarray:
        lines = mnistcli("predict", *pictures, "--run", run, "--format", "jsonl", cwd=trained).lines
        assert {json.loads(line)["run"] for line in lines} == {run}
        return np.array([json.loads(line)["probabilities"] for line in lines])

    mean = np.mean([probabilities(f"trio-s{seed}") for seed in (0, 2, 5)], axis=0)
    assert probabilities("trio") == pytest.approx(mean, abs=1e-6)


def test_a_list_folds_a_group_on_a_terminal_and_names_it_in_every_row_elsewhere(trained: Path, mnistcli: Call) -> None:
    shown = in_terminal("runs", "list", cwd=trained)
    assert "trio" in shown
    assert "3 of 3 runs" in shown
    assert "trio-s0" not in shown
    assert "trio-s0" in in_terminal("runs", "list", "-v", cwd=trained)
    rows = mnistcli("runs", "list", "--json", cwd=trained).json["runs"]
    assert {row["run"]: row["group"] for row in rows} == {
        "trio-s0": "trio", "trio-s2": "trio", "trio-s5": "trio", "alone": None,
    }  # fmt: skip


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_group_that_was_stopped_goes_on_to_the_same_weights(
    how: signal.Signals, trained: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "mnistcli", "train", "--arch", CONV, *SMALL, "--seeds", "0,2,5", "--name", "trio"]
    command += ["--checkpoint-every", "5"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        checkpoint = tmp_path / "runs/trio-s0/last.safetensors"
        while not checkpoint.exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(how)
        _, said = process.communicate()
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert said.decode().endswith("Interrupted; to continue, run 'mnistcli train --resume trio'.\n")
    done = subprocess.run([sys.executable, "-m", "mnistcli", "train", "--resume", "trio", "--no-plots"], cwd=tmp_path)
    assert done.returncode == 0
    for seed in (0, 2, 5):
        assert weights(tmp_path / f"runs/trio-s{seed}") == weights(trained / f"runs/trio-s{seed}")


def test_a_group_is_extended_by_seeds_and_what_is_finished_stays(trained: Path, mnistcli: Call) -> None:
    before = (trained / "runs/trio-s0/run.json").read_bytes()
    assert not (trained / "runs/trio/curves.png").exists(), "it was trained with --no-plots"
    assert mnistcli("compare", "trio", "trio", cwd=trained).code == 2
    outcome = mnistcli("train", "--resume", "trio", "--seeds", "0", "--json", cwd=trained)
    assert outcome.code == 2
    more = ("train", "--resume", "trio", "--seeds", "0,2", "--json", "--theme", "dark")
    assert mnistcli(*more, cwd=trained).json["seeds"] == [0, 2, 5]
    assert (trained / "runs/trio-s0/run.json").read_bytes() == before
    assert paper_of(trained / "runs/trio/curves.png") == DARK


def test_a_member_that_fails_ends_the_group_with_its_sentence(mnistcli: Call) -> None:
    outcome = mnistcli("train", "--arch", "linear", "--seeds", "2", *SMALL, "--lr", "1e38")
    assert outcome.code == 1
    assert outcome.lines == []
    assert outcome.err.splitlines()[-1].startswith("mnistcli: The loss became infinite or no number in epoch 1")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("train", "--seeds", "0"), 2, "from 1 to 1000"),
        (("train", "--seeds", "many"), 2, "'many'"),
        (("train", "--seeds", "3,3"), 2, "twice"),
        (("train", "--seeds", "1,5000000000"), 2, "below 2**32"),
        (("train", "--seeds", "3", "--seed", "1"), 2, "--seed contradicts --seeds"),
        (("train", "--seeds", "2", "--resume", "nonesuch"), 2, "'nonesuch' is not one"),
        (("train", "--seeds", "2", "--arch", "net.py:Net"), 2, "net.py"),
        (("train", "--seeds", "2", "--dataset", "nowhere/"), 3, "nowhere/"),
        (("evaluate", "nonesuch-group-001"), 4, "nonesuch-group-001"),
        (("evaluate", "x" * 5000), 4, "There is no run"),
        (("train", "--dataset", "x" * 5000), 3, "xxx"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence_and_leaves_nothing(
    arguments: tuple[str, ...], code: int, said: str, mnistcli: Call
) -> None:
    outcome = mnistcli(*arguments)
    assert outcome.code == code
    assert said in outcome.err.splitlines()[-1]
    assert not any(Path("runs").glob("*"))


@pytest.mark.parametrize("command", ["export", "inspect", "runs show"])
def test_a_command_for_one_run_says_that_it_was_given_a_group(command: str, trained: Path, mnistcli: Call) -> None:
    more = ["model.onnx"] if command == "export" else []
    outcome = mnistcli(*command.split(), "trio", *more, cwd=trained)
    assert outcome.code == 4
    assert "'trio' is a group" in outcome.err


def test_a_group_of_another_folder_of_runs_is_named_by_that_folder(
    trained: Path, mnistcli: Call, tmp_path: Path
) -> None:
    elsewhere = mnistcli("evaluate", trained / "runs/trio")
    assert elsewhere.code == 4
    assert "--runs-dir" in elsewhere.err
    pictures = mnistcli("predict", "nothing.png", "--run", "trio", "--runs-dir", trained / "runs")
    assert pictures.code == 1


@pytest.mark.parametrize("content", [b"", b"{}", b'{"schema": "mnistcli.group/1", "members": {}}', b"[" * 100_000])
def test_a_damaged_group_is_told_and_never_followed(content: bytes, mnistcli: Call, tmp_path: Path) -> None:
    (tmp_path / "runs/odd").mkdir(parents=True)
    (tmp_path / "runs/odd/group.json").write_bytes(content)
    outcome = mnistcli("evaluate", "odd")
    assert outcome.code == 4
    assert "group.json is damaged" in outcome.err
    assert mnistcli("runs", "list").code == 0


def test_comparing_recipes_trains_what_is_missing_and_tells_of_seeds_added_after_a_look(
    mnistcli: Call, tmp_path: Path
) -> None:
    few = load("mnist").test.first(300)
    images, labels = few.images[..., 0], few.labels
    np.savez(tmp_path / "few.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    data = "--dataset", tmp_path / "few.npz"
    assert mnistcli("train", "--arch", "linear", "--seed", "1", "--no-plots", *data).code == 0
    first = mnistcli("compare", "linear", "dense", "--seeds", "2", "--json", *data)
    assert first.code == 0, first.err
    assert first.json["schema"] == "mnistcli.compare-groups/1"
    assert [group["seeds"] for group in first.json["groups"]] == [[0, 1], [0, 1]]
    assert first.json["groups"][0]["runs"] == ["linear-group-001-s0", "linear-001"]
    assert (first.json["pairs"][0]["verdict"], first.json["notes"]) == ("undecided", [])
    assert Path("runs/linear-group-001/curves.png").exists()
    asked = ("--no-train", "--json", "--plot-flips", "flips.svg")
    again = mnistcli("compare", "linear-group-001", "dense", *asked, *data)
    assert again.code == 0, again.err
    assert "A: linear-group-001, B: dense-group-001." in svg_texts(Path("flips.svg"))
    assert again.json == first.json
    assert mnistcli("compare", "linear", "dense", "--seeds", "3", "--no-train", *data).code == 4
    more = mnistcli("compare", "linear", "dense", "--seeds", "3", "--json", *data)
    assert "linear-group-001: training seed 2 first." in more.err
    assert [len(group["runs"]) for group in more.json["groups"]] == [3, 3]
    assert "linear-group-001 was compared with 2 seeds and now has 3" in more.json["notes"][0]
