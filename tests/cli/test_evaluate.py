import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.special import log_softmax

from mnistcli.commands.classifier import logits_of
from mnistcli.datasets import load
from mnistcli.runs import load_model
from mnistcli.runs.run import BUILTIN
from mnistcli.vision.corruptions import corrupt
from tests.conftest import DARK, Call, paper_of, svg_texts

KEYS = [
    "schema",
    "run",
    "arch",
    "split",
    "n",
    "accuracy",
    "accuracy_ci95",
    "rejected",
    "loss",
    "loss_calibrated",
    "brier",
    "calibration_error",
    "calibration_error_uncalibrated",
    "reliability",
    "coverage",
    "suggested",
    "macro",
    "confusion",
    "per_class",
    "cost",
]


def test_evaluate_json_agrees_with_a_count_by_hand(mnistcli: Call, workspace: Path) -> None:
    outcome = mnistcli("evaluate", "linear", "--json", cwd=workspace)
    assert outcome.code == 0
    found = outcome.json
    assert list(found) == KEYS
    test = load("mnist").test
    model = load_model(workspace / "runs/linear-001/model.safetensors")
    answers = logits_of(model, test.images).argmax(1)
    assert found["n"] == 10_000
    assert found["accuracy"] == (answers == test.labels).mean()
    for true in range(10):
        for predicted in range(10):
            assert found["confusion"][true][predicted] == ((test.labels == true) & (answers == predicted)).sum()
    seven = found["per_class"][7]
    hits = ((answers == 7) & (test.labels == 7)).sum()
    assert seven["label"] == 7
    assert np.isclose(seven["precision"], hits / (answers == 7).sum())
    assert np.isclose(seven["recall"], hits / (test.labels == 7).sum())
    assert seven["support"] == 1028
    low, high = found["accuracy_ci95"]
    assert low < found["accuracy"] < high


def test_of_a_network_that_rejects_refusals_are_counted_and_the_loss_is_of_what_predict_says(mnistcli: Call) -> None:
    found, test = mnistcli("evaluate", "builtin", "--json").json, load("mnist").test
    model = load_model(BUILTIN)
    scores = np.pad(logits_of(model, test.images).astype(float), ((0, 0), (0, 1)))
    assert found["rejected"] == (scores.argmax(1) == 10).sum() > 0
    assert found["accuracy"] == (scores[:, :10].argmax(1) == test.labels).mean()
    by_label = np.arange(10_000), test.labels
    assert found["loss"] == pytest.approx(-log_softmax(scores, axis=1)[by_label].mean(), rel=1e-4)
    calibrated = log_softmax(scores / model.temperature, axis=1)
    assert found["loss_calibrated"] == pytest.approx(-calibrated[by_label].mean(), rel=1e-4)
    assert found["brier"] == pytest.approx(
        ((np.exp(calibrated[:, :10]) - np.eye(10)[test.labels]) ** 2).sum(1).mean(), rel=1e-3
    )


def test_loss_is_of_the_logits_and_calibration_of_what_predict_says_in_15_bins(mnistcli: Call, workspace: Path) -> None:
    found = mnistcli("evaluate", "dense", "--json", cwd=workspace).json
    test, model = load("mnist").test, load_model(workspace / "runs/dense-001/model.safetensors")
    scores = logits_of(model, test.images).astype(float)
    assert found["loss"] == pytest.approx(-log_softmax(scores, axis=1)[np.arange(10_000), test.labels].mean(), rel=1e-4)
    probabilities = np.exp(log_softmax(scores / model.temperature, axis=1))
    confidences, right = probabilities.max(1), probabilities.argmax(1) == test.labels
    edges = np.linspace(0, 1, 16)
    bins = [(low < confidences) & (confidences <= high) for low, high in pairwise(edges)]
    losses = -np.log(probabilities[np.arange(10_000), test.labels])
    assert found["loss_calibrated"] == pytest.approx(losses.mean(), rel=1e-4)
    distances = ((probabilities - np.eye(10)[test.labels]) ** 2).sum(1)
    assert found["brier"] == pytest.approx(distances.mean(), rel=1e-4)
    assert [each["n"] for each in found["reliability"]] == [each.sum() for each in bins]
    for point in (*found["coverage"], found["suggested"]):
        answered = confidences >= point["min_confidence"]
        assert (point["coverage"], point["accuracy"]) == (answered.mean(), pytest.approx(right[answered].mean()))
    gaps = [each.mean() * abs(confidences[each].mean() - right[each].mean()) for each in bins if each.any()]
    assert found["calibration_error"] == pytest.approx(sum(gaps), rel=1e-3)


