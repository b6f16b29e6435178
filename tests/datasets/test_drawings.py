"""Drawings kept by class."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistcli.config import SPLITS
from mnistcli.datasets import Drawings, load
from mnistcli.errors import UsageError

DRAWING = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)


def test_drawings_lie_under_their_class_as_they_were_drawn_and_load_as_a_data_set(tmp_path: Path) -> None:
    drawings = Drawings(tmp_path / "mine", ("T-shirt/top", "1", "…"), quota=20)
    assert drawings.counts() == {"T-shirt/top": 0, "1": 0, "…": 0}
    assert not (tmp_path / "mine").exists()
    paths = [drawings.keep(DRAWING, name) for name in ("T-shirt/top", "1", "1", "…")]
    assert [path.parent.relative_to(tmp_path / "mine").as_posix() for path in paths] == ["T-shirt-top", "1", "1", "2"]
    assert drawings.counts() == {"T-shirt/top": 1, "1": 2, "…": 1}
    assert all((np.asarray(Image.open(path)) == DRAWING[..., 0]).all() for path in paths)
    for split in SPLITS:  # so that their names, which are times, do not decide whether each split has images
        shutil.copytree(tmp_path / "mine", tmp_path / "set" / split)
    assert sorted(load(str(tmp_path / "set")).class_names) == ["1", "2", "T-shirt-top"]


def test_a_class_takes_its_quota_also_of_those_that_were_there(tmp_path: Path) -> None:
    Drawings(tmp_path, "ab", quota=2).keep(DRAWING, "a")
    again = Drawings(tmp_path, "ab", quota=2)
    kept = again.keep(DRAWING, "a")
    with pytest.raises(UsageError, match=r"^'a' already has 2 drawings; raise --quota to save more\.$"):
        again.keep(DRAWING, "a")
    assert len({*(tmp_path / "a").iterdir()}) == 2
    kept.unlink()
    again.keep(DRAWING, "a")
    again.keep(DRAWING, "b")


def test_what_cannot_be_kept_is_told(tmp_path: Path) -> None:
    drawings = Drawings(tmp_path / "mine", "ab", quota=2)
    with pytest.raises(UsageError, match=r"^Unknown class '\.\./c': expected a, b"):
        drawings.keep(DRAWING, "../c")
    assert not (tmp_path / "mine").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a").touch()
    with pytest.raises(UsageError, match=r"cannot be written"):
        drawings.keep(DRAWING, "a")


@pytest.mark.parametrize(
    ("folder", "class_names", "said"),
    [
        ("file", "ab", "is a file: --save takes a folder"),
        ("split", "ab", "has a folder 'train': name that folder, or a new one, with --save"),
        ("x" * 300, "ab", "cannot be used: File name too long"),
        ("new", ("a b", "a-b"), "these names give no distinct folders: a b, a-b"),
        ("new", ("A", "a"), "these names give no distinct folders: A, a"),
        ("new", ("test", "a"), "these names give no distinct folders: test, a"),
    ],
)
def test_a_folder_where_no_drawings_can_be_kept_is_told_at_once(
    folder: str, class_names: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "split/train").mkdir(parents=True)
    with pytest.raises(UsageError, match=said):
        Drawings(tmp_path / folder, class_names, quota=2)


def test_a_drawing_is_kept_in_grey_so_that_it_fits_what_mnist_s_runs_read(tmp_path: Path) -> None:
    path = Drawings(tmp_path, "ab", quota=2).keep(np.repeat(DRAWING, 3, axis=-1), "a")
    with Image.open(path) as kept:
        assert kept.mode == "L"
