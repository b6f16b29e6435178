import json
from dataclasses import asdict

import numpy as np
import pytest

from mnistcli.render.data import (
    audit_view,
    clean_view,
    dataset_view,
    export_view,
    file_checks_view,
    known_view,
    path_view,
    samples_view,
)
from mnistcli.results.data import DatasetSummary, FileCheck, Finding, Flip, KnownDataset, Sample, SplitSummary
from tests.render.reading import colour, on_terminal, rows, written

PICTURE = np.full((4, 30, 1), 90, np.uint8)
SAMPLES = (Sample(4, "7", PICTURE), Sample(15, "cat", PICTURE, "dog", 0.876), Sample(26, "1", PICTURE))


def test_samples_are_listed_by_index_and_label_and_what_a_run_says_of_them() -> None:
    view = samples_view(SAMPLES, dataset="mnist", split="test", columns=3)
    assert json.loads(written(view, "json")) == {
        "schema": "mnistcli.data-show/1", "dataset": "mnist", "split": "test",
        "samples": [
            {"index": 4, "label": 7}, {"index": 15, "label": "cat", "predicted": "dog", "confidence": 0.876},
            {"index": 26, "label": 1},
        ],
    }  # fmt: skip


def test_samples_are_drawn_in_rows_under_their_labels() -> None:
    right = [sample for sample in SAMPLES if sample.predicted is None] * 2
    shown = rows(samples_view(right, dataset="mnist", split="test", columns=3))
    assert ["7", "#4", "1", "#26", "7", "#4"] in shown
    assert ["1", "#26"] in shown
    narrow = on_terminal(samples_view(right, dataset="mnist", split="test", columns=3), width=64).plain
    caption, picture, *_ = [line.split() for line in narrow.splitlines()]
    assert (caption, [set(row) for row in picture]) == (["7", "#4", "1", "#26"], [{"▀"}, {"▀"}])
    assert narrow.count("▀") == 4 * 2 * 30


def test_a_mistake_is_drawn_with_the_answer_and_its_confidence() -> None:
    shown = rows(samples_view(SAMPLES[1:2], dataset="mnist", split="test", columns=3))
    assert ["cat", "#15"] in shown
    assert ["read", "as", "dog,", "88%"] in shown


def test_a_flip_has_both_runs_answers_and_plain_text_leaves_their_names_out() -> None:
    flip = Flip(15, "cat", PICTURE, "dog", 0.876, other_predicted="cat", other_confidence=0.654)
    view = samples_view([flip], dataset="pets", split="test", columns=3, runs=["dense-001", "cnn-001"])
    shown = rows(view)
    assert ["read", "as", "dog,", "88%"] in shown
    assert ["and", "as", "cat,", "65%"] in shown
    answers = {"predicted": "dog", "confidence": 0.876, "other_predicted": "cat", "other_confidence": 0.654}
    runs = {"run": "dense-001", "other_run": "cnn-001"}
    row = {"index": 15, "label": "cat"} | answers
    document = {"schema": "mnistcli.data-show/1", "dataset": "pets", "split": "test"} | runs | {"samples": [row]}
    assert json.loads(written(view, "json")) == document
    assert json.loads(written(view, "jsonl")) == {"schema": "mnistcli.data-show-row/1"} | row | runs
    assert written(view, "plain") == "15\tcat\tdog\t0.876\tcat\t0.654\n"


def test_pictures_lose_the_margins_that_all_of_them_have() -> None:
    picture = np.zeros((10, 20, 1), np.uint8)
    picture[4:6, 7:13] = 255
    shown = on_terminal(samples_view([Sample(0, "7", picture)], dataset="mnist", split="test", columns=1)).plain
    assert shown.count("▀") == 6


def test_a_data_set_s_images_are_counted_by_class_and_split() -> None:
    splits = (SplitSummary("train", 1030, (1000, 30)), SplitSummary("test", 25, (20, 5)))
    summary = DatasetSummary("pets", splits, (12, 10, 3), ("cat", "dog"), "abc123", "/data/pets")
    view = dataset_view(summary)
    shown = rows(view)
    for line in (
        "pets",
        "images 1,055 of 12 × 10 × 3, uint8",
        "classes 2: cat dog",
        "fingerprint abc123",
        "class train test",
        "cat 1,000 20",
        "dog 30 5",
        "all 1,030 25",
    ):
        assert line.split() in shown
    assert "/data/pets" in on_terminal(view).plain
    assert written(view, "csv") == "split,images,cat,dog\ntrain,1030,1000,30\ntest,25,20,5\n"
    document = json.loads(written(view, "json"))
    assert document == {"schema": "mnistcli.data-info/1", **json.loads(json.dumps(asdict(summary)))}


