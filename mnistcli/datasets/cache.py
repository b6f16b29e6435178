"""Data sets decoded once: raw uint8 pixels in the user's cache folder, read through memory maps.

An entry is a folder `SOURCE-VERSION`: SOURCE is a hash of where the data come from and how they are converted, VERSION
a hash of the state of the original files. An entry is written under a temporary name and renamed once it is complete.
Only one process at a time can hold the lock to write one, and it first removes what a killed process left behind.
"""

import hashlib
import json
import mmap
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import AcquireReturnProxy, FileLock, Timeout

from mnistcli.config import DataChoice
from mnistcli.datasets.conversion import conversion
from mnistcli.datasets.dataset import Dataset, Split, digests, fingerprint, hold_out_validation
from mnistcli.datasets.source import Images, OnProgress, Original, Source
from mnistcli.errors import DataError, ImageError, suggestion
from mnistcli.files import user_cache
from mnistcli.process import cleaning_up

SCHEMA = "mnistcli.dataset/1"
ABOUT = "about.json"
LOCK = ".lock"
UNFINISHED = ".unfinished"  # prefix of temporary names; only the process with the lock uses them
LABELS = np.dtype("<i4")
MOST_CLASSES = 65_536


@dataclass(frozen=True)
class About:
    """The content of an entry's about.json."""

    dataset: str
    location: str
    class_names: tuple[str, ...]
    named: bool
    highest_label: int
    image_shape: tuple[int, int, int]
    images: dict[str, int]
    fingerprint: str


def cache_folder() -> Path:
    """Return the folder of decoded data sets; it may not exist yet."""
    return user_cache() / "datasets"


def entries() -> list[tuple[Path, About]]:
    """Return every complete entry with its description."""
    found = [(each, _read_about(each)) for each in sorted(cache_folder().glob("*-*")) if each.is_dir()]
    return [(folder, about) for folder, about in found if about is not None]


def clean(dataset: str | None = None) -> int:
    """Remove the entries of a data set, or all of them, and return how many bytes they took.

    Raises:
        DataError: The data set has no entry.
    """
    every = entries()
    chosen = [folder for folder, about in every if dataset in (None, about.dataset)]
    if dataset is not None and not chosen:
        known = {about.dataset for _, about in every}
        raise DataError(f"The cache has no data set {dataset!r}{suggestion(dataset, known)}")
    freed = sum(file.stat().st_size for folder in chosen for file in folder.iterdir())
    for folder in chosen:
        shutil.rmtree(folder)
    return freed


def find(source: Source, choice: DataChoice) -> Dataset | None:
    """Return the data set from its entry; None if it was not decoded yet."""
    folder = _entry(source, choice)
    about = _read_about(folder)
    return None if about is None else _open(folder, about, choice)


def store(source: Source, choice: DataChoice, *, on_progress: OnProgress) -> None:
    """Decode the data set into the cache, unless another process has just done so.

    Raises:
        DataError: It is damaged or not a data set of labelled images, or the cache cannot be written.
    """
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        with _locked(on_progress):
            _discard_unfinished()
            if find(source, choice) is None:
                with cleaning_up(_discard_unfinished):
                    _store(source, choice, on_progress)
    except OSError as error:
        raise DataError(
            f"The data set {choice.dataset!r} cannot be decoded into {str(cache_folder())!r}: "
            f"{error.strerror or error}; set MNISTCLI_CACHE_DIR to use another folder."
        ) from error


def discard_unfinished() -> None:
    """Remove what a killed process left unfinished, unless another process is writing an entry now."""
    with suppress(Timeout, OSError), FileLock(cache_folder() / LOCK, timeout=0):
        _discard_unfinished()


def _discard_unfinished() -> None:
    """Remove unfinished entries; the caller must hold the lock."""
    for unfinished in cache_folder().glob(f"{UNFINISHED}*"):
        shutil.rmtree(unfinished, ignore_errors=True)


def _locked(on_progress: OnProgress) -> "AcquireReturnProxy[FileLock]":
    lock = FileLock(cache_folder() / LOCK)
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        on_progress("Waiting for another process that is decoding a data set", 0, None)
        return lock.acquire()


def _store(source: Source, choice: DataChoice, on_progress: OnProgress) -> None:
    final = _entry(source, choice)
    unfinished = cache_folder() / UNFINISHED
    unfinished.mkdir()
    original = source.open(uniform=choice.image_size is None and not choice.mnist_like, on_progress=on_progress)
    about = _decode(original, source, choice, unfinished, on_progress)
    (unfinished / ABOUT).write_text(json.dumps({"schema": SCHEMA, **asdict(about)}), encoding="utf-8")
    for older in cache_folder().glob(f"{final.name.split('-')[0]}-*"):
        shutil.rmtree(older)
    unfinished.rename(final)


def _decode(original: Original, source: Source, choice: DataChoice, folder: Path, on_progress: OnProgress) -> About:
    writers = {}
    for name, read in original.splits.items():
        with _Writer(folder, name, choice) as writers[name]:
            for images, labels in read():
                writers[name].write(images, labels)
                on_progress(f"Decoding {choice.dataset}, {name} images", writers[name].n, None)
    shapes = {writer.shape for writer in writers.values() if writer.n}
    if "test" not in writers or not writers["test"].n:
        raise DataError(f"The data set {choice.dataset!r} has no test images.")
    if len(shapes) > 1:
        raise DataError(f"The data set {choice.dataset!r} has images of {len(shapes)} shapes: use --image-size.")
    (shape,) = shapes
    highest = max(writer.highest for writer in writers.values())
    parts = {"train": _sums(writers, "train") + _sums(writers, "validation"), "test": _sums(writers, "test")}
    return About(
        dataset=choice.dataset,
        location=f"{source.location} {original.version}".rstrip(),
        class_names=original.class_names or tuple(map(str, range(max(highest + 1, 2)))),
        named=original.class_names is not None,
        highest_label=highest,
        image_shape=shape,
        images={name: writer.n for name, writer in writers.items()},
        fingerprint=fingerprint(shape, parts),
    )


