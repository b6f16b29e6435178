"""mnistcli in a notebook or a script: the commands as functions.

A function takes a run as the command line does (a name, a path, an architecture, "latest", "builtin"), or the result of
another function. It prints nothing, raises MnistcliError with the sentence that the command would print, and returns a
frozen dataclass that a notebook shows as a table.
"""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import contextmanager, nullcontext
from dataclasses import fields
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnistcli.config import INVERT, RUNS_DIR, SETTINGS, DataChoice, absolute, check_split, choose_data_for
from mnistcli.datasets import Dataset, load
from mnistcli.errors import (
    DataError,
    ImageError,
    InterruptedRunError,
    MnistcliError,
    RunError,
    UsageError,
    unknown,
)
from mnistcli.models import arch_key, configure, is_architecture
from mnistcli.models.flax_file import load_source
from mnistcli.models.settings import KINDS
from mnistcli.process import noted_interrupts
from mnistcli.results.compare import Comparison
from mnistcli.results.evaluate import Evaluation
from mnistcli.results.predict import Prediction, Predictions
from mnistcli.results.shown import Presenter, present_by
from mnistcli.results.train import TrainResult
from mnistcli.runs import Run, RunsFolder
from mnistcli.vision import Source, unpack, unpack_array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import jax
    import numpy as np

    from mnistcli.commands.course import Notify, Session

    RunLike = str | Path | Run | TrainResult
    DataLike = str | Path | Dataset
    Picture = str | Path | np.ndarray

__all__ = [
    "Comparison", "DataError", "Dataset", "Evaluation", "ImageError", "MnistcliError", "Prediction", "Predictions",
    "Run", "RunError", "TrainResult", "UsageError", "compare", "evaluate", "load_data", "load_run", "predict",
    "resume", "train",
]  # fmt: skip

# Settings that `train` does not take, or takes under other names.
APART = {"arch", "seed", "start", "freeze", *(each.name for each in fields(DataChoice))}
HYPER = {each.key: each for name, each in SETTINGS.items() if name not in APART}  # by the flags' names


def train(
    arch: str = "dense",
    *,
    dataset: DataLike = "mnist",
    seed: int = 0,
    name: str | None = None,
    progress: bool = False,
    runs_dir: str | Path = RUNS_DIR,
    **settings: Any,
) -> TrainResult:
    """Train a network as `mnistcli train` does: the same arguments give the same weights, to the bit.

    Ctrl-C and a notebook's stop button raise KeyboardInterrupt after a checkpoint is written; `resume` continues.

    Args:
        arch: A name ("linear", "dense", "cnn", "fast", "convnet"), layers in one line, or "FILE.py:CLASS", which is
            executed.
        dataset: The result of `load_data`, or a name that it takes.
        seed: Seed for initial weights, image order and augmentation.
        name: The run's name; None: the architecture and a number.
        progress: Whether to show progress on stderr.
        runs_dir: The runs folder.
        settings: Settings other than the recipe's, by the names that `mnistcli train --print-config` lists: epochs,
            batch_size, optimizer, lr, weight_decay, patience, schedule, label_smoothing, augment, precision, limit.

    Raises:
        UsageError: An argument is unknown or out of its range, or the runs folder cannot be used.
        DataError: The data set is unknown or damaged.
        MnistcliError: The loss became infinite or NaN, or the disk is full.
    """
    config = configure(arch, data=_choice_of(dataset), **_checked(settings | {"seed": seed}))
    runs = RunsFolder(Path(runs_dir))
    with _jax() as device:
        from mnistcli.commands.train import train as train_run

        load_source(arch)
        return _trained(partial(train_run, config, runs=runs, name=name), device, dataset, progress=progress)


