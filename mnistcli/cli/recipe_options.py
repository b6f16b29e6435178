"""Sources of settings besides flags: another run, a file, the recipe."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistcli.cli.setting_options import ARCH
from mnistcli.config import absolute
from mnistcli.errors import RunError, UsageError
from mnistcli.models.settings import Setting, complete, configured, given_by, in_order, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mnistcli.cli.data_options import Data
    from mnistcli.cli.face import Face
    from mnistcli.config import TrainConfig
    from mnistcli.models.settings import Settings
    from mnistcli.runs import StoredModel

GENTLER = 10  # --from without --freeze divides the learning rate by this, to keep what was learned
FEW = 1_000  # images: with fewer, --from takes smaller batches and enough epochs for STEPS steps, at most MOST_EPOCHS
FEW_BATCH, STEPS, MOST_EPOCHS = 16, 300, 100
PANEL = "Recipe"

Like = Annotated[
    str | None,
    typer.Option(
        "--like",
        metavar="RUN",
        help="Use the settings, data set and seed of this run; other flags override them.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Read settings from a TOML file; its keys are the names of flags, as in 'batch_size = 64'.",
        show_default=False,
        rich_help_panel=PANEL,
    ),
]
PrintConfig = Annotated[
    bool,
    typer.Option(
        "--print-config",
        help="Print every setting and its origin without training; in a file, --config can read them.",
        rich_help_panel=PANEL,
    ),
]


@dataclass(frozen=True)
class Plan:
    """What to train.

    Attributes:
        settings: Every setting by name, with its origin.
        start: The model to start from; None for random weights.
    """

    config: TrainConfig
    settings: dict[str, Setting]
    start: StoredModel | None


@dataclass(frozen=True)
class Sources:
    """The options --like, --config and --print-config."""

    like: str | None
    file: Path | None
    only_print: bool

    @property
    def flags(self) -> list[str]:
        """The flags that were given."""
        given = {"--like": self.like, "--config": self.file, "--print-config": self.only_print}
        return [flag for flag, value in given.items() if value not in (None, False)]

    def plan(self, flags: Mapping[str, Any], face: Face, data: Data, runs_dir: Path) -> Plan:
        """Return the settings: a flag beats the file, the file the other run, and that the recipe.

        Raises:
            UsageError: A value is unknown or out of its range.
            RunError: The run does not exist.
            DataError: The run starts from another, and its data set is missing or damaged.
        """
        like = self._read_run(face, runs_dir)
        layers = (("like", given_by(like) if like else {}), ("file", self._read_file()), ("flag", flags))
        settings = in_order((("default", {"arch": ARCH}), *layers))
        start = None
        if "start" in settings:
            name, start = _find_start(settings, runs_dir)
            named = settings["start"].origin, {"start": name}
            settings = dict(in_order((("from", {"arch": start.arch}), *layers, named)))
            config = configured(settings)
            if not {"learning_rate", "freeze"} & settings.keys():
                settings["learning_rate"] = Setting(config.hyper.learning_rate / GENTLER, "from")
            if not {"epochs", "batch_size"} & settings.keys():
                settings |= _for_few_images(config, _count(config, face, data))
        config = configured(settings)
        if like and like.arch == config.arch and like.source_sha256 != config.source_sha256:
            face.note(f"{config.arch} has changed since the run {self.like!r} was trained.")
        return Plan(config, complete(config, settings), start)

    def _read_run(self, face: Face, runs_dir: Path) -> TrainConfig | None:
        if self.like is None:
            return None
        from mnistcli.runs import RunsFolder

        run, record = RunsFolder(runs_dir).find_record(self.like)
        face.note(f"Taking the settings of run {run.name}.")
        return record.config

    def _read_file(self) -> dict[str, Any]:
        settings = read_settings(self.file) if self.file else {}
        return settings | ({"dataset": absolute(settings["dataset"])} if "dataset" in settings else {})


def make_sources(*, like: Like = None, config: ConfigFile = None, print_config: PrintConfig = False) -> Sources:
    """Collect the options."""
    return Sources(like, config, print_config)


def _for_few_images(config: TrainConfig, n: int) -> dict[str, Setting]:
    """Return the batch size and epochs that --from uses instead of the recipe's; empty for many images."""
    if n >= FEW:
        return {}
    epochs = min(math.ceil(STEPS / math.ceil(n / FEW_BATCH)), MOST_EPOCHS)
    return {"batch_size": Setting(FEW_BATCH, "from"), "epochs": Setting(max(epochs, config.hyper.epochs), "from")}


def _count(config: TrainConfig, face: Face, data: Data) -> int:
    """Return the number of training images; named data sets count as large."""
    untold = replace(face, verbose=False)  # the training itself explains where they are
    images = len(data.load(untold, config.data).train) if config.data.is_path else FEW
    return max(1, images if config.limit is None else min(images, config.limit))


def _find_start(settings: Settings, runs_dir: Path) -> tuple[str, StoredModel]:
    """Return the name and the model of the run to start from."""
    from mnistcli.runs import RunsFolder, load_model

    start = settings["start"]
    if start.value == "":
        raise UsageError("--from needs the name of a run.")
    try:
        found = RunsFolder(runs_dir).find(start.value)
    except RunError as error:
        if start.origin == "flag":
            raise
        raise RunError(
            f"These settings start from the run {start.value!r}, which is not in {str(runs_dir)!r}: name it or another "
            "with --from."
        ) from error
    return found.name, load_model(found.weights)
