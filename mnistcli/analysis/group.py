"""Train the members of a group at the same time.

With one thread, as a process of the crew computes, the sums of convolutions go in another order than with several: such
a member differs in its last bits from the same seed trained alone. Its run.json names the device `ONE_THREAD`, and
resuming or reproducing it computes with one thread too, to the same bits. On a GPU or TPU members are trained together
where `training.can_train_together` says so.
"""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from mnistcli.analysis.course import Course, Session, resume_command
from mnistcli.analysis.crew import Crew, Place
from mnistcli.errors import InterruptedRunError
from mnistcli.process import held_interrupts
from mnistcli.results.training import GroupMember, GroupResult, MemberEvent, Notice, TrainEvent
from mnistcli.runs import RunsFolder, StoredModel
from mnistcli.runs.groups import Group, Groups

AT_ONCE = 16  # members that a GPU or TPU trains by one program: its memory holds the state of each


@dataclass(frozen=True)
class GroupWork:
    """What the processes that train a group are told.

    Attributes:
        runs: The folder of runs.
        place: Where they compute.
        load: Loads the data set.
        given: Settings of the command line, which must not contradict a member that was begun before (`config.go_on`).
        checkpoint_every, keep_epochs: As of `study.Session`.
        start, freeze: As of `study.train`.
    """

    runs: RunsFolder
    place: Place
    load: Callable[..., Any]
    given: dict[str, Any] = field(default_factory=dict)
    checkpoint_every: int | None = None
    keep_epochs: bool = False
    start: StoredModel | None = None
    freeze: str | None = None


def train_group(group: Group, work: GroupWork, notify: Callable[[MemberEvent], None]) -> GroupResult:
    """Train the members that are not finished, and return what all of them came to.

    Raises:
        InterruptedRunError: Ctrl-C was pressed; every member that was under way has written a checkpoint.
        MnistcliError: As of `study.train`; the others have written a checkpoint.
    """
    seeds = Groups(work.runs).unfinished(group)
    if seeds:

        def hear(job: tuple[int, ...], said: MemberEvent | Notice) -> None:
            notify(MemberEvent(job[0], said) if isinstance(said, Notice) else said)

        crew = Crew(work.place, partial(train_members, group, work), hear, at_once=AT_ONCE)
        with held_interrupts() as interrupted, crew:
            crew.do(((seed,) for seed in seeds), interrupted)
            if interrupted():
                arch = f" --arch {shlex.quote(work.place.source)}" if work.place.source else ""
                command = resume_command("mnistcli train", group.path, group.config) + arch
                raise InterruptedRunError(f"Interrupted; '{command}' goes on from here.")
    return result_of(group, work.runs)


def result_of(group: Group, runs: RunsFolder) -> GroupResult:
    """Return what the members of a group came to.

    Raises:
        RunError: One of them is not finished, or damaged.
    """
    found = [(run, runs.find_record(run.name)[1]) for run in Groups(runs).members(group)]
    members = tuple(
        GroupMember(seed, record.run, record.device, run.history(), record.results)
        for seed, (run, record) in zip(group.seeds, found, strict=True)
    )
    return GroupResult(group.name, group.path, group.config.arch, group.config.dataset, members)


def train_members(group: Group, work: GroupWork, seeds: Sequence[int], connection: Connection, device: str) -> None:
    """Train the members of some seeds in this process, together where there are several; tell of them by `MemberEvent`.

    Raises:
        MnistcliError: As of `study.train_all`.
    """
    from mnistcli.analysis import study

    groups = Groups(work.runs)
    courses: list[Course] = []
    for seed in seeds:
        session = Session(partial(_tell, connection, seed), device, work.checkpoint_every, work.load, work.keep_epochs)
        name, beside = group.members[seed], courses[0].fit if courses else None
        if groups.status(name) is None:
            groups.clear(name)
            config = group.config_of(seed)
            begun = study.begin(
                config, session, runs=work.runs, name=name, start=work.start, freeze=work.freeze, beside=beside
            )
        else:
            begun = study.reopen(name, session, runs=work.runs, given=work.given, beside=beside)
        courses.append(begun)
    study.train_all(courses, connection.poll)
    for seed in seeds:
        connection.send(MemberEvent(seed, None))


def _tell(connection: Connection, seed: int, event: TrainEvent) -> None:
    connection.send(MemberEvent(seed, event))