def resume(
    run: str | Path = "latest",
    *,
    arch: str | None = None,
    dataset: DataLike | None = None,
    epochs: int | None = None,
    progress: bool = False,
    runs_dir: str | Path = RUNS_DIR,
) -> TrainResult:
    """Continue an interrupted run from its last checkpoint, with the same result as without the interruption.

    Args:
        run: Its name or path; "latest": the newest that is not finished.
        arch: If the network is a class in a file, "FILE.py:CLASS", which is executed.
        dataset: If the run was started on a folder or file, that, or the result of `load_data`.
        epochs: The total number of epochs; it can change only if the learning rate is constant.
        progress: Whether to show progress on stderr.
        runs_dir: The runs folder.

    Raises:
        RunError: The run does not exist, is finished, or is being trained by another process.
        UsageError, DataError, MnistcliError: As in `train`.
    """
    given: dict[str, Any] = {} if epochs is None else _checked({"epochs": epochs})
    given |= {} if dataset is None else {"dataset": _choice_of(dataset).dataset}
    given |= {} if arch is None else {"arch": arch_key(arch)}
    runs = RunsFolder(Path(runs_dir))
    with _jax() as device:
        from mnistcli.commands.train import resume as resume_run

        load_source(arch)
        return _trained(partial(resume_run, str(run), runs=runs, given=given), device, dataset, progress=progress)


def evaluate(
    run: RunLike = "latest",
    *,
    split: str = "test",
    dataset: DataLike | None = None,
    progress: bool = False,
    runs_dir: str | Path = RUNS_DIR,
) -> Evaluation:
    """Score a run: accuracy with its interval, loss, calibration, confusion matrix.

    Args:
        run: The run.
        split: "test", "validation" or "train".
        dataset: The result of `load_data`, or a name that it takes; None: the data set that the run was trained on.
        progress: Whether to show progress on stderr if the data set must be prepared first.
        runs_dir: The runs folder.

    Raises:
        RunError: The run does not exist, is damaged, or does not fit the data.
        UsageError: The split is unknown, or the run was trained on a folder or file and `dataset` is None.
        DataError: The data set is unknown or damaged.
    """
    check_split(split)
    found = load_run(run, runs_dir=runs_dir)
    images = _load(dataset, _choice_for(found, dataset), progress=progress)
    with _jax():
        from mnistcli.commands.evaluate import evaluate as evaluate_run

        return evaluate_run(found, images, split=split)


def compare(
    *runs: RunLike,
    split: str = "test",
    dataset: DataLike | None = None,
    allow_different_data: bool = False,
    progress: bool = False,
    runs_dir: str | Path = RUNS_DIR,
) -> Comparison:
    """Compare two or more runs on the same images, and say whether the differences could be chance.

    Args:
        runs: The runs; an architecture means its newest finished run on that data set. Nothing is trained.
        split: "test", "validation" or "train".
        dataset: The result of `load_data`, or a name that it takes; None: the data set that the first run was trained
            on.
        allow_different_data: Whether runs may have been trained on different data.
        progress: As in `evaluate`.
        runs_dir: The runs folder.

    Raises:
        UsageError, RunError, DataError: As in `evaluate`; or there are fewer than two runs, or the same run twice.
    """
    check_split(split)
    if len(runs) < 2:
        raise UsageError(f"compare needs two or more runs, not {len(runs)}.")
    named = [run for run in runs if not (isinstance(run, str) and is_architecture(run))]
    first = load_run(named[0], runs_dir=runs_dir) if named else None
    choice = _choice_for(first, dataset)
    found = [_find(run, runs_dir, choice) for run in runs]
    images = _load(dataset, choice, progress=progress)
    with _jax():
        from mnistcli.commands.compare import compare as compare_runs
        from mnistcli.commands.compare import distinct

        return compare_runs(distinct(found), images, split=split, different_data=allow_different_data)


