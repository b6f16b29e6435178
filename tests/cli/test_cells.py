"""From a cell of the confusion matrix to its images, and the images on which two runs differ."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnistcli.commands.classifier import logits_of
from mnistcli.datasets import load
from mnistcli.metrics.scores import softmax
from mnistcli.runs import load_model
from tests.conftest import DARK, Call, paper_of, svg_texts

SHOW = ("data", "show", "--split", "test", "--count", "10000", "--format", "jsonl")


@pytest.fixture(scope="module")
def probabilities(workspace: Path) -> dict[str, np.ndarray]:
    """Each run's probabilities of the test images, [10,000, 10], computed beside the program's front door."""
    models = {name: load_model(workspace / f"runs/{name}-001/model.safetensors") for name in ("linear", "dense")}
    images = load("mnist").test.images
    return {name: softmax(logits_of(each, images), temperature=each.temperature) for name, each in models.items()}


def shown(mnistcli: Call, workspace: Path, *arguments: object) -> list[dict[str, Any]]:
    outcome = mnistcli(*SHOW, *arguments, cwd=workspace)
    assert outcome.code == 0, outcome.err
    return [json.loads(line) for line in outcome.lines]


def by_hand(probabilities: np.ndarray, chosen: np.ndarray) -> list[int]:
    """Return the chosen images, the most confident first."""
    return sorted(np.flatnonzero(chosen).tolist(), key=lambda i: -probabilities[i].max())


@pytest.mark.parametrize(("how", "predicted"), [("--wrong", 9), ("--right", 4)])
def test_a_cell_is_all_of_its_images_the_most_confident_first(
    how: str, predicted: int, mnistcli: Call, workspace: Path, probabilities: dict[str, np.ndarray]
) -> None:
    said, labels = probabilities["linear"], load("mnist").test.labels
    rows = shown(mnistcli, workspace, how, "linear", "--true", "4", "--predicted", predicted)
    assert [row["index"] for row in rows] == by_hand(said, (labels == 4) & (said.argmax(1) == predicted))
    assert [row["confidence"] for row in rows] == pytest.approx([said[row["index"]].max() for row in rows])
    assert {(row["label"], row["predicted"], row["run"]) for row in rows} == {(4, predicted, "linear-001")}


def test_flips_are_what_one_run_reads_wrong_and_the_other_right_with_both_answers(
    mnistcli: Call, workspace: Path, probabilities: dict[str, np.ndarray], tmp_path: Path
) -> None:
    linear, dense, labels = probabilities["linear"], probabilities["dense"], load("mnist").test.labels
    asked = ("--wrong", "linear", "--right", "dense", "--predicted", "9", "--index", "100:9000", "--count", "9")
    rows = shown(mnistcli, workspace, *asked, "--plot", tmp_path / "flips.svg", "--theme", "dark")
    chosen = (linear.argmax(1) == 9) & (labels != 9) & (dense.argmax(1) == labels)
    chosen[:100] = chosen[9000:] = False
    assert [row["index"] for row in rows] == by_hand(linear, chosen)[:9]
    for row in rows:
        i = row["index"]
        assert (row["label"], row["predicted"], row["other_predicted"]) == (labels[i], 9, labels[i])
        assert (row["confidence"], row["other_confidence"]) == pytest.approx((linear[i].max(), dense[i].max()))
        assert (row["run"], row["other_run"]) == ("linear-001", "dense-001")
    captions = [text for row in rows for text in (str(row["label"]), "read as 9", f"and as {row['label']}")]
    said = svg_texts(tmp_path / "flips.svg")
    assert said[: len(captions)] == captions
    title = f"{len(rows)} test images of mnist that linear-001 reads as 9 and dense-001 reads correctly"
    assert " ".join(said[len(captions) :]) == title
    assert paper_of(tmp_path / "flips.svg") == DARK


def test_compare_draws_what_only_one_of_two_runs_reads_right_with_both_confidences(
    mnistcli: Call, workspace: Path, probabilities: dict[str, np.ndarray], tmp_path: Path
) -> None:
    linear, dense, labels = probabilities["linear"], probabilities["dense"], load("mnist").test.labels
    asked = ("--plot-flips", tmp_path / "flips.svg", "--json", "--theme", "dark")
    (pair,) = mnistcli("compare", "linear", "dense", *asked, cwd=workspace).json["pairs"]
    right, other_right = linear.argmax(1) == labels, dense.argmax(1) == labels
    expected = []
    for letter, wrong, chosen in (("A", dense, right & ~other_right), ("B", linear, other_right & ~right)):
        for i in by_hand(wrong, chosen)[:16]:
            a, b = (f"{each[i].argmax()}, {100 * each[i].max():.0f} %" for each in (linear, dense))
            expected += [f"true: {labels[i]}", f"A: {a}", f"B: {b}"]
        expected.append(f"Read right only by {letter}: {pair[f'only_{letter.lower()}_right']:,} (16 shown)")
    only_a, only_b = (f"{pair[f'only_{letter}_right']:,}" for letter in "ab")
    title = f"Images read right only by linear-001: {only_a}; only by dense-001: {only_b}"
    assert svg_texts(tmp_path / "flips.svg") == [*expected, title, "A: linear-001, B: dense-001."]
    assert paper_of(tmp_path / "flips.svg") == DARK


def test_flips_of_more_than_two_are_refused_before_anything_is_trained(mnistcli: Call) -> None:
    outcome = mnistcli("compare", "linear", "dense", "builtin", "--plot-flips", "flips.png")
    assert (outcome.code, outcome.out) == (2, "")
    assert "--plot-flips needs exactly two runs, not 3." in outcome.err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("--predicted 9", "--predicted needs a run"),
        ("--wrong linear --true 4 --predicted 4", "are read correctly: use --right linear"),
        ("--wrong linear --right dense --true 4 --predicted 4", "name another class with --predicted"),
        ("--right linear --true 4 --predicted 9", "are misread: use --wrong linear"),
        ("--wrong linear --true 4 --predicted nine", "has no class 'nine': expected 0, 1, 2, 3, 4, 5, 6, 7, 8, 9."),
    ],
)
def test_a_cell_that_cannot_be_is_refused_with_what_to_ask_for(
    asked: str, said: str, mnistcli: Call, workspace: Path
) -> None:
    outcome = mnistcli("data", "show", *asked.split(), cwd=workspace)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


def test_an_empty_cell_is_told_in_one_sentence_and_no_figure_is_drawn(
    mnistcli: Call, workspace: Path, probabilities: dict[str, np.ndarray], tmp_path: Path
) -> None:
    labels, answers = load("mnist").test.labels.tolist(), probabilities["linear"].argmax(1).tolist()
    seen = set(zip(labels, answers, strict=True))
    true, predicted = next(cell for cell in np.ndindex(10, 10) if cell not in seen)
    cell = ("--wrong", "linear", "--true", str(true), "--predicted", str(predicted))
    outcome = mnistcli(*SHOW, "-q", *cell, "--plot", tmp_path / "cell.png", cwd=workspace)
    assert (outcome.code, outcome.out) == (3, "")
    sentence = f"'mnist' has no test image of class {true} that linear-001 reads as {predicted}."
    assert outcome.err == f"mnistcli: {sentence}\n"
    assert not (tmp_path / "cell.png").exists()


def test_the_command_that_evaluate_names_shows_the_worst_cell(
    mnistcli: Call, workspace: Path, probabilities: dict[str, np.ndarray]
) -> None:
    where = ("--runs-dir", str(workspace / "runs"), "--dataset", "mnist", "--offline")
    outcome = mnistcli("evaluate", "linear", *where, "--format", "table")
    command = outcome.lines[outcome.lines.index("Images of the worst cell") + 1]
    program, *words = shlex.split(command)
    assert program == "mnistcli"
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (load("mnist").test.labels, probabilities["linear"].argmax(1)), 1)
    np.fill_diagonal(confusion, 0)
    rows = mnistcli(*words, "--count", "10000", "--json").json
    assert (rows["run"], rows["split"], len(rows["samples"])) == ("linear-001", "test", confusion.max())


def test_thumbnails_put_images_into_the_matrix_of_plot(mnistcli: Call, workspace: Path, tmp_path: Path) -> None:
    refused = mnistcli("evaluate", "dense", "--thumbnails", cwd=workspace)
    assert (refused.code, refused.out) == (2, "")
    assert "--thumbnails needs --plot FILE" in refused.err
    few, file = load("mnist").test.first(200), tmp_path / "few.npz"
    images, labels = few.images[..., 0], few.labels
    np.savez(file, x_train=images, y_train=labels, x_test=images, y_test=labels)
    asked = ("--dataset", file, "--plot", tmp_path / "cells.svg", "--thumbnails", "--json", "--theme", "dark")
    drawn = mnistcli("evaluate", "linear", *asked, cwd=workspace)
    assert drawn.code == 0, drawn.err
    counts = np.array(drawn.json["confusion"])
    said = set(svg_texts(tmp_path / "cells.svg"))
    assert any("Cells show up to 9 images each, the most confident first." in text for text in said)
    assert paper_of(tmp_path / "cells.svg") == DARK
    assert {f"{count:,}" for count in counts.ravel() if count} <= said