def test_cost_is_the_network_s_the_file_s_and_the_training_s(mnistcli: Call, workspace: Path) -> None:
    record = json.loads((workspace / "runs/linear-001/run.json").read_text())
    assert mnistcli("evaluate", "linear", "--json", cwd=workspace).json["cost"] == {
        "parameters": 7850,
        "multiply_accumulates": 7840,
        "model_bytes": (workspace / "runs/linear-001/model.safetensors").stat().st_size,
        "train_seconds": record["results"]["train_seconds"],
    }
    foreign = mnistcli("evaluate", "runs/linear-001/model.onnx", "--json", cwd=workspace).json["cost"]
    assert (foreign["parameters"], foreign["multiply_accumulates"], foreign["train_seconds"]) == (7850, None, None)


def test_corruptions_are_scored_on_the_images_that_they_make(mnistcli: Call, workspace: Path, tmp_path: Path) -> None:
    figure, html = tmp_path / "heat.svg", tmp_path / "page.html"
    files = ("--plot", figure, "--html", html, "--theme", "dark")
    arguments = ("evaluate", "linear", "--corrupt", "shear,fog", "--json", *files, "--fail-under", "0.8")
    outcome = mnistcli(*arguments, cwd=workspace)
    found, clean = outcome.json, mnistcli("evaluate", "linear", "--json", cwd=workspace).json
    assert outcome.code == 1, "the mean is under 0.8, if the accuracy is not"
    assert (found["accuracy"], found["loss"]) == (clean["accuracy"], clean["loss"])
    assert [each["name"] for each in found["corruptions"]] == ["shear", "fog"]
    accuracies = [each["accuracy"] for each in found["corruptions"]]
    assert found["mean_corrupted_accuracy"] == pytest.approx(np.mean(accuracies))
    test, model = load("mnist").test, load_model(workspace / "runs/linear-001/model.safetensors")
    shear = found["corruptions"][0]
    answers = logits_of(model, corrupt(test.images, "shear")).argmax(1)
    assert shear["accuracy"] == (answers == test.labels).mean()
    assert shear["recall"][3] == (answers == test.labels)[test.labels == 3].mean()
    assert shear["relative_error"] == pytest.approx((1 - shear["accuracy"]) / (1 - found["accuracy"]))
    said = svg_texts(figure)
    assert paper_of(figure) == DARK
    assert f"shear  {shear['accuracy'] * 100:.1f} %" in said
    assert f"{shear['recall'][3] * 100:.0f}" in said
    page = html.read_text(encoding="utf-8")
    assert f'<th scope="row">shear</th><td>{shear["accuracy"] * 100:.2f} %</td>' in page
    assert len(page) < 3_000_000
    assert "learning rate" in page
    assert "DataChoice(" not in page


def test_corruptions_are_named_with_commas_and_an_unknown_one_is_refused(mnistcli: Call, workspace: Path) -> None:
    chosen = mnistcli("evaluate", "linear", "--corrupt", "stripe, brightness,stripe", cwd=workspace)
    assert [line.split("\t")[0] for line in chosen.lines] == ["stripe", "brightness"]
    refused = mnistcli("evaluate", "--corrupt", "stripe,zigzak")
    assert refused.code == 2
    assert "Unknown corruption 'zigzak'" in refused.err
    assert "did you mean 'zigzag'?" in refused.err


