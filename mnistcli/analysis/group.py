"""Train the members of a group, on a CPU in as many processes at once as there are cores.

Each process computes with one thread: two on two cores train dense in 0.6 of the time that one run after the other
takes, cnn in 0.8; with all threads each they push each other aside, and cnn gains nothing. With one thread the sums of
convolutions go in another order, so such a member differs in its last bits from the same seed trained alone. Its
run.json names the device `ONE_THREAD`, and resuming or reproducing it computes with one thread too, to the same bits.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext, redirect_stdout
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from mnistcli.config import TrainConfig
from mnistcli.errors import InterruptedRunError, LimitError, MnistcliError
from mnistcli.jax_setup import ONE_THREAD, set_up
from mnistcli.process import child_process, cores, held_interrupts
from mnistcli.results.training import GroupMember, GroupResult, MemberEvent, Notice
from mnistcli.runs import RunsFolder, StoredModel
from mnistcli.runs.groups import Group, Groups

WAIT = 0.2  # seconds between two looks for Ctrl-C


@dataclass(frozen=True)
class GroupWork:
    """What the processes that train a group are told.

    Attributes:
        runs: The folder of runs.
        device: As of `jax_setup.set_up`, and `cache` too.
        load: Loads the data set.
        given: Settings of the command line, which must not contradict a member that was begun before (`config.go_on`).
        source: The FILE.py:CLASS to execute, for a class in Flax; else None.
        checkpoint_every, keep_epochs: As of `study.Session`.
        start, freeze: As of `study.train`.
    """

    runs: RunsFolder
    device: str
    cache: bool
    load: Callable[..., Any]
    given: dict[str, Any] = field(default_factory=dict)
    source: str | None = None
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
        with held_interrupts() as interrupted, _Processes(group, work, notify) as processes:
            processes.train(seeds, interrupted)
            if interrupted():
                raise InterruptedRunError(f"Interrupted; 'mnistcli train --resume {group.name}' goes on from here.")
    return result_of(group, work.runs)


def result_of(group: Group, runs: RunsFolder) -> GroupResult:
    """Return what the members of a group came to.

    Raises:
        RunError: One of them is not finished, or damaged.
    """
    records = [runs.find_record(run.name)[1] for run in Groups(runs).members(group)]
    members = tuple(
        GroupMember(seed, record.run, record.device, record.results)
        for seed, record in zip(group.seeds, records, strict=True)
    )
    return GroupResult(group.name, group.path, group.config.arch, group.config.dataset, members)


class _Processes(ExitStack):
    """The processes that train, each one member at a time; they end with the block."""

    def __init__(self, group: Group, work: GroupWork, notify: Callable[[MemberEvent], None]) -> None:
        super().__init__()
        self._group, self._work, self._notify = group, work, notify
        self._waiting: list[int] = []
        self._busy: dict[Connection, int] = {}
        self._error: MnistcliError | None = None

    def train(self, seeds: Sequence[int], interrupted: Callable[[], bool]) -> None:
        """Train the members of these seeds, or stop all where one fails or `interrupted` says so."""
        self._waiting = [*seeds]
        self._hire()
        stopping = False
        while self._busy:
            if not stopping and (interrupted() or self._error):
                stopping = True
                self._waiting.clear()
                for connection in self._busy:
                    connection.send(None)
            heard = wait([*self._busy], WAIT)
            for connection in [each for each in self._busy if each in heard]:
                self._hear(connection)
        if self._error:
            raise self._error

    def _hire(self) -> None:
        child = self.enter_context(child_process(_train_members, self._group, self._work))
        self._busy[child.connection] = self._waiting.pop(0)
        child.connection.send(self._busy[child.connection])

    def _hear(self, connection: Connection) -> None:
        seed = self._busy[connection]
        try:
            said = connection.recv()
        except (EOFError, OSError):
            said = LimitError(f"The process that trained seed {seed} ended: the system may lack memory.")
        match said:
            case str():  # the device that it computes on
                while said == ONE_THREAD and self._waiting and len(self._busy) < cores():
                    self._hire()
            case None:
                self._notify(MemberEvent(seed, None))
                del self._busy[connection]
                if self._waiting:
                    self._busy[connection] = self._waiting.pop(0)
                    connection.send(self._busy[connection])
            case MnistcliError():
                del self._busy[connection]
                if not isinstance(said, InterruptedRunError):
                    self._error = self._error or said
            case _:
                self._notify(MemberEvent(seed, said))


def _train_members(connection: Connection, group: Group, work: GroupWork) -> None:
    """Train the member of each seed that comes; tell of its progress, and at its end None, or the error."""
    try:
        seed = connection.recv()
        device = set_up(work.device, cache=work.cache, one_thread=True, tell=lambda text: connection.send(Notice(text)))
        connection.send(device)
        if work.source:
            from mnistcli.models.flax_file import load, read_source

            load(read_source(work.source))
        while seed is not None:
            with redirect_stdout(sys.stderr):
                _train_member(connection, group.members[seed], group.config_of(seed), work, device)
            connection.send(None)
            seed = connection.recv()
    except MnistcliError as error:
        connection.send(error)


def _train_member(connection: Connection, name: str, config: TrainConfig, work: GroupWork, device: str) -> None:
    from mnistcli.analysis import study

    session = study.Session(
        connection.send,
        device,
        work.checkpoint_every,
        work.load,
        work.keep_epochs,
        interrupts=lambda: nullcontext(connection.poll),  # all that comes while a member is trained says: stop
    )
    groups = Groups(work.runs)
    if groups.status(name) is None:
        groups.clear(name)
        study.train(config, session, runs=work.runs, name=name, start=work.start, freeze=work.freeze)
    else:
        study.resume(name, session, runs=work.runs, given=work.given)
