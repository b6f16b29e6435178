"""The same images by every way in which they may lie on disk."""

import gzip
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistcli.config import DataChoice
from mnistcli.datasets import Dataset, cache, load
from mnistcli.datasets.dataset import digests, fingerprint
from mnistcli.datasets.embedded import FINGERPRINT
from mnistcli.errors import DataError
from tests.datasets.conftest import TEST, TRAIN, idx, write_idx


def content(dataset: Dataset) -> dict[str, list[bytes]]:
    """Each split's images with their labels, in any order."""
    parts = {name: dataset.split(name) for name in ("train", "validation", "test")}
    return {name: sorted(digests(split.images, split.labels)) for name, split in parts.items()}


def test_the_embedded_fingerprint_is_that_of_its_images(mnist: Dataset) -> None:
    sums = {
        name: digests(mnist.split(name).images, mnist.split(name).labels) for name in ("train", "validation", "test")
    }
    parts = {"train": sums["validation"] + sums["train"], "test": sums["test"][::-1]}
    assert fingerprint(mnist.image_shape, parts) == mnist.fingerprint == FINGERPRINT
    image = mnist.test.images[0]
    assert sums["test"][0] == hashlib.sha256(image.tobytes() + bytes((7, 0, 0, 0))).digest()


@pytest.mark.parametrize("kind", ["idx_folder", "npz_file", "picture_folder"])
def test_every_kind_gives_the_same_images_and_fingerprint(
    kind: str, idx_folder: Path, request: pytest.FixtureRequest
) -> None:
    found, reference = load(str(request.getfixturevalue(kind))), load(str(idx_folder))
    assert found.fingerprint == reference.fingerprint
    assert found.image_shape == (28, 28, 1)
    assert found.class_names == tuple("0123456789")
    assert found.named == (kind == "picture_folder")
    assert content(found)["test"] == content(reference)["test"]
    together = [content(each)["train"] + content(each)["validation"] for each in (found, reference)]
    assert sorted(together[0]) == sorted(together[1])
    assert len(found.test) == TEST
    assert len(found.train) + len(found.validation) == TRAIN


def test_images_and_labels_stay_together_and_in_order(idx_folder: Path, mnist: Dataset) -> None:
    found = load(str(idx_folder))
    cut = TRAIN - TRAIN // 6
    assert np.array_equal(found.train.images, mnist.train.images[:cut])
    assert np.array_equal(found.train.labels, mnist.train.labels[:cut])
    assert np.array_equal(found.validation.images, mnist.train.images[cut:TRAIN])
    assert np.array_equal(found.test.labels, mnist.test.labels[:TEST])


def test_a_second_start_decodes_nothing_and_a_changed_file_is_decoded_anew(idx_folder: Path) -> None:
    said: list[str] = []

    def on_progress(what: str, _done: int, _whole: int | None) -> None:
        said.append(what)

    first = load(str(idx_folder), on_progress=on_progress)
    assert said
    said.clear()
    assert load(str(idx_folder), on_progress=on_progress).fingerprint == first.fingerprint
    assert not said
    labels = idx_folder / "t10k-labels-idx1-ubyte.gz"
    raw = bytearray(gzip.decompress(labels.read_bytes()))
    raw[-1] ^= 1
    labels.write_bytes(gzip.compress(raw))
    assert load(str(idx_folder)).fingerprint != first.fingerprint
    assert len(cache.entries()) == 1


def test_an_entry_that_lacks_something_is_made_again(idx_folder: Path) -> None:
    expected = load(str(idx_folder)).fingerprint
    ((folder, _),) = cache.entries()
    for damage in ("about.json", "test.images", "train.labels"):
        file = folder / damage
        file.write_bytes(file.read_bytes()[:-1])
        assert load(str(idx_folder)).fingerprint == expected
    shutil.rmtree(folder)
    assert load(str(idx_folder)).fingerprint == expected


def test_what_a_kill_left_behind_is_thrown_away_and_clean_frees_all(idx_folder: Path) -> None:
    leftover = cache.cache_folder() / f"{cache.UNFINISHED}-killed"
    leftover.mkdir(parents=True)
    (leftover / "train.images").write_bytes(b"half")
    load(str(idx_folder))
    assert not leftover.exists()
    with pytest.raises(DataError, match="The cache has no data set 'another'"):
        cache.clean("another")
    assert cache.clean(str(idx_folder)) > (TRAIN + TEST) * 784
    assert cache.entries() == []


