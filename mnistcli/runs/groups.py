"""Groups of runs: trainings of one recipe that differ only in their seed.

A group is a folder beside the runs, with a group.json that names its members by seed. The members are ordinary runs.
"""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mnistcli.config import TrainConfig
from mnistcli.errors import RunError, UsageError
from mnistcli.models import run_prefix
from mnistcli.results.lists import RunSummary
from mnistcli.runs.places import LOCK, check_name, claim_folder, is_locked, now, unwritable
from mnistcli.runs.provenance import versions
from mnistcli.runs.record import Status, read_record
from mnistcli.runs.run import Run
from mnistcli.runs.store import GROUP, RunsFolder
from mnistcli.runs.sums import read_sealed, write_sealed

SCHEMA = "mnistcli.group/1"


@dataclass(frozen=True)
class Group:
    """The content of group.json, and the path of its folder.

    Attributes:
        path: The group's folder.
        config: The members' configuration; its seed is the first member's.
        members: The name of each run by its seed, in the order of --seeds; a run may not exist yet.
        looks: The times and seeds of comparisons on the test images, in order.
    """

    path: Path
    created: str
    config: TrainConfig
    members: Mapping[int, str]
    looks: tuple[Mapping[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """The group's name."""
        return self.path.name

    @property
    def seeds(self) -> tuple[int, ...]:
        """The members' seeds."""
        return tuple(self.members)

    def config_of(self, seed: int) -> TrainConfig:
        """Return the configuration of the member with that seed."""
        return replace(self.config, seed=seed)

    def write(self) -> None:
        """Write group.json."""
        content = {
            "schema": SCHEMA,
            "created": self.created,
            "config": self.config.as_dict(),
            "members": {str(seed): run for seed, run in self.members.items()},
            "looks": [*self.looks],
        }
        write_sealed(self.path / GROUP, content)

    def record_look(self) -> None:
        """Record that these members were compared on the test images.

        Raises:
            OSError: group.json cannot be written.
            RunError: It has been removed or damaged.
        """
        if not self.looks or {*self.looks[-1]["seeds"]} != {*self.seeds}:
            with _changing(self) as current:
                replace(current, looks=(*current.looks, {"at": now(), "seeds": [*self.seeds]})).write()


@dataclass(frozen=True)
class Groups:
    """The groups in a runs folder."""

    runs: RunsFolder

    def find(self, text: str) -> Group | None:
        """Return the group with that name or path; None if there is none.

        Raises:
            RunError: Its group.json is damaged, or it is in another runs folder.
        """
        folder = next((each for each in (self.runs.path / text, Path(text)) if _is_group(each)), None)
        if folder is None:
            return None
        if folder.resolve().parent != self.runs.path.resolve():
            raise RunError(f"The group {text!r} is not in {str(self.runs.path)!r}: give its folder with --runs-dir.")
        return read_group(folder.resolve())

    def every(self) -> list[Group]:
        """Return the groups with an undamaged group.json, oldest first."""
        groups = []
        for file in self.runs.path.glob(f"*/{GROUP}"):
            try:
                groups.append(read_group(file.parent))
            except RunError:
                continue
        return sorted(groups, key=lambda group: group.created)

    def summaries(self) -> list[RunSummary]:
        """List every run as `RunsFolder.summaries` does, with its newest group."""
        groups = {run: group.name for group in self.every() for run in group.members.values()}
        return [replace(summary, group=groups.get(summary.run)) for summary in self.runs.summaries()]

    def newest(self, config: TrainConfig) -> Group | None:
        """Return the newest group of a recipe, with any seeds; None if there is none."""
        matching = [each for each in self.every() if replace(each.config, seed=config.seed) == config]
        return matching[-1] if matching else None

    def join(self, config: TrainConfig, seeds: Collection[int], *, name: str | None) -> Group:
        """Return the group that several processes train: the one of that name, or the newest of this recipe and seeds.

        The first process creates it.

        Raises:
            UsageError: As in `begin`; or the group of that name has another recipe.
        """
        try:
            self.runs.path.mkdir(parents=True, exist_ok=True)
            with self.runs.claiming():
                if name is not None:
                    found = self.find(name)
                else:
                    same_seeds = [each for each in self.every() if {*each.seeds} == {*seeds}]
                    found = next((each for each in reversed(same_seeds) if each.config_of(config.seed) == config), None)
                if found is not None and found.config_of(config.seed) != config:
                    raise UsageError(f"The group {name!r} has another recipe: choose another --name.")
                return self.extend(found or self.begin(config, name=name), seeds, reuse=False)
        except OSError as error:
            raise unwritable(self.runs.path, error) from error

    def begin(self, config: TrainConfig, *, name: str | None = None) -> Group:
        """Create a new group, called `name` or by the architecture's next number. It has no members yet.

        Raises:
            UsageError: The name is not allowed or is taken, or the folder cannot be created.
        """
        path = claim_folder(self.runs.path, prefix=f"{run_prefix(config.arch)}-group", name=name)
        group = Group(path, now(), config, {})
        group.write()
        return group

    def extend(self, group: Group, seeds: Collection[int], *, reuse: bool) -> Group:
        """Add members for these seeds to the group, write it, and return it.

        Args:
            group: The group.
            seeds: Seeds that are already in the group are skipped.
            reuse: Whether to add finished runs of the same recipe, seed and versions instead of new runs.

        Raises:
            UsageError: The group was started with --from.
        """
        finished = self._finished(group.config) if reuse else {}
        if group.members and group.config.start and not {*seeds} <= {*group.members}:
            raise UsageError(f"{group.name!r} was started with --from: you cannot add seeds to it; start a new group.")
        if {*seeds} <= {*group.members}:
            return group
        with _changing(group) as current:
            new = {seed: finished.get(seed, f"{group.name}-s{seed}") for seed in seeds if seed not in current.members}
            group = replace(current, members={**current.members, **new})
            group.write()
        return group

    def without(self, group: Group, seeds: Collection[int]) -> Group:
        """Return the group without the members of these seeds, and write it; their folders stay."""
        with _changing(group) as current:
            group = replace(current, members={seed: run for seed, run in current.members.items() if seed not in seeds})
            group.write()
        return group

    def drop_if_unstarted(self, group: Group) -> None:
        """Remove the group, if that is possible and none of its members was started."""
        with suppress(OSError, RunError):
            if not any(self.status(name) for name in group.members.values()):
                for file in (GROUP, LOCK):
                    (group.path / file).unlink(missing_ok=True)
                group.path.rmdir()

    def unfinished(self, group: Group) -> list[int]:
        """Return the seeds of the members that are not finished."""
        return [seed for seed, name in group.members.items() if self.status(name) != Status.FINISHED]

    def status(self, run: str) -> Status | None:
        """Return a member's status; None if it was not started, or killed before it wrote run.json.

        Raises:
            RunError: Its run.json is damaged.
        """
        folder = self.runs.path / run
        return read_record(folder).status if (folder / "run.json").exists() else None

    def is_free(self, run: str) -> bool:
        """Whether no process is training a member."""
        return not is_locked(self.runs.path / run / LOCK)

    def is_finished_or_busy(self, run: str) -> bool:
        """Whether a member is finished, or a process is training it."""
        return not self.is_free(run) or self.status(run) == Status.FINISHED

    def clear(self, run: str) -> None:
        """Remove the folder of a member that was killed before it wrote run.json."""
        folder = self.runs.path / run
        with self.runs.claiming(), suppress(OSError, Timeout):
            if (folder / "run.json").exists():  # another process has started it meanwhile
                return
            with FileLock(folder / LOCK, timeout=0):
                for leftover in (*folder.glob(".*.*.*"), folder / LOCK):
                    leftover.unlink()
            folder.rmdir()

    def members(self, group: Group) -> list[Run]:
        """Return the members, in the order of their seeds.

        Raises:
            RunError: A member is not finished, or is damaged.
        """
        if missing := self.unfinished(group):
            raise RunError(
                f"The group {group.name!r} is not finished: {len(missing)} of its {len(group.members)} runs are "
                f"missing ({seeds_text(missing)}); to train the rest, run 'mnistcli train --resume {group.name}'."
            )
        return [self.runs.find(name) for name in group.members.values()]

    def _finished(self, config: TrainConfig) -> dict[int, str]:
        """Return, by seed, the names of finished runs of the same recipe and versions."""
        if config.start is not None:
            return {}
        records = [
            record
            for record in self.runs.finished(config.arch, config.data)
            if record.provenance.get("versions") == versions()
        ]
        return {each.config.seed: each.run for each in records if replace(each.config, seed=config.seed) == config}


def seeds_text(seeds: Sequence[int]) -> str:
    """Return "seed 3" or "seeds 3, 7, 9"."""
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


@contextmanager
def _changing(group: Group) -> Iterator[Group]:
    """Yield the group as its file is now, while no other process changes it."""
    with FileLock(group.path / LOCK):
        yield read_group(group.path)


def _is_group(folder: Path) -> bool:
    return os.path.isfile(folder / GROUP)  # noqa: PTH113  (Path.is_file may raise)


def read_group(folder: Path) -> Group:
    """Read a folder's group.json.

    Raises:
        RunError: It is missing, damaged, or of another version.
    """
    return read_sealed(folder / GROUP, SCHEMA, partial(_make, folder))


def _make(folder: Path, content: dict[str, Any]) -> Group:
    members = {int(seed): str(run) for seed, run in content.pop("members").items()}
    for name in members.values():
        check_name(name)
    config, looks = TrainConfig.from_dict(content.pop("config")), tuple(content.pop("looks"))
    return Group(folder, config=config, members=members, looks=looks, **content)