def test_plot_calibration_draws_each_bin_s_count_and_the_suggested_threshold(
    mnistcli: Call, workspace: Path, tmp_path: Path
) -> None:
    asked = ("--plot-calibration", tmp_path / "c.svg", "--json", "--theme", "dark")
    found = mnistcli("evaluate", "dense", *asked, cwd=workspace).json
    said = svg_texts(tmp_path / "c.svg")
    assert paper_of(tmp_path / "c.svg") == DARK
    assert {str(each["n"]) for each in found["reliability"] if each["n"]} <= set(said)
    assert any(f"≥ {found['suggested']['min_confidence']:g}" in text for text in said)


def test_every_split_can_be_scored(mnistcli: Call, workspace: Path) -> None:
    sizes = {
        split: mnistcli("evaluate", "--split", split, "--json", cwd=workspace).json["n"]
        for split in ("validation", "train")
    }
    assert sizes == {"validation": 10_000, "train": 50_000}


def test_csv_begins_with_its_header_and_plain_is_a_line_a_key(mnistcli: Call, workspace: Path) -> None:
    assert (
        mnistcli("evaluate", "linear", "--format", "csv", cwd=workspace)
        .lines[0]
        .startswith("run,arch,split,n,accuracy")
    )
    plain = dict(line.split("\t") for line in mnistcli("evaluate", "linear", cwd=workspace).lines)
    assert plain["run"] == "linear-001"
    assert float(plain["accuracy"]) > 0.7


def test_the_table_names_the_worst_confusions_in_words(mnistcli: Call, workspace: Path) -> None:
    evaluation = mnistcli("evaluate", "linear", "--json", cwd=workspace).json
    confusion = np.array(evaluation["confusion"])
    np.fill_diagonal(confusion, 0)
    true, predicted = np.unravel_index(confusion.argmax(), confusion.shape)
    table = mnistcli("evaluate", "linear", "--format", "table", cwd=workspace).out
    assert f"{true} read as {predicted}: {confusion.max()}" in table


def test_fail_under_exits_1_only_below_the_bar_and_still_gives_the_result(mnistcli: Call, workspace: Path) -> None:
    missed = mnistcli("evaluate", "linear", "--fail-under", "0.999", "--json", cwd=workspace)
    assert missed.code == 1
    assert missed.json["run"] == "linear-001"
    assert mnistcli("evaluate", "linear", "--fail-under", "0.5", cwd=workspace).code == 0


def test_plot_draws_the_matrix(mnistcli: Call, workspace: Path, tmp_path: Path) -> None:
    for suffix in (".png", ".svg", ".pdf"):
        outcome = mnistcli("evaluate", "linear", "--plot", tmp_path / f"cm{suffix}", "--json", cwd=workspace)
        assert outcome.code == 0
    said, found = svg_texts(tmp_path / "cm.svg"), outcome.json
    right = sum(row[i] for i, row in enumerate(found["confusion"]))
    assert f"linear-001 reads {right:,} of 10,000 test images right" in said
    assert {str(count) for row in found["confusion"] for count in row if count} <= set(said)
    assert (tmp_path / "cm.pdf").read_bytes().startswith(b"%PDF")
    with Image.open(tmp_path / "cm.png") as figure:
        assert figure.format == "PNG"


def test_a_run_goes_by_path_by_name_by_architecture_and_as_the_latest(mnistcli: Call, workspace: Path) -> None:
    for text in ("dense-001", "dense", "latest", "runs/dense-001", "runs/dense-001/model.safetensors"):
        outcome = mnistcli("evaluate", text, "--json", cwd=workspace)
        assert outcome.json["run"] == "dense-001", text
        assert "dense-001" in outcome.err
    assert mnistcli("evaluate", "builtin", "--json").json["accuracy"] > 0.98
