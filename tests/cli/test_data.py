import csv
import errno
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistcli.datasets import load
from mnistcli.datasets.export import PARTIAL
from tests.conftest import Call, svg_texts


def test_export_writes_the_pixels_with_their_labels_in_names_and_csv(mnistcli: Call, tmp_path: Path) -> None:
    assert mnistcli("data", "export", "--split", "test", "--limit", "100", "digits").code == 0
    test = load("mnist").test
    with (tmp_path / "digits" / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 100
    for i, row in enumerate(rows):
        assert row["file"] == f"test-{i:04d}-{test.labels[i]}.png"
        assert row["label"] == str(test.labels[i])
        assert np.array_equal(np.asarray(Image.open(tmp_path / "digits" / row["file"])), test.images[i, ..., 0])


def test_export_overwrites_nothing(mnistcli: Call, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    outcome = mnistcli("data", "export", "--limit", "1", tmp_path)
    assert outcome.code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_export_that_stops_leaves_nothing_and_can_be_repeated(
    mnistcli: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(_: Image.Image, path: Path) -> None:
        if path.name.startswith("test-0001"):
            raise OSError(errno.ENOSPC, "No space left on device")
        path.touch()

    arguments = ("data", "export", "--limit", "3", "--by-class", "digits")
    with monkeypatch.context() as patch:
        patch.setattr("PIL.Image.Image.save", save)
        outcome = mnistcli(*arguments)
    assert (outcome.code, "No space left" in outcome.err) == (2, True)
    assert not any(Path("digits").iterdir())
    killed = tmp_path / "digits" / f"{PARTIAL}1" / "7"
    killed.mkdir(parents=True)
    assert mnistcli(*arguments).code == 0
    assert sorted(entry.name for entry in Path("digits").iterdir()) == ["1", "2", "7", "labels.csv"]


def test_show_draws_the_labelled_grid_as_pixels_and_as_a_figure(mnistcli: Call, tmp_path: Path) -> None:
    outcome = mnistcli("data", "show", "--plot", "grid.svg", "--format", "table")
    labels = [str(label) for label in load("mnist").train.labels[:9]]
    for i, label in enumerate(labels):
        assert f"{label}  #{i}" in outcome.out
    assert "█" in outcome.out
    assert max(map(len, outcome.lines)) <= 80
    assert svg_texts(tmp_path / "grid.svg") == [*labels, "9 train images of mnist"]


def test_info_counts_every_image(mnistcli: Call) -> None:
    info = mnistcli("data", "info", "--json").json
    assert [split["images"] for split in info["splits"]] == [50_000, 10_000, 10_000]
    for split in info["splits"]:
        assert sum(split["per_class"]) == split["images"]
    assert info["image_shape"] == [28, 28, 1]
    assert len(info["fingerprint"]) == 64


def test_verify_finds_the_embedded_files_whole(mnistcli: Call) -> None:
    verdict = mnistcli("data", "verify", "--json").json
    assert verdict["ok"]
    assert len(verdict["files"]) == 4
