"""Data sets from TensorFlow Datasets (TFDS), prepared on first use in a child process.

The child process may import TensorFlow, which is large, prints a lot and takes all GPU memory. So GPUs are hidden from
it, its output is discarded, and it ends with the program. Its result is a cache entry; later starts do not import TFDS.
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
from mnistcli.datasets.source import BLOCK, Block, OnProgress, Original
from mnistcli.errors import DataError, suggestion
from mnistcli.process import child_process, cleaning_up

NAME = re.compile(r"[a-z]\w*(/[\w.-]+)?(:[\w.*]+)?", re.ASCII)
STAGING = f"{cache.UNFINISHED}-tfds"  # where a data set is prepared if --data-dir is not given
CONNECT_SECONDS, READ_SECONDS, RETRIES = 4, 5, 1  # so that a network failure is reported within 15 s


@dataclass(frozen=True)
class Tfds:
    """A TFDS data set of labelled images, `name`, `name/config` or `name:version`.

    Attributes:
        data_dir: Where TFDS keeps what it prepares; None: read from TFDS's default folder, and prepare what is not
            there in a temporary folder.
        offline: Whether to never use the network.
    """

    name: str
    data_dir: Path | None = None
    offline: bool = False

    @property
    def location(self) -> str:
        """Where it comes from."""
        return f"tensorflow-datasets: {self.name}"

    def signature(self) -> str:
        """Return a constant: the content of a version never changes."""
        return self.name

    def open(self, *, uniform: bool, on_progress: OnProgress) -> Original:
        """Return the images to decode, and prepare them first if necessary; imports TFDS, and perhaps TensorFlow.

        Raises:
            DataError: It is unknown, has no labelled images, or cannot be prepared.
        """
        builder = self._prepared(on_progress)
        image, label = _image_and_label(builder.info.features, self.name, uniform=uniform)
        splits = _split_names(builder.info.splits, self.name)
        names = tuple(builder.info.features[label].names)
        reads = {split: partial(_read, builder, part, image, label) for split, part in splits.items()}
        return Original(names, reads, version=f"({builder.info.full_name})")

    def _prepared(self, on_progress: OnProgress) -> Any:
        on_progress(f"Starting TensorFlow Datasets for {self.name}", 0, None)
        builder = _builder(self.name, self.data_dir)
        if builder.is_prepared():
            return builder
        if self.offline:
            raise DataError(f"The data set {self.name!r} is not prepared here: leave out --offline to download it.")
        if find_spec("tensorflow") is None:
            raise DataError(
                f"The data set {self.name!r} is not prepared here, and TFDS needs TensorFlow to prepare it: "
                "pip install 'mnistcli[tf]'."
            )
        if self.data_dir is None:
            builder = _builder(self.name, cache.cache_folder() / STAGING)
        else:
            for leftover in Path(builder.data_dir).parent.glob("incomplete.*"):  # left by a killed process
                shutil.rmtree(leftover, ignore_errors=True)
        _prepare(builder, self.name, on_progress)
        return builder


def store_in_child_process(source: Tfds, choice: DataChoice, *, on_progress: OnProgress) -> None:
    """Prepare and decode a data set into the cache, in a child process.

    Raises:
        DataError: It is unknown, has no labelled images, or cannot be prepared.
    """
    try:
        with cleaning_up(cache.discard_unfinished), child_process(_store_in_child, source, choice) as child:
            while (message := child.connection.recv()) is not None:
                if isinstance(message, DataError):
                    raise message
                on_progress(*message)
    except EOFError as error:
        raise DataError(f"The data set {source.name!r} could not be prepared: its process was killed.") from error


def _store_in_child(parent: Connection, source: Tfds, choice: DataChoice) -> None:
    """Call `cache.store` and send the parent progress tuples, then an error or None."""
    _silence_process()
    try:
        cache.store(source, choice, on_progress=lambda *done: parent.send(done))
        parent.send(None)
    except DataError as error:
        parent.send(DataError(str(error)))


def _silence_process() -> None:
    """Hide every GPU from TensorFlow, and discard what it and TFDS print."""
    os.environ |= {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3", "TFDS_DISABLE_ANALYTICS": "1"}
    discard = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(discard, stream)


def _builder(name: str, data_dir: Path | None) -> Any:
    import tensorflow_datasets as tfds

    try:
        return tfds.builder(name, data_dir=None if data_dir is None else str(data_dir), file_format="array_record")
    except tfds.core.registered.DatasetNotFoundError as error:
        known = [*tfds.list_builders(with_community_datasets=False), "mnist"]
        raise DataError(
            f"Unknown data set {name!r}: it is not a folder, a file or a TFDS name{suggestion(name, known)}"
        ) from error
    except (ValueError, AssertionError, TypeError) as error:
        base = re.split("[/:]", name)[0]
        known = [f"{base}/{config.name}" for config in tfds.builder_cls(base).BUILDER_CONFIGS]
        hint = f"expected {base} or {', '.join(known)}." if known else _first_line(error)
        raise DataError(f"TFDS has no data set {name!r}: {hint}") from error


def _prepare(builder: Any, name: str, on_progress: OnProgress) -> None:
    """Let TFDS download and prepare the data set, and report its progress."""
    import tensorflow_datasets as tfds
    from requests.exceptions import RequestException
    from tensorflow_datasets.core.download import downloader
    from tensorflow_datasets.core.utils import tqdm_utils

    downloader.MAX_RETRIES = RETRIES  # the default of 10, with doubling pauses, takes three minutes
    _limit_request_time()
    tqdm_utils.tqdm_lib.tqdm.set_lock(threading.RLock())  # a kill would leak the default, a semaphore
    tqdm_utils.tqdm_lib.tqdm = _reporting_bar(tqdm_utils.tqdm_lib.tqdm, name, on_progress)
    try:
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))
    except RequestException as error:
        url = str(error.request.url) if error.request else "the network"
        raise DataError(
            f"The data set {name!r} could not be downloaded: {url} does not answer ({type(error).__name__}); check the "
            "network, which a data set needs only the first time."
        ) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # for example a full disk
            raise
        raise DataError(f"The data set {name!r} could not be prepared: {_first_line(error)}") from error


def _limit_request_time() -> None:
    """Give every request of this process a timeout: TFDS sets none, and would wait for minutes without an answer."""
    from requests.adapters import HTTPAdapter

    send = HTTPAdapter.send

    def send_within_limits(self: Any, request: Any, **options: Any) -> Any:
        return send(self, request, **options | {"timeout": (CONNECT_SECONDS, READ_SECONDS)})

    HTTPAdapter.send = send_within_limits  # type: ignore[assignment,method-assign]


def _reporting_bar(tqdm: Any, name: str, on_progress: OnProgress) -> Any:
    """Return a class of progress bars that report progress instead of drawing a bar."""

    class ReportingBar(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options | {"file": open(os.devnull, "w"), "mininterval": 0.2})  # noqa: SIM115, PTH123

        def display(self, *_: Any, **__: Any) -> bool:
            step = (self.desc or "").partition(" /")[0].rstrip(":. ")
            if step == "Dl Size":
                on_progress(f"Downloading {name}, MiB", int(self.n), self.total)
            elif not step.startswith(("Dl", "Extraction")):
                on_progress(f"Preparing {name}: {step}", int(self.n), self.total)
            return True

    return ReportingBar


def _image_and_label(features: Any, name: str, *, uniform: bool) -> tuple[str, str]:
    """Return the names of the features that are the image and its label.

    Raises:
        DataError: There is not exactly one of each, or the images do not have 8 bits or, if `uniform`, a single size.
    """
    import tensorflow_datasets as tfds

    try:
        images = [key for key, feature in features.items() if isinstance(feature, tfds.features.Image)]
        labels = [key for key, feature in features.items() if isinstance(feature, tfds.features.ClassLabel)]
    except AttributeError:
        images = labels = []
    if len(images) != 1 or ("label" not in labels and len(labels) != 1):
        raise DataError(f"The data set {name!r} has no images with labels: its features are {', '.join(features)}.")
    image, label = images[0], "label" if "label" in labels else labels[0]
    shape = features[image].shape
    if features[image].np_dtype != np.uint8 or shape[-1] not in (1, 3):
        raise DataError(f"The data set {name!r} has images of shape {shape}: expected 8 bits and 1 or 3 channels.")
    if uniform and None in shape:
        raise DataError(f"The data set {name!r} has images of several sizes: scale them with --image-size N.")
    return image, label


def _split_names(splits: Any, name: str) -> dict[str, str]:
    """Return TFDS's expression for each of our splits; without "test", take "validation" or a sixth of "train"."""
    if "train" not in splits:
        raise DataError(f"The data set {name!r} has no split 'train': it has {', '.join(splits)}.")
    if "test" in splits:
        return {split: split for split in ("train", "validation", "test") if split in splits}
    if "validation" in splits:
        return {"train": "train", "test": "validation"}
    cut = splits["train"].num_examples * 5 // 6
    return {"train": f"train[:{cut}]", "test": f"train[{cut}:]"}


def _read(builder: Any, split: str, image: str, label: str) -> Iterator[Block]:
    for examples in _batches(builder, split):
        images = [example[image] for example in examples]
        yield images, np.array([int(example[label]) for example in examples])


def _batches(builder: Any, split: str) -> Iterator[list[Any]]:
    """Yield examples by TFDS's random access, or by TensorFlow if the format does not allow that."""
    try:
        source = builder.as_data_source(split)
    except NotImplementedError:
        yield from _read_with_tensorflow(builder, split)
        return
    for start in range(0, len(source), BLOCK):
        yield [source[i] for i in range(start, min(start + BLOCK, len(source)))]


def _read_with_tensorflow(builder: Any, split: str) -> Iterator[list[Any]]:
    import tensorflow_datasets as tfds

    if find_spec("tensorflow") is None:
        raise DataError(
            f"{builder.info.full_name} is stored as {builder.info.file_format}, which only TensorFlow can read: "
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
