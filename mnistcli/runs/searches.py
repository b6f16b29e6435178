"""Searches for a recipe: a folder beside the runs, with a search.json that holds the trials. They are not runs."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mnistcli.config import TrainConfig
from mnistcli.errors import MnistcliError, RunError
from mnistcli.files import read_bounded, write_atomically
from mnistcli.models import run_prefix
from mnistcli.results.tune import Trial
from mnistcli.runs.places import LOCK, claim_folder, lock_folder, now
from mnistcli.runs.store import SEARCH, RunsFolder
from mnistcli.runs.sums import MOST, seal, unseal

SCHEMA = "mnistcli.search/1"


@dataclass(frozen=True)
class Search:
    """The content of search.json, and where it lies.

    Attributes:
        path: The search's folder.
        config: The recipe that the search begins with; its seed is that of the trials.
        space: What the user says of the space, as `models.space.make_space` reads it.
        most_trials: After how many trials the search ends; None: after any number.
        most_seconds: After how many seconds of work it is to end; None: after any time.
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
    path = folder / SEARCH
    try:
        content = unseal(json.loads(read_bounded(path, most=MOST)))
        if content.pop("schema") != SCHEMA:
            raise RunError(f"{path} has another schema than {SCHEMA}: it was written by another version of mnistcli.")
        config = TrainConfig(**content.pop("config"))
        trials = tuple(_read_trial(each) for each in content.pop("trials"))
        return Search(folder, config=config, trials=trials, space=tuple(content.pop("space")), **content)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from error
    except RunError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, MnistcliError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {error}.") from error


def _read_trial(content: dict[str, Any]) -> Trial:
    return replace(Trial(**content), validation=tuple(content["validation"]))
