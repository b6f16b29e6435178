import json
import shutil
from pathlib import Path

import pytest

from mnistcli.runs.sums import seal, unseal
from tests.conftest import Call


def test_list_has_a_line_a_run_oldest_first(mnistcli: Call, workspace: Path) -> None:
    lines = mnistcli("runs", "list", cwd=workspace).lines
    assert [line.split("\t")[:4] for line in lines] == [
        ["linear-001", "linear", "mnist", "finished"],
        ["dense-001", "dense", "mnist", "finished"],
    ]


def test_show_tells_configuration_results_and_every_epoch(mnistcli: Call, workspace: Path) -> None:
    shown = mnistcli("runs", "show", "linear", "--json", cwd=workspace).json
    assert shown["run"] == "linear-001"
    assert shown["config"]["limit"] == 3000
    assert [epoch["epoch"] for epoch in shown["history"]] == [1, 2]
    assert 0.5 < shown["results"]["test_accuracy"] < 1


def test_a_damaged_record_is_listed_as_damaged_and_hides_no_other_run(mnistcli: Call, tmp_path: Path) -> None:
    assert mnistcli("train", "--arch", "linear", "--limit", "64", "--epochs", "1", "--no-plots").code == 0
    broken = tmp_path / "runs" / "broken"
    broken.mkdir()
    (broken / "run.json").write_text('{"schema": "mnistcli.run/1", "run": 7')
    lines = mnistcli("runs", "list").lines
    assert sorted(line.split("\t")[3] for line in lines) == ["damaged", "finished"]
    assert mnistcli("runs", "show", "broken").code == 4
    assert mnistcli("runs", "show", "latest", "--json").json["run"] == "linear-001"


def test_a_copied_run_goes_by_its_folder_s_name(mnistcli: Call, workspace: Path, tmp_path: Path) -> None:
    shutil.copytree(workspace / "runs" / "linear-001", tmp_path / "runs" / "moved")
    assert mnistcli("runs", "list").lines[0].split("\t")[0] == "moved"
    assert mnistcli("evaluate", "latest", "--json").json["run"] == "moved"


@pytest.mark.parametrize(
    "change",
    [{"results": {"test_accuracy": "abc"}}, {"provenance": {"argv": 5}}, {"results": []}, {"config": {}}],
    ids=str,
)
def test_values_of_the_wrong_kind_are_damage(
    mnistcli: Call, workspace: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    shutil.copytree(workspace / "runs" / "linear-001", tmp_path / "runs" / "linear-001")
    file = tmp_path / "runs" / "linear-001" / "run.json"
    file.write_text(json.dumps(seal(unseal(json.loads(file.read_text())) | change)))
    assert "damaged" in mnistcli("runs", "list", "--format", "table").out
    assert mnistcli("runs", "show", "linear-001", "--format", "table").code == 4


def test_runs_dir_is_moved_by_flag_and_by_environment(
    mnistcli: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    flags = ("train", "--arch", "linear", "--limit", "64", "--epochs", "1", "--no-plots")
    assert mnistcli(*flags, "--runs-dir", "here").code == 0
    monkeypatch.setenv("MNISTCLI_RUNS_DIR", "here")
    assert mnistcli(*flags).code == 0
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["linear-001", "linear-002"]
    assert not (tmp_path / "runs").exists()


def test_an_empty_folder_has_no_runs(mnistcli: Call) -> None:
    assert mnistcli("runs", "list", "--json").json["runs"] == []
    assert mnistcli("runs", "list").out == ""
