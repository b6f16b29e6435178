import multiprocessing
from pathlib import Path

import pytest

from mnistcli.errors import RunError, UsageError
from mnistcli.files import write_atomically
from mnistcli.models import configure
from mnistcli.runs import RunsFolder, Status


def claim(folder: str) -> str:
    return RunsFolder(Path(folder)).claim(configure("dense"), {}).path.name


def test_many_processes_that_claim_at_once_get_a_folder_each(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        names = pool.map(claim, [str(tmp_path)] * 20, chunksize=1)
    assert sorted(names) == [f"dense-{i:03d}" for i in range(1, 21)]


def test_runs_of_a_description_are_numbered_by_its_short_form_and_found_by_that_name(tmp_path: Path) -> None:
    runs = RunsFolder(tmp_path)
    arch = ", ".join(["residual(norm, relu)"] * 90 + ["dropout 0.5"])
    for text, name in (("dense 8, relu", "dense8-relu-001"), ("dense 8, relu", "dense8-relu-002"),
                       (arch, "res-res-res-res-res-res-001")):  # fmt: skip
        folder = runs.claim(configure(text), {})
        folder.save_best({}, {})
        folder.close(Status.FINISHED)
        assert (folder.path.name, runs.find(name).name) == (name, name)
    assert runs.find("latest").record().config.arch == arch


@pytest.mark.parametrize(
    "name", ["../x", "/x", "a/b", "", ".hidden", "nul\0", "esc\x1b[31m", "cnn", "latest", "builtin", "x" * 101]
)
def test_names_cannot_leave_the_folder_nor_stand_for_something_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        RunsFolder(tmp_path / "runs").claim(configure("dense"), {}, name=name)
    assert not (tmp_path / "runs").exists()


def test_latest_is_the_newest_finished_run(tmp_path: Path) -> None:
    runs = RunsFolder(tmp_path)
    for name, status in (("old", Status.FINISHED), ("new", Status.FINISHED), ("broken", Status.FAILED)):
        folder = runs.claim(configure("dense"), {}, name=name)
        folder.save_best({}, {})
        folder.close(status)
    assert runs.find("latest").name == runs.find("dense").name == "new"
    assert runs.find("broken").name == "broken"
    with pytest.raises(RunError, match="cnn"):
        runs.find("cnn")


def test_a_failed_write_leaves_the_old_content_and_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        write_atomically(path, b"new")
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("file", b"old")]
