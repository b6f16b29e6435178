from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnistcli.commands.answers import answers_of, with_names_of
from mnistcli.commands.audit import doubted_labels
from mnistcli.config import DataChoice
from mnistcli.datasets import Dataset, Split
from mnistcli.runs import Run, model_metadata
from mnistcli.runs.tensors import save_tensors

CONFIDENCES = np.array([0.96, 0.3, 0.94, 0.9999])  # that pixel 0, 1, … means a dog


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that is calibrated at a temperature of 2."""
    dog = 2 * np.log(CONFIDENCES / (1 - CONFIDENCES))
    tensors = {"output.kernel": np.stack([0 * dog, dog]).astype(np.float32), "output.bias": np.zeros(2, np.float32)}
    metadata = model_metadata(
        arch="linear",
        network="flatten",
        image_shape=(1, 4, 1),
        class_names=("cat", "dog"),
        dataset="pets",
        data_fingerprint="",
        pictures="whole",
        temperature=2.0,
        trained=tensors,
    )
    save_tensors(tmp_path / "model.safetensors", tensors, metadata)
    return Run("calibrated", tmp_path / "model.safetensors")


@pytest.fixture
def cats() -> Dataset:
    """Images of one pixel each, all of them called cats."""
    pixels = Split(255 * np.eye(4, dtype=np.uint8).reshape(4, 1, 4, 1), np.zeros(4, int))
    return Dataset(DataChoice(dataset="pets"), pixels, pixels.first(0), pixels.first(3), ("cat", "dog"), True, "", "")


def test_mistakes_come_with_the_calibrated_confidence_the_surest_first(run: Run, cats: Dataset) -> None:
    answers = answers_of(run, cats, split="train")
    found = answers.samples(~answers.right)
    assert [(each.index, each.label, each.predicted) for each in found] == [(i, "cat", "dog") for i in (3, 0, 2)]
    assert [each.confidence for each in found] == pytest.approx([0.9999, 0.96, 0.94])


def test_a_label_is_doubted_in_every_split_where_the_run_is_95_percent_sure_of_another(run: Run, cats: Dataset) -> None:
    found = doubted_labels(cats, run)
    assert [(each.split, each.index) for each in found] == [("train", 3), ("train", 0), ("test", 0)]
    assert {(each.kind, each.label, each.other_label) for each in found} == {("doubt", "cat", "dog")}


def test_classes_without_names_are_called_as_the_run_calls_them(run: Run, cats: Dataset) -> None:
    nameless = replace(cats, named=False, class_names=("0", "1"))
    assert with_names_of(run, nameless).class_names == ("cat", "dog")
    assert with_names_of(run, cats) == cats
