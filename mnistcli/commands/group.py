"""Train the members of a group at the same time.

On a CPU, each process of the crew computes with one thread. The sums in convolutions are then added in another order
than with several threads, so a member differs in its last bits from the same seed trained alone. Its run.json names the
device `ONE_THREAD`, and resuming or reproducing it uses one thread too, which gives the same bits. On a GPU or TPU,
members are trained together if `training.can_train_together` allows it.
"""

import shlex
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection

from mnistcli.commands.course import Course, resume_command
from mnistcli.commands.crew import FINISH, STOP, Crew, Orders
from mnistcli.commands.work import Work
from mnistcli.errors import InterruptedRunError, RunError, UsageError
from mnistcli.process import held_interrupts
from mnistcli.results.train import GroupMember, GroupResult, MemberEvent, Notice, TrainEvent
from mnistcli.runs import RunsFolder
from mnistcli.runs.groups import Group, Groups, seeds_text

LOOK = 0.5  # seconds between checks whether another process has finished a member, or was lost
AT_ONCE = 16  # members that a GPU or TPU trains in one program: the states of all must fit into its memory


def train_group(
    group: Group,
    work: Work,
    notify: Callable[[MemberEvent | Notice], None],
    finishing: Callable[[], bool] = lambda: False,
) -> GroupResult:
    """Train the members that are not finished, and return the results of all.

    With a shard, this process trains another process's members only if that process is lost. Without one, once
    `finishing` returns True, running members end after their current epoch, and the rest leave the group.

    Raises:
        InterruptedRunError: Ctrl-C was pressed; every running member has written a checkpoint.
        MnistcliError: As in `train.train`; the other members have written a checkpoint.
    """
    groups = Groups(work.runs)
    if groups.unfinished(group):

        def hear(job: tuple[int, ...], said: MemberEvent | Notice) -> None:
            notify(MemberEvent(job[0], said) if isinstance(said, Notice) else said)

        crew = Crew(work.place, partial(train_members, group, work), hear, at_once=AT_ONCE)
        with held_interrupts() as interrupted, crew:
            if work.shard is None:
                crew.do(((seed,) for seed in groups.unfinished(group)), interrupted, finishing)
            else:
                _share(group, groups, crew, work.shard, interrupted, notify)
            if interrupted():
                command = _resume_command(group, work) + shard_flag(work.shard)
                raise InterruptedRunError(f"Interrupted; to continue, run '{command}'.")
        if finishing() and (left := groups.unfinished(group)):
            group = groups.without(group, left)
            command = f"{_resume_command(group, work)} --seeds {','.join(map(str, left))}"
            how = "" if group.config.start else f"; to add {'them' if len(left) > 1 else 'it'}, run '{command}'"
            have = "were not trained and have" if len(left) > 1 else "was not trained and has"
            notify(Notice(f"{seeds_text(left).capitalize()} {have} left the group{how}."))
    return result_of(group, work.runs)


def _resume_command(group: Group, work: Work) -> str:
    arch = f" --arch {shlex.quote(work.place.source)}" if work.place.source else ""
    return resume_command("mnistcli train", group.path, group.config) + arch


def shard_flag(shard: tuple[int, int] | None) -> str:
    """Return " --shard I/N", or nothing."""
    return f" --shard {shard[0]}/{shard[1]}" if shard else ""


def _share(
    group: Group,
    groups: Groups,
    crew: Crew[tuple[int, ...]],
    shard: tuple[int, int],
    interrupted: Callable[[], bool],
    notify: Callable[[MemberEvent | Notice], None],
) -> None:
    """Train this process's part of a group, then members that no process trains, until all are finished."""
    part, parts = shard
    own = group.seeds[part - 1 :: parts]
    others = [seed for i in range(parts - 1) for seed in group.seeds[(part + i) % parts :: parts]]
    told = False
    while not interrupted() and (left := groups.unfinished(group)):
        free = [seed for seed in left if groups.is_free(group.members[seed])]
        if mine := [seed for seed in own if seed in free]:
            crew.do(((seed,) for seed in mine), interrupted)
        elif free:
            wanted = [seed for seed in others if seed in free]
            crew.do(((seed,) for seed in wanted[: crew.processes]), interrupted)
        else:
            if not told:
                notify(Notice(f"Waiting for other processes, which are training {seeds_text(left)}."))
                told = True
            time.sleep(LOOK)


def result_of(group: Group, runs: RunsFolder) -> GroupResult:
    """Return the results of a group's members.

    Raises:
        RunError: A member is not finished, or is damaged.
    """
    found = [(run, runs.find_record(run.name)[1]) for run in Groups(runs).members(group)]
    members = tuple(
        GroupMember(seed, record.run, record.device, run.history(), record.results)
        for seed, (run, record) in zip(group.seeds, found, strict=True)
    )
    return GroupResult(group.name, group.path, group.config.arch, group.config.data.dataset, members)


def train_members(group: Group, work: Work, seeds: Sequence[int], connection: Connection, device: str) -> None:
    """Train the members with these seeds in this process, together if possible, and send `MemberEvent`s.

    Raises:
        MnistcliError: As in `train.train_all`.
    """
    from mnistcli.commands import train

    groups, orders = Groups(work.runs), Orders(connection)
    courses: list[Course] = []
    for seed in seeds:
        session = work.session(partial(_tell, connection, seed), device, is_last=lambda _: orders.has(FINISH))
        name, beside = group.members[seed], courses[0].fit if courses else None
        if work.shard and groups.is_finished_or_busy(name):
            continue
        try:
            if groups.status(name) is None:
                groups.clear(name)
                config = group.config_of(seed)
                begun = train.begin(
                    config, session, runs=work.runs, name=name, start=work.start, freeze=work.freeze, beside=beside
                )
            else:
                begun = train.reopen(name, session, runs=work.runs, given=work.given, beside=beside)
        except (UsageError, RunError):
            if work.shard:  # another process may have been quicker, and be about to start
                time.sleep(LOOK)
                if groups.is_finished_or_busy(name):
                    continue
            raise
        courses.append(begun)
    if courses:
        train.train_all(courses, partial(orders.has, STOP))
    for course in courses:
        connection.send(MemberEvent(course.fit.config.seed, None))


def _tell(connection: Connection, seed: int, event: TrainEvent) -> None:
    connection.send(MemberEvent(seed, event))
