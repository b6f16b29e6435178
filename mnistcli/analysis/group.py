"""Train the members of a group at the same time.

With one thread, as a process of the crew computes, the sums of convolutions go in another order than with several: such
a member differs in its last bits from the same seed trained alone. Its run.json names the device `ONE_THREAD`, and
resuming or reproducing it computes with one thread too, to the same bits.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from mnistcli.analysis.crew import Crew, Place
from mnistcli.errors import InterruptedRunError
from mnistcli.process import held_interrupts
from mnistcli.results.training import GroupMember, GroupResult, MemberEvent
from mnistcli.runs import RunsFolder, StoredModel
from mnistcli.runs.groups import Group, Groups


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

        def hear(seed: int, event: Any) -> None:
            notify(MemberEvent(seed, event))

        with held_interrupts() as interrupted, Crew(work.place, partial(_train_member, group, work), hear) as crew:
            crew.do(iter(seeds), interrupted)
            if interrupted():
                raise InterruptedRunError(f"Interrupted; 'mnistcli train --resume {group.name}' goes on from here.")
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


def _train_member(group: Group, work: GroupWork, seed: int, connection: Connection, device: str) -> None:
    from mnistcli.analysis import study

    session = study.Session(
        connection.send,
        device,
        work.checkpoint_every,
        work.load,
        work.keep_epochs,
        interrupts=lambda: nullcontext(connection.poll),
    )
    groups, name = Groups(work.runs), group.members[seed]
    if groups.status(name) is None:
        groups.clear(name)
        study.train(group.config_of(seed), session, runs=work.runs, name=name, start=work.start, freeze=work.freeze)
    else:
        study.resume(name, session, runs=work.runs, given=work.given)
