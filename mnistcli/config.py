"""The configuration of a training: frozen dataclasses that declare each setting once, with its checks and its help.

To add a setting, add a field here; `mnistcli.declaration` says what is derived from it.
"""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from mnistcli.declaration import Bound, at_least, at_most, between, check_settings, declared, setting
from mnistcli.errors import UsageError, unknown
from mnistcli.optimizers import OPTIMIZERS, SCHEDULES

RUNS_DIR = Path("runs")
DEVICES = ("auto", "cpu", "gpu", "tpu")
PRECISIONS = ("float32", "bfloat16", "highest")
PICTURES = ("digit", "whole")  # how a picture is converted: its digit as in MNIST, or the whole picture as it is
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
MOST_EPOCHS = 30_000  # run files list every epoch, and readers limit file sizes accordingly
# The reader of a data set in one file, by suffix: a class in mnistcli.datasets, imported when it is needed.
DATA_FILES = {".npz": "npz.NpzFile"}
RATES = ("learning_rate", "weight_decay")  # for which each optimizer has a default


def check_split(name: str) -> None:
    """Raise UsageError if the split is unknown."""
    if name not in SPLITS:
        raise UsageError(unknown("split", name, SPLITS))


def check_theme(name: str) -> None:
    """Raise UsageError if figures have no theme of that name."""
    if name not in THEMES:
        raise UsageError(unknown("theme", name, THEMES))


def find_corruptions(text: str) -> tuple[str, ...]:
    """Return the corruptions in a comma-separated list, without duplicates; "all" stands for all of them.

    Raises:
        UsageError: The corruption is unknown.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    known = ("all", *CORRUPTIONS)
    for name in names:
        if name not in known:
            raise UsageError(unknown("corruption", name, known))
    return CORRUPTIONS if "all" in names else names


@dataclass(frozen=True, kw_only=True)
class DataChoice:
    """A data set and how it is converted.

    Attributes:
        dataset: "mnist", the absolute path of a folder or file, or a TFDS name.
        image_size: The side, in pixels, that every image is scaled to; None: as they are.
        grayscale: Convert images to greyscale.
        mnist_like: Whether each picture is converted to MNIST's format, as `predict` does.
        class_names: The classes' names in the order of their numbers; None: the data set's own.

    Raises:
        UsageError: A value is out of its range.
    """

    dataset: str = setting(
        "mnist",
        metavar="DATA",
        shown="the run's own, or mnist",
        help=f"mnist, a folder of IDX files or of pictures by class, an {' or '.join(DATA_FILES)} file, or a TFDS "
        "name.",
    )
    image_size: int | None = setting(
        None, metavar="N", help="Scale every image to N×N pixels.", bounds=(between(1, LARGEST_SIDE),)
    )
    grayscale: bool = setting(False, help="Convert images to greyscale.")
    mnist_like: bool = setting(False, help="Convert each picture to MNIST's format, as predict does.")
    class_names: tuple[str, ...] | None = setting(
        None,
        metavar="NAMES|FILE",
        help="The class names in order, separated by commas, or a file with one per line.",
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.mnist_like and self.image_size not in (None, 28):
            raise UsageError("--mnist-like makes images of 28×28 pixels: leave out --image-size.")
        if self.class_names is not None:
            object.__setattr__(self, "class_names", tuple(self.class_names))  # JSON has only lists

    @property
    def is_path(self) -> bool:
        """Whether it is a folder or file that the user named."""
        return Path(self.dataset).is_absolute()

    def same_images(self, other: "DataChoice") -> bool:
        """Whether the images are the same; the class names may differ."""
        return replace(self, class_names=None) == replace(other, class_names=None)


def choose_data(given: Mapping[str, Any], before: DataChoice | None = None) -> DataChoice:
    """Return the requested data set: the given values, by attribute, override those chosen before.

    A different data set does not inherit the conversion of the one before.
    """
    if before is None or given.get("dataset", before.dataset) != before.dataset:
        before = DataChoice()
    return replace(before, **given)


def choose_data_for(run: str, before: DataChoice, given: Mapping[str, Any]) -> DataChoice:
    """Return the requested data set, by default the one that a run was trained on.

    Raises:
        UsageError: That is a path: a path in a run's file is opened only if the user names it too.
    """
    if before.is_path and "dataset" not in given:
        raise UsageError(f"The run {run!r} was trained on {before.dataset!r}: name a data set with --dataset.")
    return choose_data(given, before)


def absolute(dataset: str) -> str:
    """Return a folder or file as an absolute path, so that a run's record does not depend on the working folder."""
    if not dataset or "\0" in dataset:
        raise UsageError(f"--dataset needs a name or path, not {dataset!r}.")
    there = dataset != "mnist" and os.path.exists(dataset)  # noqa: PTH110  (Path.exists may raise)
    return str(Path(dataset).absolute()) if there else dataset