def test_names_come_from_a_file_or_from_the_user(idx_folder: Path) -> None:
    names = tuple(f"class {i}" for i in range(10))
    (idx_folder / "class-names.txt").write_text("\n".join(names) + "\n")
    assert load(str(idx_folder)).class_names == names
    asked = DataChoice(dataset=str(idx_folder), class_names=tuple("abcdefghij"))
    assert load(asked).class_names == tuple("abcdefghij")
    with pytest.raises(DataError, match="control characters"):
        load(DataChoice(dataset=str(idx_folder), class_names=("\x1b[2J", *"bcdefghij")))
    with pytest.raises(DataError, match="two classes with the same name"):
        load(DataChoice(dataset=str(idx_folder), class_names=("a", "a", *"cdefghij")))
    with pytest.raises(DataError, match="label 9, but only 2 class names"):
        load(DataChoice(dataset=str(idx_folder), class_names=("a", "b")))


def test_sizes_and_colours_are_converted(idx_folder: Path, tmp_path: Path, images: dict, labels: dict) -> None:
    assert load(DataChoice(dataset=str(idx_folder), image_size=14)).image_shape == (14, 14, 1)
    colour = {split: np.stack([each, each // 2, 255 - each], axis=-1) for split, each in images.items()}
    folder = str(write_idx(tmp_path / "colour", colour, labels, zipped=False))
    found = load(folder)
    assert found.image_shape == (28, 28, 3)
    assert np.array_equal(found.test.images, colour["t10k"])
    grey = load(DataChoice(dataset=folder, grayscale=True))
    expected = np.asarray(Image.fromarray(colour["t10k"][0]).convert("L"))
    assert np.array_equal(grey.test.images[0, ..., 0], expected)


def test_a_folder_without_splits_is_parted_by_paths_and_a_picture_stays_where_it_is(picture_folder: Path) -> None:
    single = picture_folder / "train"
    before = load(str(single))
    expected = {"train": 0, "validation": 0, "test": 0}
    for file in single.glob("*/*.png"):
        digest = hashlib.sha256(f"{file.parent.name}/{file.name}".encode()).digest()
        part = int.from_bytes(digest[:8], "big") % 6
        expected[{0: "test", 1: "validation"}.get(part, "train")] += 1
    assert {name: len(before.split(name)) for name in expected} == expected
    for file in sorted(single.glob("*/*.png"))[::5]:
        file.unlink()
    after = load(str(single))
    for name in expected:
        assert set(content(after)[name]) <= set(content(before)[name])


def test_classes_are_ordered_by_their_numbers_and_one_picture_in_colour_makes_all_so(tmp_path: Path) -> None:
    pictures = {"1": 10, "2": (255, 0, 0), "10": 20, "b": 30}
    for name, colour in pictures.items():
        (tmp_path / "test" / name).mkdir(parents=True)
        Image.new("L" if isinstance(colour, int) else "RGB", (5, 5), colour).save(tmp_path / "test" / name / "0.png")
    found = load(str(tmp_path))
    assert found.class_names == tuple(pictures)
    colours = {
        int(label): image[0, 0].tolist() for image, label in zip(found.test.images, found.test.labels, strict=True)
    }
    assert colours == {0: [10] * 3, 1: [255, 0, 0], 2: [20] * 3, 3: [30] * 3}


def test_folders_that_are_not_pictures_of_classes_are_refused(tmp_path: Path, picture_folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no pictures"):
        load(str(tmp_path / "empty"))
    (picture_folder / "test" / "7" / "note.png").write_text("no picture")
    with pytest.raises(DataError, match=r"note\.png' is not a picture"):
        load(str(picture_folder))
    (picture_folder / "test" / "7" / "note.png").unlink()
    Image.new("L", (30, 28)).save(picture_folder / "test" / "7" / "wide.png")
    with pytest.raises(DataError, match="--image-size N"):
        load(str(picture_folder))
    assert load(DataChoice(dataset=str(picture_folder), image_size=28)).image_shape == (28, 28, 1)
    with pytest.raises(DataError, match=r"test image .* is blank"):
        load(DataChoice(dataset=str(picture_folder), mnist_like=True))


def test_hidden_files_and_files_beside_the_classes_are_passed_over(picture_folder: Path) -> None:
    expected = load(str(picture_folder)).fingerprint
    (picture_folder / "test" / "labels.csv").write_text("file,label\n")
    (picture_folder / "test" / "7" / ".DS_Store").write_bytes(b"\0")
    assert load(str(picture_folder)).fingerprint == expected


def test_pictures_drawn_by_hand_become_what_mnist_holds(tmp_path: Path, mnist: Dataset) -> None:
    for i in range(40):
        folder = tmp_path / "drawn" / str(mnist.test.labels[i])
        folder.mkdir(parents=True, exist_ok=True)
        page = Image.new("L", (200 + i, 160), 230)
        ink = Image.fromarray(255 - mnist.test.images[i, ..., 0]).resize((84, 84), Image.Resampling.BICUBIC)
        page.paste(ink.point(lambda level: level * 230 // 255), (60 + i, 40))
        page.save(folder / f"{i}.png")
    found = load(DataChoice(dataset=str(tmp_path / "drawn"), mnist_like=True))
    assert found.image_shape == (28, 28, 1)
    assert found.pictures == "digit"


def damaged(idx_folder: Path, name: str, content: bytes) -> str:
    (idx_folder / name).write_bytes(content)
    return str(idx_folder)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t10k-images-idx3-ubyte.gz", gzip.compress(idx(np.zeros((3, 28, 28), np.uint8))), "3 images, but"),
        ("t10k-labels-idx1-ubyte.gz", gzip.compress(idx(np.zeros(40, np.uint8))[:-1]), "shorter than its header"),
        ("t10k-labels-idx1-ubyte.gz", gzip.compress(idx(np.zeros(40, np.uint8)) + b"x"), "longer than its header"),
        ("t10k-labels-idx1-ubyte.gz", b"\x1f\x8b no gzip", "damaged"),
        ("t10k-images-idx3-ubyte.gz", gzip.compress(bytes((0, 0, 8, 3)) + b"\xff" * 12), "too many for a file"),
        ("t10k-images-idx3-ubyte.gz", gzip.compress(bytes((0, 0, 9, 3)) + bytes(12)), "expected an IDX header"),
        ("t10k-images-idx3-ubyte.gz", gzip.compress(idx(np.zeros((40, 0, 28), np.uint8))), "dimensions"),
        ("t10k-images-idx3-ubyte.gz", gzip.compress(idx(np.zeros((40, 14, 14), np.uint8))), "shapes"),
        ("t10k-images-idx3-ubyte.gz", b"", "expected an IDX header"),
        ("t10k-images-idx3-ubyte.gz", gzip.compress(idx(np.zeros((40, 28, 28, 2), np.uint8))), "1 or 3 channels"),
    ],
    ids=["fewer images", "cut off", "longer", "no gzip", "promises", "no bytes", "no rows", "another shape", "empty",
         "two channels"],
)  # fmt: skip
def test_damaged_idx_files_are_refused_and_leave_nothing(
    name: str, content: bytes, said: str, idx_folder: Path
) -> None:
    with pytest.raises(DataError, match=said):
        load(damaged(idx_folder, name, content))
    assert [each.name for each in cache.cache_folder().iterdir()] == [".lock"]


def test_a_missing_idx_file_is_named(idx_folder: Path) -> None:
    (idx_folder / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="has no train-labels-idx1-ubyte"):
        load(str(idx_folder))


def test_npz_files_of_another_content_are_refused(tmp_path: Path, npz_file: Path) -> None:
    arrays = dict(np.load(npz_file))
    cases = {
        "has no y_test": {name: array for name, array in arrays.items() if name != "y_test"},
        "120 images, but there are 3 labels": arrays | {"y_train": arrays["y_train"][:3]},
        "expected uint8": arrays | {"x_test": arrays["x_test"] / 255.0},
        "Python objects": arrays | {"x_test": np.array([{}], object)},
        "expected integers": arrays | {"y_test": arrays["y_test"] / 1.0},
        "outside 0": arrays | {"y_test": arrays["y_test"].astype(int) - 1},
    }
    for said, changed in cases.items():
        np.savez(tmp_path / "other.npz", **changed)
        with pytest.raises(DataError, match=said):
            load(str(tmp_path / "other.npz"))
    (tmp_path / "text.npz").write_text("no zip")
    with pytest.raises(DataError, match="damaged"):
        load(str(tmp_path / "text.npz"))


def test_keras_s_column_of_labels_is_read(tmp_path: Path, npz_file: Path) -> None:
    arrays = dict(np.load(npz_file))
    column = {name: array[:, None].astype(np.int64) if name[0] == "y" else array for name, array in arrays.items()}
    np.savez_compressed(tmp_path / "column.npz", **column)
    assert load(str(tmp_path / "column.npz")).fingerprint == load(str(npz_file)).fingerprint


def test_an_embedded_image_is_scaled_from_the_same_file(mnist: Dataset) -> None:
    small = load(DataChoice(image_size=7))
    assert small.train.images.shape == (50_000, 7, 7, 1)
    assert np.array_equal(small.train.labels, mnist.train.labels)
    assert small.fingerprint != mnist.fingerprint


@pytest.mark.parametrize("name", ["./nowhere", "/no/where", "UPPER CASE", "a b", "../x", "-"])
def test_what_is_no_data_set_is_refused_at_once(name: str) -> None:
    with pytest.raises(DataError, match="Unknown data set"):
        load(name)
