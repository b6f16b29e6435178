"""TFDS's own builders, fed over loopback from files that are here."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mnistcli.datasets import Dataset, cache, embedded, load, sources, tfds
from mnistcli.errors import DataError
from tests.conftest import Call
from tests.datasets.loopback import redirect, serve


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path of every process that the test starts."""
    folder = tmp_path / "site"
    folder.mkdir()
    here = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), here, os.environ.get("PYTHONPATH", "")]))
    return folder


def hashes(dataset: Dataset, *splits: str) -> list[tuple[bytes, int]]:
    """Return every image's SHA-256 with its label, sorted."""
    parts = [dataset.split(name) for name in splits]
    pairs = ((image, label) for part in parts for image, label in zip(part.images, part.labels, strict=True))
    return sorted((hashlib.sha256(image.tobytes()).digest(), int(label)) for image, label in pairs)


def children_of(process: subprocess.Popen[bytes]) -> list[int]:
    tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_tfds_s_mnist_is_the_embedded_one_even_after_a_kill_while_it_was_prepared(
    site: Path, mnist: Dataset, spawn: Call, tmp_path: Path
) -> None:
    with serve(embedded.FOLDER) as url:
        redirect(site, url)
        command = [sys.executable, "-m", "mnistcli", "data", "prepare", "mnist:3.0.1"]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            staging, deadline = cache.cache_folder() / tfds.STAGING, time.monotonic() + 60
            while not list(staging.glob("mnist/incomplete*")) and time.monotonic() < deadline:
                time.sleep(0.05)
            workers = children_of(process)
            process.send_signal(signal.SIGKILL)
        assert list(staging.glob("mnist/incomplete*"))
        assert workers
        while any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers) and time.monotonic() < deadline:
            time.sleep(0.05)
        outcome = spawn("data", "prepare", "mnist:3.0.1", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["fingerprint"] == mnist.fingerprint
    assert {each.name for each in cache.cache_folder().iterdir() if each.name[0] == "."} == {".lock"}
    assert "tensorflow" not in outcome.err.lower().replace("tensorflow datasets", "")
    found = load("mnist:3.0.1", offline=True)
    assert hashes(found, "test") == hashes(mnist, "test")
    assert hashes(found, "train", "validation") == hashes(mnist, "train", "validation")
    assert found.class_names == mnist.class_names
    probe = "import sys; from mnistcli.datasets import load; load('mnist:3.0.1'); print(sorted(sys.modules))"
    imported = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    assert "'tensorflow" not in imported


@pytest.mark.parametrize("failure", ["refused", "silent", "missing"])
def test_a_network_that_fails_is_told_and_nothing_is_left(
    failure: str, site: Path, spawn: Call, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, serve(site) as url:
        port = listener.getsockname()[1]
        if failure == "refused":
            listener.close()
        redirect(site, url if failure == "missing" else f"http://127.0.0.1:{port}/")
        outcome = spawn("train", "--dataset", "fashion_mnist", "--arch", "linear", timeout=60)
    assert (outcome.code, outcome.out) == (3, "")
    last = outcome.err.splitlines()[-1]
    assert last.startswith("mnistcli: The data set 'fashion_mnist' could not be")
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "runs").exists()
    assert [each.name for each in cache.cache_folder().iterdir()] == [".lock"]


def test_offline_touches_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(DataError, match="leave out --offline"):
        tfds.Tfds("kmnist", offline=True).open(uniform=True, on_progress=sources.ignore_progress)


def test_without_tensorflow_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tfds, "find_spec", lambda _: None)
    with pytest.raises(DataError, match=r"pip install 'mnistcli\[tf\]'"):
        tfds.Tfds("kmnist").open(uniform=True, on_progress=sources.ignore_progress)


@pytest.mark.parametrize(
    ("name", "said"),
    [("fashion_mnst", "did you mean 'fashion_mnist'"), ("emnist/leters", "emnist/letters"), ("mnist:9.9.9", "9.9.9"),
     ("imdb_reviews", "no images with labels")],
)  # fmt: skip
def test_names_that_are_none_are_refused(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = tfds._builder

    def prepared(name: str, data_dir: Path | None) -> object:
        made = builder(name, data_dir)
        made.is_prepared = lambda: True
        return made

    monkeypatch.setattr(tfds, "_builder", prepared)
    with pytest.raises(DataError, match=said):
        tfds.Tfds(name).open(uniform=True, on_progress=sources.ignore_progress)


def test_what_tfds_prepared_elsewhere_is_read_without_tensorflow(tmp_path: Path, cache: Path) -> None:
    """A data set that TFDS itself wrote, with colours and a validation split."""
    import tensorflow_datasets

    pixels = np.random.default_rng(0).integers(0, 256, (12, 5, 4, 3), dtype=np.uint8)
    features = tensorflow_datasets.features.FeaturesDict(
        {
            "image": tensorflow_datasets.features.Image(shape=(5, 4, 3)),
            "label": tensorflow_datasets.features.ClassLabel(names=["cat", "dog"]),
        }
    )
    counts = {"train": 6, "validation": 2, "test": 4}
    start, examples = 0, {}
    for name, n in counts.items():
        examples[name] = [(i, {"image": pixels[i], "label": i % 2}) for i in range(start, start + n)]
        start += n
    tensorflow_datasets.dataset_builders.store_as_tfds_dataset(
        name="pets", version="1.0.0", features=features, split_datasets=examples, data_dir=str(tmp_path / "tfds"),
        file_format="array_record",
    )  # fmt: skip
    found = load("pets", data_dir=tmp_path / "tfds", offline=True)
    assert found.image_shape == (5, 4, 3)
    assert found.class_names == ("cat", "dog")
    assert "pets/1.0.0" in found.location
    assert {name: len(found.split(name)) for name in counts} == counts
    stored = {image.tobytes() for name in counts for image in found.split(name).images}
    assert stored == {image.tobytes() for image in pixels}
