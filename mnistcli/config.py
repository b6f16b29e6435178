"""What a training run is told to do: one frozen dataclass with its checks, and the optimizers it may name."""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from mnistcli.errors import UsageError, unknown

RUNS_DIR = Path("runs")
DEVICES = ("auto", "cpu", "gpu", "tpu")
PRECISIONS = ("float32", "bfloat16", "highest")
SCHEDULES = ("constant", "cosine", "one-cycle")
PICTURES = ("digit", "whole")  # how a picture becomes what a network reads: its digit as MNIST has it, or as it is
INVERT = ("auto", "yes", "no")
SPLITS = ("train", "validation", "test")
THEMES = ("light", "dark")  # of figures
LAYOUTS = ("nhwc", "nchw")  # whether an image's channels come last or first
ONNX_OUTPUTS = ("logits", "probabilities")
CORRUPTIONS = (
    "shot_noise", "impulse_noise", "glass_blur", "motion_blur", "shear", "scale", "rotate", "brightness", "translate",
    "stripe", "fog", "spatter", "dotted_line", "zigzag", "canny_edges",
)  # fmt: skip
LARGEST_SIDE = 4096  # pixels of an image of a data set
MOST_EPOCHS = 30_000  # a run's files tell of each, and no more of a file is read than so many fill


@dataclass(frozen=True)
class OptimizerChoice:
    """The learning rate and the weight decay that an optimizer has where neither a flag nor a recipe gives another."""

    learning_rate: float
    weight_decay: float = 0.0


OPTIMIZERS = {
    "sgd": OptimizerChoice(0.01),
    "rmsprop": OptimizerChoice(0.001),
    "adam": OptimizerChoice(0.001),
    "adamw": OptimizerChoice(0.001, weight_decay=1e-4),
}


def find_optimizer(name: str) -> OptimizerChoice:
    """Return the optimizer of that name.

    Raises:
        UsageError: There is no such optimizer.
    """
    if name not in OPTIMIZERS:
        raise UsageError(unknown("optimizer", name, OPTIMIZERS))
    return OPTIMIZERS[name]


def check_split(name: str) -> None:
    """Raise UsageError where there is no split of that name."""
    if name not in SPLITS:
        raise UsageError(unknown("split", name, SPLITS))


def check_theme(name: str) -> None:
    """Raise UsageError where figures have no theme of that name."""
    if name not in THEMES:
        raise UsageError(unknown("theme", name, THEMES))


