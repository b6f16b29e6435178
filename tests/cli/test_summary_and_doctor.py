import sys
from pathlib import Path

import pytest

from tests.conftest import DARK, Call, paper_of, svg_texts


def test_summary_counts_parameters_and_multiply_accumulates_of_the_study_s_networks(mnistcli: Call) -> None:
    cnn = mnistcli("summary", "cnn", "--json").json
    assert cnn["parameters"] == (9 * 32 + 32) + (13 * 13 * 32 * 100 + 100) + (100 * 10 + 10)
    assert cnn["multiply_accumulates"] == 26 * 26 * 9 * 32 + 13 * 13 * 32 * 100 + 100 * 10
    assert [layer["output_shape"] for layer in cnn["layers"]] == [
        [28, 28, 1], [26, 26, 32], [13, 13, 32], [5408], [100], [10],
    ]  # fmt: skip
    assert mnistcli("summary", "dense", "--json").json["parameters"] == 407_050
    assert mnistcli("summary", "linear", "--json").json["parameters"] == 7_850


def test_summary_describes_a_run_and_draws_the_diagram(
    mnistcli: Call, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNISTCLI_THEME", "dark")
    outcome = mnistcli("summary", "dense-001", "--plot", tmp_path / "dense.svg", "--json", cwd=workspace)
    assert outcome.json["arch"] == "dense"
    said = svg_texts(tmp_path / "dense.svg")
    assert "dense has 407,050 parameters, 98.7 % of them in dense1" in " ".join(said)
    assert paper_of(tmp_path / "dense.svg") == DARK
    assert [text for text in said if text in ("28 × 28 × 1", "784", "512", "10")] == ["28 × 28 × 1", "784", "512", "10"]


def test_doctor_trains_two_steps_and_leaves_nothing_behind(mnistcli: Call, tmp_path: Path) -> None:
    found = mnistcli("doctor", "--json").json
    assert found["ok"]
    checks = {check["name"]: check for check in found["checks"]}
    assert "cpu" in checks["devices"]["value"]
    assert checks["two training steps"]["ok"]
    assert list(tmp_path.iterdir()) == []


def test_doctor_tells_a_runs_folder_that_cannot_be_used(mnistcli: Call, tmp_path: Path) -> None:
    (tmp_path / "afile").write_text("")
    outcome = mnistcli("doctor", "--runs-dir", "afile", "--json")
    assert outcome.code == 1
    assert not outcome.json["ok"]


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="Path.exists raises nothing any more")
def test_doctor_tells_a_runs_folder_that_cannot_be_looked_up(mnistcli: Call) -> None:
    outcome = mnistcli("doctor", "--runs-dir", "x" * 300, "--json")
    assert outcome.code == 1
    (check,) = [each for each in outcome.json["checks"] if each["name"] == "runs folder"]
    assert not check["ok"]
    assert "File name too long" in check["value"]