def _sums(writers: "dict[str, _Writer]", name: str) -> list[bytes]:
    return writers[name].digests if name in writers else []


def _class_names(about: About, choice: DataChoice) -> tuple[str, ...]:
    names = choice.class_names or about.class_names
    if about.highest_label >= len(names):
        raise DataError(
            f"The data set {choice.dataset!r} has a label {about.highest_label}, but only {len(names)} class names."
        )
    if not all(name.isprintable() for name in names):
        raise DataError(f"The data set {choice.dataset!r} has a class name with control characters: {names!r}.")
    if len(set(names)) < len(names):
        raise DataError(f"The data set {choice.dataset!r} has two classes with the same name: {', '.join(names)}.")
    return names


class _Writer:
    """Converts one split's images and appends them, and their labels, to two files."""

    def __init__(self, folder: Path, split: str, choice: DataChoice) -> None:
        self._files = [(folder / f"{split}.{kind}").open("wb") for kind in ("images", "labels")]
        self._split, self._dataset, self._convert = split, choice.dataset, conversion(choice)
        self.n, self.highest = 0, -1
        self.shape: tuple[int, int, int] = (0, 0, 0)
        self.digests: list[bytes] = []

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            with file:
                file.flush()
                os.fsync(file.fileno())

    def write(self, originals: Images, labels: np.ndarray) -> None:
        if not len(originals):
            return
        images = self._converted(originals)
        height, width, channels = images.shape[1:]
        if self.n and (height, width, channels) != self.shape:
            raise DataError(f"The data set {self._dataset!r} has images of several shapes: use --image-size.")
        if labels.min() < 0 or labels.max() >= MOST_CLASSES:
            raise DataError(f"The data set {self._dataset!r} has a label outside 0 to {MOST_CLASSES - 1:,}.")
        self.shape, self.n = (height, width, channels), self.n + len(images)
        self.highest = max(self.highest, int(labels.max()))
        self.digests += digests(images, labels)
        self._files[0].write(np.ascontiguousarray(images).data)
        self._files[1].write(labels.astype(LABELS).tobytes())

    def _converted(self, originals: Images) -> np.ndarray:
        if self._convert is None:
            return np.asarray(originals)
        images = []
        for i, original in enumerate(originals, start=self.n):
            try:
                images.append(self._convert(original))
            except ImageError as error:
                raise DataError(
                    f"{self._split} image {i} of {self._dataset!r} {error}: --mnist-like needs a digit in every image."
                ) from error
        return np.stack(images)


def _entry(source: Source, choice: DataChoice) -> Path:
    made_of = [source.location, choice.image_size, choice.grayscale, choice.mnist_like]
    return cache_folder() / f"{_short_hash(json.dumps(made_of))}-{_short_hash(source.signature())}"


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _read_about(folder: Path) -> About | None:
    """Return an entry's description; None if there is no entry, or it is incomplete and must be made again."""
    try:
        content: dict[str, Any] = json.loads((folder / ABOUT).read_bytes())
        if content.pop("schema") != SCHEMA:
            return None
        content |= {name: tuple(content[name]) for name in ("class_names", "image_shape")}
        about = About(**content)
        pixels = int(np.prod(about.image_shape))
        complete = all(
            (folder / f"{split}.images").stat().st_size == n * pixels
            and (folder / f"{split}.labels").stat().st_size == n * LABELS.itemsize
            for split, n in about.images.items()
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return about if complete else None


def _open(folder: Path, about: About, choice: DataChoice) -> Dataset:
    splits = {name: _map(folder, name, n, about.image_shape) for name, n in about.images.items()}
    train = splits.get("train") or _map(folder, "train", 0, about.image_shape)
    if "validation" not in splits:
        train, splits["validation"] = hold_out_validation(train)
    return Dataset(
        choice=choice,
        train=train,
        validation=splits["validation"],
        test=splits["test"],
        class_names=_class_names(about, choice),
        named=about.named or choice.class_names is not None,
        fingerprint=about.fingerprint,
        location=about.location,
    )


def release(images: np.ndarray) -> None:
    """Give the memory of a memory map's images back to the system; they are read again when needed.

    Otherwise every page that was ever read would count as this process's memory.
    """
    base: Any = images
    while base is not None and not isinstance(base, mmap.mmap):
        base = getattr(base, "base", None)
    if base is not None and hasattr(base, "madvise"):
        base.madvise(mmap.MADV_DONTNEED)


def _map(folder: Path, split: str, n: int, shape: tuple[int, int, int]) -> Split:
    if not n:
        return Split(np.zeros((0, *shape), np.uint8), np.zeros(0, LABELS))
    images = np.memmap(folder / f"{split}.images", np.uint8, "r", shape=(n, *shape))
    return Split(images, np.fromfile(folder / f"{split}.labels", LABELS))