def find_corruptions(text: str) -> tuple[str, ...]:
    """Return the corruptions that names with commas between them stand for, each once; "all" is all of them.

    Raises:
        UsageError: There is no such corruption.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    known = ("all", *CORRUPTIONS)
    for name in names:
        if name not in known:
            raise UsageError(unknown("corruption", name, known))
    return CORRUPTIONS if "all" in names else names


@dataclass(frozen=True, kw_only=True)
class DataChoice:
    """A data set and what is made of it.

    Attributes:
        dataset: "mnist", the absolute path of a folder or file, or a TFDS name.
        image_size: The side, in pixels, that every image is scaled to; None: as they are.
        grayscale: Whether colours become grey.
        mnist_like: Whether each picture is made what MNIST holds, as `predict` does.
        class_names: The classes' names in the order of their numbers; None: the data set's own.

    Raises:
        UsageError: A value is out of its range.
    """

    dataset: str = "mnist"
    image_size: int | None = None
    grayscale: bool = False
    mnist_like: bool = False
    class_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.image_size is not None and not 1 <= self.image_size <= LARGEST_SIDE:
            raise UsageError(f"--image-size must be from 1 to {LARGEST_SIDE}, not {self.image_size}.")
        if self.mnist_like and self.image_size not in (None, 28):
            raise UsageError("--mnist-like makes images of 28 pixels a side: leave --image-size out.")
        if self.class_names is not None:
            object.__setattr__(self, "class_names", tuple(self.class_names))  # JSON has lists alone

    @property
    def is_path(self) -> bool:
        """Whether it lies in a folder or file that the user named."""
        return Path(self.dataset).is_absolute()

    def same_images(self, other: "DataChoice") -> bool:
        """Whether the images are the same, whatever their classes are called."""
        return replace(self.choice(), class_names=None) == replace(other.choice(), class_names=None)

    def choice(self) -> "DataChoice":
        """Return the choice of data alone."""
        return DataChoice(**{each.name: getattr(self, each.name) for each in fields(DataChoice)})


def choose_data(given: Mapping[str, Any], before: DataChoice | None = None) -> DataChoice:
    """Return the data set that is asked for: what is given, by attribute, in place of what was chosen before.

    Another data set than before is taken as it is, and not converted as that was.
    """
    if before is None or given.get("dataset", before.dataset) != before.dataset:
        before = DataChoice()
    return replace(before, **given)


def choose_data_for(run: str, before: DataChoice, given: Mapping[str, Any]) -> DataChoice:
    """Return the data set that is asked for, by default what a run was trained on.

    Raises:
        UsageError: That is a path: what a file names is not opened unless the user names it too.
    """
    if before.is_path and "dataset" not in given:
        raise UsageError(f"The run {run!r} was trained on {before.dataset!r}: name a data set with --dataset.")
    return choose_data(given, before)


def absolute(dataset: str) -> str:
    """Return a folder or file with its whole path, so that a run still says what it was after a change of folder."""
    if not dataset or "\0" in dataset:
        raise UsageError(f"--dataset {dataset!r} names nothing.")
    there = dataset != "mnist" and os.path.exists(dataset)  # noqa: PTH110  (Path.exists may raise)
    return str(Path(dataset).absolute()) if there else dataset


@dataclass(frozen=True, kw_only=True)
class OnnxReading:
    """How to read another program's ONNX file, where the user says so.

    Attributes:
        layout: One of LAYOUTS; None: told from the file.
        output: One of ONNX_OUTPUTS; None: told from the file's answers.
        scale: What to divide pixels from 0 to 255 by, for a network of floats.
        mean: What to subtract then, one number or one for each channel.
        std: What to divide by then, likewise.

    Raises:
        UsageError: A value is out of its range.
    """

    layout: str | None = None
    output: str | None = None
    scale: float = 255.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        for flag, name, known in (("input", self.layout, LAYOUTS), ("output", self.output, ONNX_OUTPUTS)):
            if name is not None and name not in known:
                raise UsageError(unknown(f"--onnx-{flag}", name, known))
        for flag, numbers, least in (
            ("scale", (self.scale,), 0.0), ("mean", self.mean, -math.inf), ("std", self.std, 0.0),
        ):  # fmt: skip
            if not numbers or not all(least < number < math.inf for number in numbers):
                raise UsageError(f"--onnx-{flag} takes {'a number above 0' if least == 0 else 'a number'}.")

    @property
    def changes_pixels(self) -> bool:
        """Whether it says more than pixels / 255."""
        return (self.scale, self.mean, self.std) != (255.0, (0.0,), (1.0,))


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """The processes that train one run together, on one machine or on many.

    Attributes:
        coordinator: HOST:PORT on which the first process listens; None: JAX finds out, as from Slurm.
        processes: How many they are; None likewise.
        process: The number of this one, from 0; None likewise.

    Raises:
        UsageError: Only some are given, or a value is out of its range.
    """

    coordinator: str | None = None
    processes: int | None = None
    process: int | None = None

    def __post_init__(self) -> None:
        if None in (given := (self.coordinator, self.processes, self.process)):
            if given != (None, None, None):
                raise UsageError("Give --coordinator, --num-processes and --process-id together, or none of them.")
            return
        if not re.fullmatch(r"[^\s:]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", self.coordinator or ""):
            raise UsageError(f"--coordinator takes HOST:PORT, as in 10.0.0.1:5000, not {self.coordinator!r}.")
        if not 1 <= int((self.coordinator or "").rpartition(":")[2]) < 2**16:
            raise UsageError(f"The port of --coordinator must be from 1 to {2**16 - 1}: {self.coordinator!r}.")
        _at_least("--num-processes", self.processes or 0, 1)
        if not 0 <= (self.process or 0) < (self.processes or 1):
            raise UsageError(f"--process-id must be from 0 to {(self.processes or 1) - 1}, not {self.process}.")


@dataclass(frozen=True, kw_only=True)
class TrainConfig(DataChoice):
    """Everything that decides what a run's weights become; the same values give the same weights.

    Attributes:
        weight_decay: AdamW subtracts this share of each weight and bias, times the learning rate, at every step
            (decoupled decay); the other optimizers add it to the gradient (L2).
        patience: Epochs without a new best training accuracy after which training stops; 0: never.
        schedule: How the learning rate goes on: "constant"; "cosine", down to 0 at the last epoch's end; or
            "one-cycle", up from a 25th of it in the first 30 % of the steps, then down to nearly 0.
        label_smoothing: The share of each training label that is spread evenly over all classes.
        augment: Whether every training image is changed at random each time that it is seen.
        precision: How exactly products are computed, one of PRECISIONS: see `models.precision`.
        limit: Train on the first `limit` images of the training split only; None: on all.
        source_sha256: Of the file that the network is written in, where `arch` is FILE.py:CLASS.
        start: The run that gives the first weights, where they fit; None: they are random.
        freeze: The layers, by name, that stay as they begin.
        rejects: Whether the network has one more class, "none of these", with the logit 0, as its start has.

    Raises:
        UsageError: A value is out of its range.
    """

    arch: str
    optimizer: str
    learning_rate: float
    epochs: int
    batch_size: int
    patience: int
    weight_decay: float
    schedule: str = "constant"
    label_smoothing: float = 0.0
    augment: bool = False
    precision: str = "float32"
    seed: int = 0
    limit: int | None = None
    source_sha256: str | None = None
    start: str | None = None
    freeze: tuple[str, ...] = ()
    rejects: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "freeze", tuple(self.freeze))  # JSON has lists alone
        find_optimizer(self.optimizer)
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise UsageError(f"--lr must be a finite number above 0, not {self.learning_rate:g}.")
        if not 0 <= self.weight_decay <= 1:
            raise UsageError(f"--weight-decay must be from 0 to 1, not {self.weight_decay}.")
        if self.schedule not in SCHEDULES:
            raise UsageError(unknown("schedule", self.schedule, SCHEDULES))
        if self.precision not in PRECISIONS:
            raise UsageError(unknown("precision", self.precision, PRECISIONS))
        if self.precision == "bfloat16" and self.source_sha256:
            raise UsageError(
                "--precision bfloat16 is for networks in one line: a class in Flax chooses its own dtypes."
            )
        if not 0 <= self.label_smoothing < 1:
            raise UsageError(f"--label-smoothing must be at least 0 and below 1, not {self.label_smoothing:g}.")
        _at_least("--epochs", self.epochs, 1)
        if self.epochs > MOST_EPOCHS:
            raise UsageError(f"--epochs must be at most {MOST_EPOCHS}, not {self.epochs}.")
        _at_least("--batch-size", self.batch_size, 1)
        _at_least("--patience", self.patience, 0)
        _at_least("--seed", self.seed, 0)
        if self.seed >= 2**32:
            raise UsageError(f"--seed must be below 2**32, not {self.seed}.")
        if self.limit is not None:
            _at_least("--limit", self.limit, 1)


FLAGS = {"learning_rate": "--lr", "start": "--from"}  # where a flag is not its attribute's name


def flag_of(name: str) -> str:
    """Return the flag that sets an attribute of TrainConfig."""
    return FLAGS.get(name, f"--{name.replace('_', '-')}")


def go_on(config: TrainConfig, given: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration to resume a run with: another number of epochs at most, all else as it is.

    Args:
        config: The run's.
        given: What the user says of it, by attribute; None where nothing.

    Raises:
        UsageError: Something else is said than what the run was begun with.
    """
    for name, value in given.items():
        own, flag = getattr(config, name), flag_of(name)
        if value is None or value == own:
            continue
        if name != "epochs":
            raise UsageError(f"{flag} {value} contradicts --resume: the run was begun with {flag} {own}.")
        if config.schedule != "constant":
            raise UsageError(f"--epochs {value} contradicts --resume: the learning rate's schedule ends at {own}.")
    return replace(config, epochs=given.get("epochs") or config.epochs)


def _at_least(flag: str, value: int, least: int) -> None:
    if value < least:
        raise UsageError(f"{flag} must be at least {least}, not {value}.")
