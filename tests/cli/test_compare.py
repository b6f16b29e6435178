import shutil
from pathlib import Path

import pytest

from tests.conftest import DARK, Call, paper_of, svg_texts


def test_compare_trains_what_is_missing_then_nothing(mnistcli: Call, tmp_path: Path) -> None:
    first = mnistcli("compare", "linear", "builtin", "--plot", "out.svg", "--json", "--theme", "dark")
    assert first.code == 0
    assert "training one first" in first.err
    assert [run["run"] for run in first.json["runs"]] == ["linear-001", "builtin"]
    said = svg_texts(tmp_path / "out.svg")
    assert {"linear-001", "mistaken for", "misread images"} <= set(said)
    assert paper_of(tmp_path / "out.svg") == DARK
    for name in ("curves.png", "confusion.png"):  # of what was trained on the way
        assert paper_of(Path("runs/linear-001", name)) == DARK
    for run in first.json["runs"]:
        title = said.index(f"{100 * run['accuracy']:.2f} % of 10,000 test images")
        assert said[title - 1] == run["run"]
    again = mnistcli("compare", "linear", "builtin", "--no-train")
    assert again.code == 0
    assert "training one first" not in again.err
    assert [path.name for path in Path("runs").iterdir()] == ["linear-001"]


def test_the_pairs_counts_and_p_value_agree_with_the_runs(mnistcli: Call, workspace: Path) -> None:
    found = mnistcli("compare", "linear", "dense", "--json", cwd=workspace).json
    assert set(found["runs"][0]) >= {
        "run",
        "split",
        "n",
        "accuracy",
        "confusion",
        "per_class",
        "parameters",
        "train_seconds",
    }
    a, b = found["runs"]
    (pair,) = found["pairs"]
    assert list(pair) == ["a", "b", "both_right", "only_a_right", "only_b_right", "both_wrong",
                          "difference", "difference_ci95", "p_value", "p_holm", "networks"]  # fmt: skip
    assert pair["difference"] == pytest.approx(a["accuracy"] - b["accuracy"])
    assert pair["difference_ci95"][0] < pair["difference"] < pair["difference_ci95"][1] < 0
    assert pair["p_holm"] == pair["p_value"]
    assert (found["cochran_q"], found["cochran_p"]) == (None, None)
    assert pair["both_right"] + pair["only_a_right"] == round(a["accuracy"] * 10_000)
    assert pair["both_right"] + pair["only_b_right"] == round(b["accuracy"] * 10_000)
    assert sum(pair[key] for key in ("both_right", "only_a_right", "only_b_right", "both_wrong")) == 10_000
    assert 0 <= pair["p_value"] < 1e-6


def test_more_than_two_runs_give_every_pair_and_the_table_says_which_is_better(mnistcli: Call, workspace: Path) -> None:
    outcome = mnistcli("compare", "linear-001", "dense-001", "builtin", "--format", "table", cwd=workspace)
    assert outcome.code == 0
    assert "The run builtin is better" in outcome.out
    assert "Cochran's Q" in outcome.out
    assert outcome.out.count("(interval ") == 3


def test_no_train_refuses_a_missing_architecture(mnistcli: Call) -> None:
    outcome = mnistcli("compare", "--no-train")
    assert outcome.code == 4
    assert "dense" in outcome.err
    assert not Path("runs").exists()


def test_an_unknown_run_is_refused_before_anything_is_trained(mnistcli: Call) -> None:
    outcome = mnistcli("compare", "linear", "nonesuch")
    assert outcome.code == 4
    assert "nonesuch" in outcome.err
    assert not Path("runs").exists()


def test_compare_takes_the_logits_that_a_run_kept_and_computes_them_where_there_are_none(
    mnistcli: Call, workspace: Path, tmp_path: Path
) -> None:
    shutil.copytree(workspace / "runs", tmp_path / "runs")
    kept = tmp_path / "runs/linear-001/test.safetensors"
    whole = mnistcli("compare", "linear", "dense", "--json").json
    content = kept.read_bytes()
    kept.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    damaged = mnistcli("compare", "linear", "dense")
    assert damaged.code == 4
    assert "test.safetensors' is damaged" in damaged.err
    kept.unlink()
    assert mnistcli("compare", "linear", "dense", "--json").json == whole
