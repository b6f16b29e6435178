"""The options for a command's data set and its conversion, the same for every command."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistcli.cli.setting_options import DATA, takes_settings
from mnistcli.config import DataChoice, absolute, choose_data, choose_data_for
from mnistcli.errors import UsageError

if TYPE_CHECKING:
    from mnistcli.cli.face import Face
    from mnistcli.datasets import Dataset

PANEL = "Data"

DataDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="The folder for data sets that TFDS prepares.",
        show_default="TFDS's default; a newly prepared data set is kept only decoded, in the cache",
        rich_help_panel=PANEL,
    ),
]
Offline = Annotated[bool, typer.Option("--offline", help="Never use the network.", rich_help_panel=PANEL)]


@dataclass(frozen=True)
class Data:
    """The data options on the command line.

    Attributes:
        given: The options that were set, by attribute.
        data_dir, offline: As in `datasets.load`.
    """

    given: dict[str, Any] = field(default_factory=dict)
    data_dir: Path | None = None
    offline: bool = False

    def choice(self, before: DataChoice | None = None) -> DataChoice:
        """Return the requested data set, as `config.choose_data` does."""
        return choose_data(self.given, before)

    def choice_for(self, run: str, before: DataChoice) -> DataChoice:
        """Return the requested data set, by default that of a run, as `config.choose_data_for` does."""
        return choose_data_for(run, before, self.given)

    def arguments(self) -> list[str]:
        """Return the given options as words of a command line."""
        words = []
        for name, value in (self.given | {"data_dir": self.data_dir, "offline": self.offline}).items():
            if value:
                text = ",".join(value) if isinstance(value, tuple) else str(value)
                words += [f"--{name.replace('_', '-')}", *([] if value is True else [text])]
        return words

    def load(self, face: Face, choice: DataChoice) -> Dataset:
        """Load the data set, with progress on stderr if that takes time."""
        from mnistcli.datasets import load
        from mnistcli.render.progress import PreparationProgress

        with PreparationProgress(face.err, quiet=face.quiet) as on_progress:
            dataset = load(choice, data_dir=self.data_dir, offline=self.offline, on_progress=on_progress)
        face.explain(f"{dataset.name} is in {dataset.location}; its fingerprint is {dataset.fingerprint}.")
        return dataset


@takes_settings(DATA, panel=PANEL)
def make_data(*, data_dir: DataDir = None, offline: Offline = False, **settings: Any) -> Data:
    """Collect the options and check them."""
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


def _names(text: str) -> tuple[str, ...]:
    is_file = os.path.isfile(text)  # noqa: PTH113  (Path.is_file raises if the names are long)
    names = tuple(name.strip() for name in (_lines(text) if is_file else text.split(",")))
    if not all(names) or len(names) < 2:
        raise UsageError(
            f"--class-names takes a file with one name per line, or names separated by commas, not {text!r}."
        )
    return names


def _lines(file: str) -> list[str]:
    try:
        return [line for line in Path(file).read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise UsageError(f"--class-names {file!r} cannot be read: {error}.") from error
