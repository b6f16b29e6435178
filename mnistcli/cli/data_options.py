"""Which data set a command works on: the options that name it and what is made of it, the same for every command."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistcli.cli.setting_options import DATA, takes_settings
from mnistcli.config import DataChoice
from mnistcli.errors import UsageError

if TYPE_CHECKING:
    from mnistcli.cli.face import Face
    from mnistcli.datasets import Dataset

PANEL = "Data"

DataDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Where TFDS keeps what it prepares.",
        show_default="where TFDS looks; what is prepared anew is kept only decoded, in the cache",
        rich_help_panel=PANEL,
    ),
]
Offline = Annotated[bool, typer.Option("--offline", help="Never touch the network.", rich_help_panel=PANEL)]


@dataclass(frozen=True)
class Data:
    """What the command line says of the data set.

    Attributes:
        given: By `DataChoice`'s attributes, where it says something.
    """

    given: dict[str, Any] = field(default_factory=dict)
    data_dir: Path | None = None
    offline: bool = False

    def choice(self, before: DataChoice | None = None) -> DataChoice:
        """Return what is asked for: what the command line says, in place of what was chosen before.

        Another data set than before is taken as it is, and not converted as that was.
        """
        if before is None or self.given.get("dataset", before.dataset) != before.dataset:
            before = DataChoice()
        return replace(before, **self.given)

    def choice_for(self, run: str, before: DataChoice) -> DataChoice:
        """Return what is asked for, by default what a run was trained on.

        Raises:
            UsageError: That is a path: what a file names is not opened unless the user names it too.
        """
        if before.is_path and "dataset" not in self.given:
            raise UsageError(f"The run {run!r} was trained on {before.dataset!r}: name a data set with --dataset.")
        return self.choice(before)

    def arguments(self) -> list[str]:
        """Return the options that were given, as a command line has them."""
        words = []
        for name, value in (self.given | {"data_dir": self.data_dir, "offline": self.offline}).items():
            if value:
                text = ",".join(value) if isinstance(value, tuple) else str(value)
                words += [f"--{name.replace('_', '-')}", *([] if value is True else [text])]
        return words

    def load(self, face: Face, choice: DataChoice) -> Dataset:
        """Load the data set, showing on stderr work that takes time."""
        from mnistcli.datasets import load
        from mnistcli.render.progress import PreparationProgress

        with PreparationProgress(face.err, quiet=face.quiet) as tell:
            dataset = load(choice, data_dir=self.data_dir, offline=self.offline, tell=tell)
        face.explain(f"{dataset.name} lies in {dataset.location}; its fingerprint is {dataset.fingerprint}.")
        return dataset


@takes_settings(DATA, panel=PANEL)
def make_data(*, data_dir: DataDir = None, offline: Offline = False, **settings: Any) -> Data:
    """Gather the options and check them."""
    given = {name: value for name, value in settings.items() if value is not None}
    for name, read in (("dataset", absolute), ("class_names", _names)):
        if name in given:
            given[name] = read(given[name])
    data = Data(given, data_dir, offline)
    data.choice()
    return data


def with_dataset(data: Data, name: str) -> Data:
    """Return the options with the data set that an argument names.

    Raises:
        UsageError: An option names one too.
    """
    if "dataset" in data.given:
        raise UsageError("Name the data set once: as the argument or with --dataset.")
    return replace(data, given=data.given | {"dataset": absolute(name)})


def absolute(dataset: str) -> str:
    """Return a folder or file with its whole path, so that a run still says what it was after a change of folder."""
    if not dataset or "\0" in dataset:
        raise UsageError(f"--dataset {dataset!r} names nothing.")
    there = dataset != "mnist" and os.path.exists(dataset)  # noqa: PTH110  (Path.exists may raise)
    return str(Path(dataset).absolute()) if there else dataset


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in (_lines(text) if Path(text).is_file() else text.split(",")))
    if not all(names) or len(names) < 2:
        raise UsageError(f"--class-names takes a file of one name a line, or names with commas between, not {text!r}.")
    return names


def _lines(file: str) -> list[str]:
    try:
        return [line for line in Path(file).read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise UsageError(f"--class-names {file!r} cannot be read: {error}.") from error