def predict(
    images: Picture | Iterable[Picture],
    *,
    run: RunLike | None = None,
    invert: str = "auto",
    split_digits: bool = False,
    strict: bool = True,
    runs_dir: str | Path = RUNS_DIR,
) -> Predictions:
    """Say which class each picture shows, as `mnistcli predict` does for files.

    Args:
        images: A path, an array with one or many pictures, or several of these. A path is a picture or a file with many
            (.npy, .npz, IDX). An array is [height, width], [height, width, 1, 3 or 4], the same with n before it, or
            [n, 784]: integers from 0 to 255, or numbers from 0 to 1. Pictures may have any size and colour.
        run: The run that answers; None: the newest finished run, or "builtin" if there is none.
        invert: Whether to invert: "yes" if the ink is dark on light paper, "no" if not, "auto" to detect it.
        split_digits: Whether each picture shows a line of digits, to read one by one.
        strict: Whether to raise ImageError for a picture that cannot be read; otherwise its answer has an `error`.
        runs_dir: The runs folder.

    Raises:
        ImageError: A picture cannot be read.
        RunError: The run does not exist, or is damaged.
        UsageError: An argument is unknown, or `split_digits` is true and the run knows other classes than digits.
    """
    if invert not in INVERT:
        raise UsageError(unknown("choice of invert", invert, INVERT))
    folder = RunsFolder(Path(runs_dir))
    found = load_run(run or folder.default(), runs_dir=runs_dir)
    with _jax() if found.needs_jax else nullcontext():
        from mnistcli.commands.predict import predict as predict_pictures

        answers = predict_pictures(
            _sources(images, "images"),
            [found],
            invert=invert,
            split_digits=split_digits,
            on_device=found.needs_jax,
            alone=True,  # a script's own processes would run the script again
        )
        return Predictions(_raising(answers) if strict else answers)


def load_run(run: RunLike = "latest", *, runs_dir: str | Path = RUNS_DIR) -> Run:
    """Return a run: a path, a run's name, an architecture (its newest finished run), "latest" or "builtin".

    Raises:
        RunError: There is none, or it has no weights.
    """
    return _find(run, runs_dir)


