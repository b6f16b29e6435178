import re
from pathlib import Path

import numpy as np

from tests.conftest import Call, svg_texts


def test_compare_trains_what_is_missing_then_nothing(mnistcli: Call, tmp_path: Path) -> None:
    first = mnistcli("compare", "linear", "builtin", "--plot", "out.svg", "--json")
    assert first.code == 0
    assert "training one first" in first.err
    assert [run["run"] for run in first.json["runs"]] == ["linear-001", "builtin"]
    said = svg_texts(tmp_path / "out.svg")
    assert {"linear-001, training", "linear-001, validation", "images read wrong"} <= set(said)
    for run in first.json["runs"]:
        assert said[said.index(run["run"]) + 1] == f"{100 * run['accuracy']:.2f} % of 10,000 test images"
    again = mnistcli("compare", "linear", "builtin", "--no-train")
    assert again.code == 0
    assert "training" not in again.err
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
    assert list(pair) == ["a", "b", "both_right", "only_a_right", "only_b_right", "both_wrong", "p_value"]
    assert pair["both_right"] + pair["only_a_right"] == round(a["accuracy"] * 10_000)
    assert pair["both_right"] + pair["only_b_right"] == round(b["accuracy"] * 10_000)
    assert sum(pair[key] for key in ("both_right", "only_a_right", "only_b_right", "both_wrong")) == 10_000
    assert 0 <= pair["p_value"] < 1e-6


def test_the_difference_of_two_runs_is_how_many_more_images_the_second_has_in_each_cell(
    mnistcli: Call, workspace: Path
) -> None:
    a, b = (run["confusion"] for run in mnistcli("compare", "linear", "dense", "--json", cwd=workspace).json["runs"])
    table = mnistcli("compare", "linear", "dense", "--format", "table", cwd=workspace).out
    rows = [line.split() for line in table.partition("dense-001 minus linear-001")[2].splitlines()]
    shown = {row[0]: row[1:] for row in rows if len(row) == 11 and row[0].isdecimal()}
    for label, change in enumerate((np.array(b) - np.array(a)).tolist()):
        assert shown[str(label)] == [f"{n:+d}" if n else "·" for n in change]


def test_a_difference_is_green_where_it_is_good_and_red_where_it_is_not(mnistcli: Call, workspace: Path) -> None:
    arguments = ("compare", "linear", "dense", "--format", "table", "--color", "always")
    table = mnistcli(*arguments, cwd=workspace).out.partition("dense-001 minus linear-001")[2]
    rows = [re.findall(r"\x1b\[(?:2|37;48;5;(\d+))m *([+-]\d+|·)", line) for line in table.splitlines()]
    signs = set()
    for i, row in enumerate([row for row in rows if len(row) == 10]):
        for j, (colour, change) in enumerate(row):
            if colour not in ("", "16"):  # nothing, or too little to be seen
                red, green = (int(colour) - 16) // 36, (int(colour) - 16) // 6 % 6
                assert (green > red) == ((change[0] == "+") == (i == j))
                signs.add((change[0], i == j))
    assert len(signs) >= 3


def test_more_than_two_runs_give_every_pair_and_the_table_says_which_is_better(mnistcli: Call, workspace: Path) -> None:
    outcome = mnistcli("compare", "linear-001", "dense-001", "builtin", "--format", "table", cwd=workspace)
    assert outcome.code == 0
    assert "builtin is better" in outcome.out
    assert "not corrected" in outcome.out
    assert outcome.out.count("McNemar's exact test") == 3


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
