"""Searches for a recipe: folders beside the runs, with a search.json that lists the trials, which are not runs."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mnistcli.config import TrainConfig
from mnistcli.errors import RunError, UsageError
from mnistcli.models import run_prefix
from mnistcli.results.tune import Trial
from mnistcli.runs.places import LOCK, claim_folder, is_locked, lock_folder, now, unwritable
from mnistcli.runs.store import SEARCH, RunsFolder
from mnistcli.runs.sums import read_sealed, write_sealed

SCHEMA = "mnistcli.search/1"
WRITING = ".writing"  # the lock of search.json when several processes write it


@dataclass(frozen=True)
class Search:
    """The content of search.json, and the path of its folder.

    Attributes:
        path: The search's folder.
        config: The recipe that the search starts from; all trials have its seed.
        space: The --space options, which `models.space.make_space` parses.
        most_trials: The largest number of trials, including the recipe's; None: no limit.
        most_seconds: The largest working time in seconds; None: no limit.
        trials: The trials that have ended.
        seconds: The working time so far.
        provenance: The command, versions and machine of the trials.
        again: The numbers of the settings to train again, once processes that share the search have chosen them.
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
    again: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The search's name."""
        return self.path.name

    def write(self) -> None:
        """Write search.json."""
        values = asdict(self) | {"config": self.config.as_dict()}
        content = {"schema": SCHEMA} | {key: value for key, value in values.items() if key != "path"}
        write_sealed(self.path / SEARCH, content, indent=1)


def begin_search(runs: RunsFolder, config: TrainConfig, *, name: str | None, **content: Any) -> Search:
    """Create a new search, called `name` or by the architecture's next number; `content` is the rest of a Search.

    Raises:
        UsageError: The name is not allowed or is taken, or the folder cannot be created.
    """
    path = claim_folder(runs.path, prefix=f"{run_prefix(config.arch)}-tune", name=name)
    search = Search(path, now(), config, **content)
    search.write()
    return search


def find_search(runs: RunsFolder, text: str) -> Search:
    """Return the search with that name or path.

    Raises:
        RunError: There is none, or its search.json is damaged.
    """
    for folder in (runs.path / text, Path(text)):
        if os.path.isfile(folder / SEARCH):  # noqa: PTH113  (Path.is_file may raise)
            return read_search(folder)
    raise RunError(f"There is no search {text!r} in {str(runs.path)!r}: 'mnistcli tune ARCH' starts one.")


def join_search(runs: RunsFolder, config: TrainConfig, *, name: str | None, **content: Any) -> Search:
    """Return the search that several processes share: the one with that name, or the newest of this recipe and space.

    The first process creates it.

    Raises:
        UsageError: As in `begin_search`; or the search of that name has other settings.
    """
    wanted = {"config": config, **{key: content[key] for key in ("space", "most_trials", "most_seconds")}}

    def fits(search: Search) -> bool:
        return all(getattr(search, key) == value for key, value in wanted.items())

    try:
        runs.path.mkdir(parents=True, exist_ok=True)
        with FileLock(runs.path / LOCK):
            if name is not None and (runs.path / name / SEARCH).exists():
                found = read_search(runs.path / name)
                if not fits(found):
                    raise UsageError(f"The search {name!r} was started with other settings: choose another --name.")
                return found
            every = sorted(_every(runs), key=lambda search: search.created) if name is None else []
            return next(filter(fits, reversed(every)), None) or begin_search(runs, config, name=name, **content)
    except OSError as error:
        raise unwritable(runs.path, error) from error


def lock_search(search: Search) -> FileLock:
    """Keep other processes from continuing a search until the lock is released.

    Raises:
        RunError: Another process uses it, or its folder cannot be written.
    """
    try:
        return lock_folder(search.path)
    except Timeout as error:
        raise RunError(f"The search {search.name!r} is in use by another process.") from error
    except OSError as error:
        raise RunError(f"The search {search.name!r} cannot be written: {error.strerror}.") from error


def claim_trial(search: Search, number: int, *, seed: int) -> FileLock | None:
    """Claim a trial until the lock is released or this process ends; None if another process has it."""
    try:
        lock = FileLock(search.path / f".trial-{number}-{seed}", timeout=0)
        lock.acquire()
    except (Timeout, OSError):
        return None
    return lock


def has_claims(search: Search) -> bool:
    """Whether any process is working on a trial."""
    return any(map(is_locked, search.path.glob(".trial-*")))


def choose_again(search: Search, choose: Callable[[], Sequence[int]]) -> tuple[int, ...]:
    """Return the settings to train again: those that another process has chosen, else store those of `choose`."""
    with FileLock(search.path / WRITING):
        current = read_search(search.path)
        if not current.again:
            current = replace(current, again=tuple(choose()))
            current.write()
    return current.again


def drop_claim(claim: FileLock) -> None:
    """Release the claim on a trial that has ended."""
    Path(claim.lock_file).unlink(missing_ok=True)
    claim.release()


def add_trial(search: Search, trial: Trial, *, seconds: float) -> Search:
    """Add a trial to search.json, and return the search with the trials of all processes."""
    with FileLock(search.path / WRITING):
        after = read_search(search.path)
        after = replace(after, trials=(*after.trials, trial), seconds=max(after.seconds, seconds))
        after.write()
    return after


def _every(runs: RunsFolder) -> Iterator[Search]:
    for file in runs.path.glob(f"*/{SEARCH}"):
        with suppress(RunError):
            yield read_search(file.parent)


def drop_empty(search: Search) -> None:
    """Remove the folder of a search, if that is possible and no trial has ended."""
    with suppress(OSError, RunError):
        if not read_search(search.path).trials:
            for file in (*map(search.path.joinpath, (SEARCH, LOCK, WRITING)), *search.path.glob(".trial-*")):
                file.unlink(missing_ok=True)
            search.path.rmdir()


def read_search(folder: Path) -> Search:
    """Read a folder's search.json.

    Raises:
        RunError: It is missing, damaged, or of another version.
    """
    return read_sealed(folder / SEARCH, SCHEMA, partial(_make, folder))


def _make(folder: Path, content: dict[str, Any]) -> Search:
    config, space = TrainConfig.from_dict(content.pop("config")), tuple(content.pop("space"))
    trials = tuple(Trial(**each | {"validation": tuple(each["validation"])}) for each in content.pop("trials"))
    again = tuple(content.pop("again", ()))
    return Search(folder, config=config, space=space, trials=trials, again=again, **content)
