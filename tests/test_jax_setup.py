import os
import stat
from pathlib import Path

import pytest

from tests.conftest import Call

TRAIN = ("train", "--arch", "linear", "--epochs", "1", "--limit", "200", "--no-plots", "--json")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def entries(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*-cache") if path.is_file()]


def test_compiled_programs_are_kept_privately_and_used_again(spawn: Call, cache: Path) -> None:
    environment = os.environ | {"MNISTCLI_CACHE_DIR": str(cache)}
    first = spawn(*TRAIN, env=environment)
    kept = {path: path.read_bytes() for path in entries(cache)}
    assert kept
    folder = next(iter(kept)).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    again = spawn(*TRAIN, env=environment)
    assert {path: path.read_bytes() for path in entries(cache)} == kept
    assert again.json["test_loss"] == first.json["test_loss"]


def test_a_broken_entry_only_means_compiling_again(spawn: Call, cache: Path) -> None:
    environment = os.environ | {"MNISTCLI_CACHE_DIR": str(cache)}
    first = spawn(*TRAIN, env=environment)
    for path in entries(cache):
        path.write_bytes(path.read_bytes()[:-100] + b"\0" * 50)
    again = spawn(*TRAIN, env=environment)
    assert (again.code, again.json["test_loss"]) == (0, first.json["test_loss"])


def test_without_a_cache_nothing_is_kept(spawn: Call, cache: Path) -> None:
    outcome = spawn(*TRAIN, "--no-cache", env=os.environ | {"MNISTCLI_CACHE_DIR": str(cache)})
    assert outcome.code == 0
    assert not cache.exists()


def test_a_folder_that_others_may_write_to_is_not_used(spawn: Call, cache: Path) -> None:
    environment = os.environ | {"MNISTCLI_CACHE_DIR": str(cache)}
    spawn(*TRAIN, env=environment)
    folder = entries(cache)[0].parent
    for path in folder.iterdir():
        path.unlink()
    folder.chmod(0o777)
    assert spawn(*TRAIN, env=environment).code == 0
    assert entries(cache) == []


def test_a_cache_that_cannot_be_made_is_done_without(spawn: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = spawn(*TRAIN, env=os.environ | {"MNISTCLI_CACHE_DIR": str(tmp_path / "file" / "cache")})
    assert outcome.code == 0