def test_a_damaged_file_is_told_from_one_as_published() -> None:
    checks = (FileCheck("images", "aa", "aa"), FileCheck("labels", "bb", "cc"), FileCheck("gone", "dd", None))
    view = file_checks_view(checks)
    shown = rows(view)
    assert ["images", "aa", "as", "published"] in shown
    assert ["labels", "cc", "DAMAGED"] in shown
    assert ["gone", "cannot", "be", "read", "DAMAGED"] in shown
    red, green, _ = colour(view, "as published")
    assert green > red
    red, green, _ = colour(view, "DAMAGED")
    assert red > green
    document = json.loads(written(view, "json"))
    assert [each["ok"] for each in document["files"]] == [True, False, False]
    assert document["ok"] is False
    assert json.loads(written(file_checks_view(checks[:1]), "json"))["ok"] is True


def test_known_data_sets_are_listed_with_what_is_here_and_what_is_to_fetch() -> None:
    view = known_view(
        (
            KnownDataset("mnist", (28, 28, 1), 10, 60_000, 10_000, 0, "digits", prepared=True),
            KnownDataset("letters", (28, 20, 1), 26, 88_800, 14_800, 1_524, "letters by hand"),
        )
    )
    shown = rows(view)
    for line in (
        "mnist 28 × 28 × 1 10 60,000 10,000 – yes digits",
        "letters 28 × 20 × 1 26 88,800 14,800 1,524 MB – letters by hand",
    ):
        assert line.split() in shown
    red, green, _ = colour(view, "yes")
    assert green > red
    assert written(view, "plain").splitlines()[1].split("\t") == [
        "letters", "28x20x1", "26", "88800", "14800", "1524", "letters by hand", "false",
    ]  # fmt: skip


def test_an_export_a_path_and_a_clean_up_are_told_with_their_numbers() -> None:
    assert "1,500 test images" in on_terminal(export_view("out", 1500, "test")).plain
    assert json.loads(written(export_view("out", 1500, "test"), "json"))["folder"] == "out"
    assert rows(path_view("/cache/data")) == [["/cache/data"]]
    assert written(path_view("/cache/data"), "plain") == "/cache/data\n"
    assert rows(clean_view(12_345_678)) == [["12.3", "MB", "freed"]]
    assert json.loads(written(clean_view(12_345_678), "json"))["freed_bytes"] == 12_345_678


def test_findings_are_counted_by_kind_and_listed_with_where_the_other_image_is() -> None:
    findings = (
        Finding("leak", "test", 3, "7", "train", 14, "7"),
        Finding("leak", "test", 4, "7", "train", 15, "7"),
        Finding("doubt", "train", 9, "cat", None, None, "dog", 0.987),
    )
    view = audit_view(findings, dataset="pets")
    shown = rows(view)
    assert ["0", "duplicates", "2", "leaks", "0", "conflicts", "1", "doubted", "labels"] in shown
    listed = [[word.lstrip("#") for word in row if word != "–"] for row in shown]
    assert ["leak", "test", "3", "7", "train", "14", "7"] in listed
    assert ["doubt", "train", "9", "cat", "dog", "98.70%"] in listed
    document = json.loads(written(view, "json"))
    assert document["counts"] == {"duplicate": 0, "leak": 2, "conflict": 0, "doubt": 1}
    assert document["dataset"] == "pets"
    first, _, doubt = document["findings"]
    assert (first["label"], first["other_label"], doubt["other_label"]) == (7, 7, "dog")
    assert (first["other_split"], first["other_index"]) == ("train", 14)
    assert written(view, "plain").splitlines()[0] == "leak\ttest\t3\t7\ttrain\t14\t7\t"


@pytest.mark.parametrize(("n", "said"), [(50, False), (1_053, True)])
def test_a_terminal_shows_fifty_findings_and_says_how_many_more_there_are(n: int, said: bool) -> None:
    findings = [Finding("doubt", "train", i, "cat", None, None, "dog", 0.9) for i in range(n)]
    shown = rows(audit_view(findings, dataset="pets"))
    assert sum(row[:1] == ["doubt"] for row in shown) == 50
    assert any(row[:3] == ["and", "1,003", "more;"] for row in shown) == said


def test_nothing_odd_is_told_without_a_table() -> None:
    (line,) = rows(audit_view((), dataset="pets"))
    assert " ".join(line) == "0 duplicates 0 leaks 0 conflicts 0 doubted labels"
