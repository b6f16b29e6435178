"""What a training run is told to do: frozen dataclasses that declare each setting once, with its checks and its help.

A further setting is a field here; `mnistcli.declaration` says what takes it from there.
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
# What reads a data set that lies in one file, by its suffix: a class in mnistcli.datasets, which is imported then.
DATA_FILES = {".npz": "npz.NpzFile"}
RATES = ("learning_rate", "weight_decay")  # which an optimizer has of its own


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

    dataset: str = setting(
        "mnist",
        metavar="DATA",
        shown="a run's own, else mnist",
        help=f"mnist, a folder of IDX files or of pictures by class, an {' or '.join(DATA_FILES)} file, or a name of "
        "TFDS.",
    )
    image_size: int | None = setting(
        None, metavar="N", help="Scale every image to N×N pixels.", bounds=(between(1, LARGEST_SIDE),)
    )
    grayscale: bool = setting(False, help="Make colours grey.")
    mnist_like: bool = setting(False, help="Turn each picture of a digit into one like MNIST's, as predict does.")
    class_names: tuple[str, ...] | None = setting(
        None,
        metavar="NAMES|FILE",
        help="The classes' names in order, with commas between them, or a file of one a line.",
    )

    def __post_init__(self) -> None:
        check_settings(self)
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
        return replace(self, class_names=None) == replace(other, class_names=None)


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


def place_flags(runs_dir: Path, dataset: str = "") -> list[str]:
    """Return the flags with which a command finds a run: its folder unless that is RUNS_DIR, its data set if a path."""
    folder = [] if runs_dir == RUNS_DIR else ["--runs-dir", str(runs_dir)]
    return [*folder, *(["--dataset", dataset] if Path(dataset).is_absolute() else [])]


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
        if (self.processes or 0) < 1:
            raise UsageError(f"--num-processes must be at least 1, not {self.processes}.")
        if not 0 <= (self.process or 0) < (self.processes or 1):
            raise UsageError(f"--process-id must be from 0 to {(self.processes or 1) - 1}, not {self.process}.")


@dataclass(frozen=True, kw_only=True)
class Hyper:
    """The hyper-parameters: what a recipe says of a training, and a flag or a file says anew.

    The learning rate and the weight decay are the optimizer's own where None is given for them.

    Raises:
        UsageError: A value is out of its range.
    """

    epochs: int = setting(12, metavar="N", help="Epochs at most.", bounds=(at_least(1), at_most(MOST_EPOCHS)))
    batch_size: int = setting(32, metavar="N", help="Images a step.", bounds=(at_least(1),))
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
        help="Stop when training accuracy did not rise for N epochs; 0: never.",
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
        help="Shift, turn, scale, shear, thicken, blur each image at random.",
        negatable=True,
    )

    def __post_init__(self) -> None:
        declared(Hyper)["optimizer"].check(self.optimizer)
        for name in RATES:
            if getattr(self, name) is None:
                object.__setattr__(self, name, getattr(OPTIMIZERS[self.optimizer], name))
        check_settings(self)

    def changed(self, values: Mapping[str, Any]) -> "Hyper":
        """Return these with some values, by attribute, in their place; another optimizer brings its own rates."""
        other = values.get("optimizer", self.optimizer) != self.optimizer
        changes: dict[str, Any] = {**(dict.fromkeys(RATES) if other else {}), **values}
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides what a run's weights become; the same values give the same weights.

    Attributes:
        source_sha256: Of the file that the network is written in, where `arch` is FILE.py:CLASS.
        start: The run that gives the first weights, where they fit; None: they are random.
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
        help="Seed of the first weights, the order of images and augmentation.",
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
        help="Start from the weights of a run, where they fit; the last layer only for the same classes. Without "
        "--freeze the learning rate is then a tenth; fewer than 1,000 images come in batches of 16, for 300 steps.",
    )
    freeze: tuple[str, ...] = setting(
        (), metavar="N|LAYERS", help="Do not train the first N layers, or these, as in conv1,norm1."
    )
    rejects: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "freeze", tuple(self.freeze))  # JSON has lists alone
        check_settings(self)
        if self.precision == "bfloat16" and self.source_sha256:
            raise UsageError(
                "--precision bfloat16 is for networks in one line: a class in Flax chooses its own dtypes."
            )

    def as_dict(self) -> dict[str, Any]:
        """Return all values by attribute, in one dict without parts: what files hold and `from_dict` takes."""
        values: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            values |= asdict(value) if each.name in PARTS else {each.name: value}
        return values

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "TrainConfig":
        """Return the configuration that has these values, by attribute; what is left out has its default.

        Raises:
            UsageError: A value is out of its range.
            TypeError: There is no such attribute.
        """
        rest = dict(values)
        parts = {
            part: cls(**{each.name: rest.pop(each.name) for each in fields(cls) if each.name in rest})
            for part, cls in PARTS.items()
        }
        return TrainConfig(**parts, **rest)

    def changed(self, values: Mapping[str, Any]) -> "TrainConfig":
        """Return the configuration with some values, by attribute, in place of its own.

        Raises:
            UsageError: A value is out of its range.
        """
        return TrainConfig.from_dict(self.as_dict() | dict(values))


PARTS: dict[str, Any] = {"data": DataChoice, "hyper": Hyper}  # of a configuration, by attribute
# Every setting by attribute, as a file and the command line have it.
SETTINGS = (
    dict(declared(DataChoice)) | {"arch": declared(TrainConfig)["arch"]} | declared(Hyper) | declared(TrainConfig)
)


def go_on(config: TrainConfig, given: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration to resume a run with: another number of epochs at most, all else as it is.

    Args:
        config: The run's.
        given: What the user says of it, by attribute; None where nothing.

    Raises:
        UsageError: Something else is said than what the run was begun with.
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