def load_data(
    name: str | Path = "mnist",
    *,
    image_size: int | None = None,
    grayscale: bool = False,
    mnist_like: bool = False,
    class_names: Sequence[str] | None = None,
    data_dir: str | Path | None = None,
    offline: bool = False,
    progress: bool = False,
) -> Dataset:
    """Return a data set's training, validation and test images; on first use they are decoded into the user's cache.

    Args:
        name: "mnist", a folder of IDX files or of pictures by class, an .npz file, or a TFDS name.
        image_size: The side, in pixels, to scale every image to.
        grayscale: Whether to convert images to greyscale.
        mnist_like: Whether to convert each picture of a digit to MNIST's format, as `predict` does.
        class_names: The class names in order.
        data_dir: The folder for data sets that TFDS prepares; None: its default.
        offline: Whether to never use the network.
        progress: Whether to show the progress of preparing it on stderr.

    Raises:
        DataError: It is unknown, missing or damaged.
        UsageError: A value is out of its range.
    """
    choice = DataChoice(
        dataset=absolute(str(name)),
        image_size=image_size,
        grayscale=grayscale,
        mnist_like=mnist_like,
        class_names=None if class_names is None else tuple(class_names),
    )
    place = None if data_dir is None else Path(data_dir)
    return _load(None, choice, data_dir=place, offline=offline, progress=progress)


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings by attribute of TrainConfig."""
    known = HYPER | {"seed": SETTINGS["seed"]}
    for name, value in settings.items():
        if name not in known:
            raise UsageError(unknown("setting of train", name, HYPER))
        kind: Any = float | int if known[name].kind is float else known[name].kind
        if not isinstance(value, kind):
            raise UsageError(f"{name} must be {KINDS[known[name].kind]}, not {value!r}.")
    return {known[name].name: value for name, value in settings.items()}


def _choice_of(dataset: DataLike) -> DataChoice:
    return dataset.choice if isinstance(dataset, Dataset) else DataChoice(dataset=absolute(str(dataset)))


def _choice_for(run: Run | None, dataset: DataLike | None) -> DataChoice:
    """Return the requested data set, by default the one that the run was trained on."""
    if isinstance(dataset, Dataset):
        return dataset.choice
    given = {} if dataset is None else {"dataset": absolute(str(dataset))}
    return choose_data_for(run.name if run else "", run.data() if run else DataChoice(), given)


def _find(run: RunLike, runs_dir: str | Path, choice: DataChoice | None = None) -> Run:
    if isinstance(run, Run):
        return run
    text = str(run.folder if isinstance(run, TrainResult) else run)
    return RunsFolder(Path(runs_dir)).find(text, data=choice)


def _load(dataset: DataLike | None, choice: DataChoice, *, progress: bool = False, **options: Any) -> Dataset:
    """Return the data set if it is loaded, or load it."""
    if isinstance(dataset, Dataset):
        return dataset
    if not progress:
        return load(choice, **options)
    from mnistcli.render.progress import PreparationProgress
    from mnistcli.render.screen import Screen

    with PreparationProgress(Screen(sys.stderr, force_jupyter=False)) as tell:
        return load(choice, on_progress=tell, **options)


def _trained(
    work: Callable[[Session], TrainResult], device: str, dataset: DataLike | None, *, progress: bool
) -> TrainResult:
    """Train in this process; Ctrl-C leaves a checkpoint."""
    from mnistcli.commands.course import Session

    with _progress(shown=progress) as notify:
        load_it = partial(_load, dataset, progress=progress)
        try:
            return work(Session(notify, device, load=load_it, interrupts=noted_interrupts))
        except InterruptedRunError as error:
            raise KeyboardInterrupt(str(error)) from None


@contextmanager
def _progress(*, shown: bool) -> Iterator[Notify]:
    if not shown:
        yield lambda _: None
        return
    from mnistcli.render.progress import TrainingProgress
    from mnistcli.render.screen import Screen

    with TrainingProgress(Screen(sys.stderr, force_jupyter=False)) as notify:
        yield notify


@contextmanager
def _jax() -> Iterator[str]:
    """Set JAX up as the commands do, and yield its device's name.

    A notebook's own settings, such as 64-bit numbers, apply only outside this block, so weights do not depend on them.
    """
    name, device = _set_up_jax()
    import jax

    with (
        jax.default_device(device),
        jax.enable_x64(False),
        jax.default_matmul_precision(None),
        jax.default_prng_impl("threefry2x32"),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        yield name


@cache
def _set_up_jax() -> tuple[str, jax.Device]:
    """Set JAX up once, and return its device's name and the first device.

    A notebook that has already used JAX keeps its default device and its compilation cache.
    """
    from mnistcli.jax_setup import set_up

    used = sys.modules.get("jax")
    cached, chosen = (used.config.jax_compilation_cache_dir, used.config.jax_default_device) if used else (None, None)
    read = {name: value for name, value in os.environ.items() if used and name.startswith(("JAX_", "FLAX_"))}
    name = set_up(cache=cached is None, notify=partial(warnings.warn, stacklevel=5) if not used else lambda _: None)
    os.environ.update(read)  # the notebook's JAX has read them, and its child processes may
    config: Any = sys.modules["jax"].config
    device = config.jax_default_device
    config.update("jax_default_device", chosen)
    return name, device


def _sources(images: Any, name: str) -> Iterator[Source]:
    """Yield every picture; pictures in arrays are named by their number, as in "images#3"."""
    if isinstance(images, str | Path):
        yield from unpack(Source(str(images)))
    elif hasattr(images, "__array__") or hasattr(images, "__array_interface__"):
        import numpy as np

        yield from unpack_array(np.asarray(images), name=name)
    else:
        for i, each in enumerate(images):
            yield from _sources(each, f"{name}#{i}")


def _raising(answers: Iterable[Prediction]) -> Iterator[Prediction]:
    for answer in answers:
        if answer.error is not None:
            raise ImageError(f"{answer.path!r} {answer.error}.")
        yield answer


def _presenter() -> Presenter:
    from mnistcli.render import notebook

    return notebook


present_by(_presenter)