def place_flags(runs_dir: Path, dataset: str = "") -> list[str]:
    """Return the flags that a command needs for a runs folder other than RUNS_DIR and for a data set that is a path."""
    folder = [] if runs_dir == RUNS_DIR else ["--runs-dir", str(runs_dir)]
    return [*folder, *(["--dataset", dataset] if Path(dataset).is_absolute() else [])]


@dataclass(frozen=True, kw_only=True)
class OnnxReading:
    """The options for reading another program's ONNX file.

    Attributes:
        layout: One of LAYOUTS; None: detected from the file.
        output: One of ONNX_OUTPUTS; None: detected from the file's answers.
        scale: Divisor of pixels from 0 to 255, for a network of floats.
        mean: Subtracted after that; one number, or one per channel.
        std: Divisor after that; one number, or one per channel.

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
        """Whether it differs from pixels / 255."""
        return (self.scale, self.mean, self.std) != (255.0, (0.0,), (1.0,))


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """The processes that train one run together, on one machine or on many.

    Attributes:
        coordinator: HOST:PORT on which the first process listens; None: JAX detects it, for example from Slurm.
        processes: The number of processes; None: JAX detects it.
        process: This process's number, from 0; None: JAX detects it.

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
        if (self.processes or 0) < 1:
            raise UsageError(f"--num-processes must be at least 1, not {self.processes}.")
        if not 0 <= (self.process or 0) < (self.processes or 1):
            raise UsageError(f"--process-id must be from 0 to {(self.processes or 1) - 1}, not {self.process}.")


