"""Searches for a recipe: a folder beside the runs, with a search.json that holds the trials. They are not runs."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mnistcli.config import TrainConfig
from mnistcli.errors import RunError
from mnistcli.files import write_atomically
from mnistcli.models import run_prefix
from mnistcli.results.tune import Trial
from mnistcli.runs.places import LOCK, claim_folder, lock_folder, now
from mnistcli.runs.store import SEARCH, RunsFolder
from mnistcli.runs.sums import read_sealed, seal

SCHEMA = "mnistcli.search/1"


@dataclass(frozen=True)
class Search:
    """The content of search.json, and where it lies.

    Attributes:
        path: The search's folder.
        config: The recipe that the search begins with; its seed is that of the trials.
        space: What the user says of the space, as `models.space.make_space` reads it.
        most_trials: Train no more trials than these, the recipe's included; None: no limit.
        most_seconds: End within so many seconds of work; None: no limit.
        trials: What was trained so far.
        seconds: How long the search has worked.
        provenance: Where its trials were trained.
    """

    path: Path
    created: str
    config: TrainConfig
    space: tuple[str, ...]
    provenance: Mapping[str, Any]
    most_trials: int | None
    most_seconds: float | None
    trials: tuple[Trial, ...] = ()
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """What the search is called."""
        return self.path.name

    def write(self) -> None:
        """Write search.json."""
        content = {"schema": SCHEMA} | {key: value for key, value in asdict(self).items() if key != "path"}
        text = json.dumps(seal(content), indent=1, allow_nan=False)
        write_atomically(self.path / SEARCH, f"{text}\n".encode())


def begin_search(runs: RunsFolder, config: TrainConfig, *, name: str | None, **content: Any) -> Search:
    """Make the folder of a new search: `name`, or the architecture's next number; `content` is the rest of a Search.

    Raises:
        UsageError: The name cannot be used or is taken, or the folder cannot be made.
    """
    path = claim_folder(runs.path, prefix=f"{run_prefix(config.arch)}-tune", name=name)
    search = Search(path, now(), config, **content)
    search.write()
    return search


def find_search(runs: RunsFolder, text: str) -> Search:
    """Return the search of that name or path.

    Raises:
        RunError: There is none, or its search.json is damaged.
    """
    for folder in (runs.path / text, Path(text)):
        if os.path.isfile(folder / SEARCH):  # noqa: PTH113  (Path.is_file may raise)
            return read_search(folder)
    raise RunError(f"There is no search {text!r} in {str(runs.path)!r}: 'mnistcli tune ARCH' begins one.")


def lock_search(search: Search) -> FileLock:
    """Keep other processes from going on with a search until the lock is released.

    Raises:
        RunError: Another process uses it, or its folder cannot be written.
    """
    try:
        return lock_folder(search.path)
    except Timeout as error:
        raise RunError(f"The search {search.name!r} is in use by another process.") from error
    except OSError as error:
        raise RunError(f"The search {search.name!r} cannot be written: {error.strerror}.") from error


def drop_empty(search: Search) -> None:
    """Remove the folder of a search in which no trial has ended."""
    if not read_search(search.path).trials:
        for file in (SEARCH, LOCK):
            (search.path / file).unlink(missing_ok=True)
        search.path.rmdir()


def read_search(folder: Path) -> Search:
    """Read a folder's search.json.

    Raises:
        RunError: It is not what this program writes.
    """
    return read_sealed(folder / SEARCH, SCHEMA, partial(_make, folder))


def _make(folder: Path, content: dict[str, Any]) -> Search:
    config, space = TrainConfig(**content.pop("config")), tuple(content.pop("space"))
    trials = tuple(Trial(**each | {"validation": tuple(each["validation"])}) for each in content.pop("trials"))
    return Search(folder, config=config, space=space, trials=trials, **content)
