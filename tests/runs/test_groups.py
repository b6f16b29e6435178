from dataclasses import replace
from pathlib import Path

from mnistcli.models import configure
from mnistcli.runs import RunsFolder, Status
from mnistcli.runs.groups import Group, Groups, read_group
from mnistcli.runs.searches import begin_search, drop_empty


def begun(folder: Path, *seeds: int) -> tuple[Groups, Group]:
    groups = Groups(RunsFolder(folder))
    return groups, groups.extend(groups.begin(configure("dense")), seeds, reuse=False)


def test_seeds_that_another_process_adds_while_a_group_is_compared_stay_in_it(tmp_path: Path) -> None:
    groups, group = begun(tmp_path, 0, 1)
    groups.extend(group, [2], reuse=False)
    group.record_look()
    groups.extend(group, [3], reuse=False)
    current = read_group(group.path)
    assert current.seeds == (0, 1, 2, 3)
    assert [look["seeds"] for look in current.looks] == [[0, 1]]


def test_a_group_that_cannot_be_removed_hides_no_error(tmp_path: Path) -> None:
    groups, group = begun(tmp_path, 0)
    (tmp_path / "dense-group-001-s0").mkdir()
    (tmp_path / "dense-group-001-s0/run.json").write_text("{")
    groups.drop_if_unstarted(group)
    assert read_group(group.path).seeds == (0,)
    (tmp_path / "dense-group-001-s0/run.json").unlink()
    (group.path / "notes.txt").write_text("mine")
    groups.drop_if_unstarted(group)
    assert [*group.path.iterdir()] == [group.path / "notes.txt"]


def test_a_search_that_cannot_be_removed_hides_no_error(tmp_path: Path) -> None:
    search = begin_search(
        RunsFolder(tmp_path), configure("dense"), name=None, space=(), provenance={}, most_trials=1, most_seconds=None
    )
    (search.path / "notes.txt").write_text("mine")
    drop_empty(search)
    assert [*search.path.iterdir()] == [search.path / "notes.txt"]
    drop_empty(search)


def test_a_finished_run_that_names_no_versions_is_not_reused(tmp_path: Path) -> None:
    groups, group = begun(tmp_path)
    folder = groups.runs.claim(replace(group.config, seed=1), {})
    folder.save_best({}, {})
    folder.close(Status.FINISHED)
    assert groups.extend(group, [1], reuse=True).members == {1: "dense-group-001-s1"}
