"""Data sets by TensorFlow Datasets' own builders, prepared on first use in a process of their own.

That process may import TensorFlow, which is noisy, heavy and greedy for GPUs; it sees none, its noise goes nowhere, and
it ends with the program. What it leaves is an entry of the cache; a later start imports no TFDS at all.
"""

import os
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from mnistcli.config import DataChoice
from mnistcli.datasets import cache
from mnistcli.datasets.source import BLOCK, Block, Original, Tell
from mnistcli.errors import DataError, suggestion
from mnistcli.process import child_process, undoing

NAME = re.compile(r"[a-z]\w*(/[\w.-]+)?(:[\w.*]+)?", re.ASCII)
STAGING = f"{cache.UNFINISHED}-tfds"  # where a set is prepared that has no folder of its own
CONNECT_SECONDS, READ_SECONDS, RETRIES = 4, 5, 1  # a network that fails is told of within 15 s, TensorFlow included
PARTS = 6


@dataclass(frozen=True)
class Tfds:
    """A TFDS data set of labelled images, `name`, `name/config` or `name:version`.

    Attributes:
        data_dir: Where TFDS keeps what it prepares; None: it is read where TFDS looks by default, and what is not there
            is prepared in a folder that is thrown away.
        offline: Whether the network is never touched.
    """

    name: str
    data_dir: Path | None = None
    offline: bool = False

    @property
    def location(self) -> str:
        """Where it comes from."""
        return f"tensorflow-datasets: {self.name}"

    def signature(self) -> str:
        """Return what never changes: a version's content is fixed."""
        return self.name

    def open(self, *, uniform: bool, tell: Tell) -> Original:
        """Return what is to be decoded, prepared first where it is not; imports TFDS, and perhaps TensorFlow.

        Raises:
            DataError: It is unknown, not one of labelled images, or cannot be prepared.
        """
        builder = self._prepared(tell)
        image, label = _image_and_label(builder.info.features, self.name, uniform=uniform)
        splits = _split_names(builder.info.splits, self.name)
        names = tuple(builder.info.features[label].names)
        reads = {split: partial(_read, builder, part, image, label) for split, part in splits.items()}
        return Original(names, reads, version=f"({builder.info.full_name})")

    def _prepared(self, tell: Tell) -> Any:
        tell(f"Starting TensorFlow Datasets for {self.name}", 0, None)
        builder = _builder(self.name, self.data_dir)
        if builder.is_prepared():
            return builder
        if self.offline:
            raise DataError(f"The data set {self.name!r} is not prepared here, and --offline forbids fetching it.")
        if find_spec("tensorflow") is None:
            raise DataError(
                f"The data set {self.name!r} is not prepared here, and TFDS needs TensorFlow to prepare it: "
                "pip install 'mnistcli[tf]'."
            )
        if self.data_dir is None:
            builder = _builder(self.name, cache.cache_folder() / STAGING)
        else:
            for leftover in Path(builder.data_dir).parent.glob("incomplete.*"):  # of a process that was killed
                shutil.rmtree(leftover, ignore_errors=True)
        _prepare(builder, self.name, tell)
        return builder


def store_apart(source: Tfds, choice: DataChoice, *, tell: Tell) -> None:
    """Prepare and decode a data set into the cache, in a process of its own.

    Raises:
        DataError: It is unknown, not one of labelled images, or cannot be prepared.
    """
    try:
        with undoing(cache.discard_unfinished), child_process(_store, source, choice) as child:
            while (message := child.connection.recv()) is not None:
                if isinstance(message, DataError):
                    raise message
                tell(*message)
    except EOFError as error:
        raise DataError(f"The data set {source.name!r} could not be prepared: the process ended at once.") from error


def _store(parent: Connection, source: Tfds, choice: DataChoice) -> None:
    """Do `cache.store` and tell the parent how it goes: what is done, an error, or None at the end."""
    _silence()
    try:
        cache.store(source, choice, tell=lambda *done: parent.send(done))
        parent.send(None)
    except DataError as error:
        parent.send(DataError(str(error)))


def _silence() -> None:
    """Hide every GPU from TensorFlow, and what it and TFDS say from the user."""
    os.environ |= {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3", "TFDS_DISABLE_ANALYTICS": "1"}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def _builder(name: str, data_dir: Path | None) -> Any:
    import tensorflow_datasets as tfds

    try:
        return tfds.builder(name, data_dir=None if data_dir is None else str(data_dir), file_format="array_record")
    except tfds.core.registered.DatasetNotFoundError as error:
        known = [*tfds.list_builders(with_community_datasets=False), "mnist"]
        raise DataError(
            f"Unknown data set {name!r}: no folder, no file, no name of TFDS{suggestion(name, known)}"
        ) from error
    except (ValueError, AssertionError, TypeError) as error:
        base = re.split("[/:]", name)[0]
        known = [f"{base}/{config.name}" for config in tfds.builder_cls(base).BUILDER_CONFIGS]
        hint = f"expected {base} or {', '.join(known)}." if known else _first_line(error)
        raise DataError(f"TFDS has no data set {name!r}: {hint}") from error


def _prepare(builder: Any, name: str, tell: Tell) -> None:
    """Let TFDS fetch and prepare the data set, its progress told by us."""
    import tensorflow_datasets as tfds
    from requests.exceptions import RequestException
    from tensorflow_datasets.core.download import downloader
    from tensorflow_datasets.core.utils import tqdm_utils

    downloader.MAX_RETRIES = RETRIES  # ten, with pauses that double, take three minutes
    _limit_waiting()
    tqdm_utils.tqdm_lib.tqdm.set_lock(threading.RLock())  # its own is a semaphore, which a kill would leak
    tqdm_utils.tqdm_lib.tqdm = _told_bar(tqdm_utils.tqdm_lib.tqdm, name, tell)
    try:
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))
    except RequestException as error:
        url = str(error.request.url) if error.request else "the network"
        raise DataError(
            f"The data set {name!r} could not be fetched: {url} does not answer ({type(error).__name__}); what is "
            "prepared once needs no network."
        ) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # a full disk, say
            raise
        raise DataError(f"The data set {name!r} could not be prepared: {_first_line(error)}") from error