@dataclass(frozen=True, kw_only=True)
class Hyper:
    """The hyper-parameters: set by a recipe, overridden by flags or a file.

    A learning rate or weight decay of None means the optimizer's default.

    Raises:
        UsageError: A value is out of its range.
    """

    epochs: int = setting(12, metavar="N", help="Maximum number of epochs.", bounds=(at_least(1), at_most(MOST_EPOCHS)))
    batch_size: int = setting(32, metavar="N", help="Images per step.", bounds=(at_least(1),))
    optimizer: str = setting(help="The optimizer.", choices=OPTIMIZERS)
    learning_rate: float = setting(
        None,
        flags=("--lr",),
        metavar="RATE",
        help="Learning rate.",
        bounds=(Bound("a finite number above 0", lambda rate: 0 < rate < math.inf),),
    )
    weight_decay: float = setting(
        None,
        metavar="SHARE",
        help="AdamW's decoupled weight decay; for the other optimizers L2: the share of each weight that is added to "
        "its gradient.",
        bounds=(between(0, 1),),
    )
    patience: int = setting(
        1,
        metavar="N",
        help="Stop when training accuracy has not risen for N epochs; 0: never.",
        bounds=(at_least(0),),
    )
    schedule: str = setting(
        "constant",
        help="; ".join(
            [
                "How the learning rate changes",
                *(f"{name}: {each.meaning}" for name, each in SCHEDULES.items() if each.meaning),
            ]
        )
        + ".",
        choices=SCHEDULES,
    )
    label_smoothing: float = setting(
        0.0,
        metavar="SHARE",
        help="The share of each label that is spread over all classes.",
        bounds=(Bound("at least 0 and below 1", lambda share: 0 <= share < 1),),
    )
    augment: bool = setting(
        False,
        help="Randomly shift, rotate, scale, shear, thicken and blur each image.",
        negatable=True,
    )

    def __post_init__(self) -> None:
        declared(Hyper)["optimizer"].check(self.optimizer)
        for name in RATES:
            if getattr(self, name) is None:
                object.__setattr__(self, name, getattr(OPTIMIZERS[self.optimizer], name))
        check_settings(self)

    def changed(self, values: Mapping[str, Any]) -> "Hyper":
        """Return a copy with some values changed; another optimizer brings its own rates."""
        other = values.get("optimizer", self.optimizer) != self.optimizer
        changes: dict[str, Any] = {**(dict.fromkeys(RATES) if other else {}), **values}
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that determines a run's weights: the same values give the same weights.

    Attributes:
        source_sha256: The checksum of the network's file, if `arch` is FILE.py:CLASS.
        start: The run that provides the initial weights, where they fit; None: random weights.
        rejects: Whether the network has one more class, "none of these", with the logit 0, as its start has.

    Raises:
        UsageError: A value is out of its range.
    """

    data: DataChoice = DataChoice()
    arch: str = setting(
        flags=("--arch", "-a"),
        help="The network: one of these, its layers in one line, or FILE.py:CLASS ('mnistcli help arch').",
    )
    hyper: Hyper
    precision: str = setting(
        "float32",
        help="Precision of matrix products; float32: JAX's default; bfloat16: rounded factors, float32 sums; highest: "
        "float32 on every device.",
        choices=PRECISIONS,
    )
    seed: int = setting(
        0,
        metavar="N",
        help="Seed for initial weights, image order and augmentation.",
        bounds=(at_least(0), Bound("below 2**32", lambda seed: seed < 2**32)),
    )
    limit: int | None = setting(
        None, metavar="N", shown="all", help="Train on the first N images only.", bounds=(at_least(1),)
    )
    source_sha256: str | None = None
    start: str | None = setting(
        None,
        flags=("--from",),
        metavar="RUN",
        help="Start with a run's weights where they fit; the last layer only if the classes match. Without --freeze, "
        "the learning rate is divided by 10; with fewer than 1,000 images, batches have 16 images and training takes "
        "about 300 steps.",
    )
    freeze: tuple[str, ...] = setting(
        (), metavar="N|LAYERS", help="Do not train the first N layers, or these, as in conv1,norm1."
    )
    rejects: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "freeze", tuple(self.freeze))  # JSON has only lists
        check_settings(self)
        if self.precision == "bfloat16" and self.source_sha256:
            raise UsageError(
                "--precision bfloat16 is for networks in one line: a class in Flax chooses its own dtypes."
            )

    def as_dict(self) -> dict[str, Any]:
        """Return all values by attribute in one flat dict, as in files and for `from_dict`."""
        values: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            values |= asdict(value) if each.name in PARTS else {each.name: value}
        return values

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "TrainConfig":
        """Return the configuration with these values, by attribute; the others have their defaults.

        Raises:
            UsageError: A value is out of its range.
            TypeError: The attribute is unknown.
        """
        rest = dict(values)
        parts = {
            part: cls(**{each.name: rest.pop(each.name) for each in fields(cls) if each.name in rest})
            for part, cls in PARTS.items()
        }
        return TrainConfig(**parts, **rest)

    def changed(self, values: Mapping[str, Any]) -> "TrainConfig":
        """Return a copy with some values changed, by attribute.

        Raises:
            UsageError: A value is out of its range.
        """
        return TrainConfig.from_dict(self.as_dict() | dict(values))


PARTS: dict[str, Any] = {"data": DataChoice, "hyper": Hyper}  # of a configuration, by attribute
# Every setting by attribute.
SETTINGS = (
    dict(declared(DataChoice)) | {"arch": declared(TrainConfig)["arch"]} | declared(Hyper) | declared(TrainConfig)
)


def resumed_config(config: TrainConfig, given: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration to resume with: only the maximum number of epochs may change.

    Args:
        config: The run's.
        given: The settings on the command line, by attribute; None: not given.

    Raises:
        UsageError: A setting differs from the run's.
    """
    values = config.as_dict()
    for name, value in given.items():
        own, flag = values[name], SETTINGS[name].flag
        if value is None or value == own:
            continue
        if name != "epochs":
            before = f"without {flag}" if own is None or own is False else f"with {_as_flag(flag, own)}"
            raise UsageError(f"{_as_flag(flag, value)} contradicts --resume: the run was started {before}.")
        if config.hyper.schedule != "constant":
            raise UsageError(f"--epochs {value} contradicts --resume: the learning rate's schedule ends at {own}.")
    return config.changed({"epochs": given.get("epochs") or config.hyper.epochs})


def _as_flag(flag: str, value: Any) -> str:
    """Return a setting as a user writes it: "--batch-size 32", "--no-augment"."""
    if isinstance(value, bool):
        return flag if value else f"--no-{flag[2:]}"
    return f"{flag} {','.join(value) if isinstance(value, tuple) else value}"