def _limit_waiting() -> None:
    """Give every request of this process a limit: TFDS sets none, and a silent network would hold it for minutes."""
    from requests.adapters import HTTPAdapter

    send = HTTPAdapter.send

    def send_within_limits(self: Any, request: Any, **options: Any) -> Any:
        return send(self, request, **options | {"timeout": (CONNECT_SECONDS, READ_SECONDS)})

    HTTPAdapter.send = send_within_limits  # type: ignore[assignment,method-assign]


def _told_bar(tqdm: Any, name: str, tell: Tell) -> Any:
    """Return a class of progress bars that tell how they stand in place of drawing it."""

    class ToldBar(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options | {"file": open(os.devnull, "w"), "mininterval": 0.2})  # noqa: SIM115, PTH123

        def display(self, *_: Any, **__: Any) -> bool:
            step = (self.desc or "").partition(" /")[0].rstrip(":. ")
            if step == "Dl Size":
                tell(f"Fetching {name}, MiB", int(self.n), self.total)
            elif not step.startswith(("Dl", "Extraction")):
                tell(f"Preparing {name}: {step}", int(self.n), self.total)
            return True

    return ToldBar


def _image_and_label(features: Any, name: str, *, uniform: bool) -> tuple[str, str]:
    """Return which features are the image and its label.

    Raises:
        DataError: There is not one of each, or the images are not of 8 bits or, where they must be, of one size.
    """
    import tensorflow_datasets as tfds

    try:
        images = [key for key, feature in features.items() if isinstance(feature, tfds.features.Image)]
        labels = [key for key, feature in features.items() if isinstance(feature, tfds.features.ClassLabel)]
    except AttributeError:
        images = labels = []
    if len(images) != 1 or ("label" not in labels and len(labels) != 1):
        raise DataError(f"The data set {name!r} is none of labelled images: it holds {', '.join(features)}.")
    image, label = images[0], "label" if "label" in labels else labels[0]
    shape = features[image].shape
    if features[image].np_dtype != np.uint8 or shape[-1] not in (1, 3):
        raise DataError(f"The data set {name!r} holds images {shape}: expected 8 bits and 1 or 3 channels.")
    if uniform and None in shape:
        raise DataError(f"The data set {name!r} holds images of several sizes: --image-size N scales all to one.")
    return image, label


def _split_names(splits: Any, name: str) -> dict[str, str]:
    """Return TFDS's expression for each of our splits; a set without one for tests lends its validation or a sixth."""
    if "train" not in splits:
        raise DataError(f"The data set {name!r} has no split 'train', only {', '.join(splits)}.")
    if "test" in splits:
        return {split: split for split in ("train", "validation", "test") if split in splits}
    if "validation" in splits:
        return {"train": "train", "test": "validation"}
    cut = splits["train"].num_examples * (PARTS - 1) // PARTS
    return {"train": f"train[:{cut}]", "test": f"train[{cut}:]"}


def _read(builder: Any, split: str, image: str, label: str) -> Iterator[Block]:
    for examples in _batches(builder, split):
        images = [example[image] for example in examples]
        yield images, np.array([int(example[label]) for example in examples])


def _batches(builder: Any, split: str) -> Iterator[list[Any]]:
    """Yield examples by TFDS's random access, or, for a set prepared in another format, by TensorFlow."""
    try:
        source = builder.as_data_source(split)
    except NotImplementedError:
        yield from _by_tensorflow(builder, split)
        return
    for start in range(0, len(source), BLOCK):
        yield [source[i] for i in range(start, min(start + BLOCK, len(source)))]


def _by_tensorflow(builder: Any, split: str) -> Iterator[list[Any]]:
    import tensorflow_datasets as tfds

    if find_spec("tensorflow") is None:
        raise DataError(
            f"{builder.info.full_name} is prepared as {builder.info.file_format}, which only TensorFlow reads: "
            "pip install 'mnistcli[tf]'."
        )
    examples: list[Any] = []
    for example in tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False)):
        examples.append(example)
        if len(examples) == BLOCK:
            yield examples
            examples = []
    yield examples


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".") + "."
