"""Train one run by several processes, on one machine or on many.

JAX runs in a process of its own, which it ends when another host is lost: this one stays to say so.
"""

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from mnistcli.commands.course import Interrupted, Notify, resume_command
from mnistcli.commands.crew import KILLED, Crew
from mnistcli.commands.work import Work
from mnistcli.config import TrainConfig
from mnistcli.errors import InterruptedRunError, LostProcessError
from mnistcli.process import held_interrupts
from mnistcli.results.train import RunStarted, TrainResult
from mnistcli.runs.record import read_record

# How the text of an error begins that XLA raises when another process does not answer.
STATUS = re.compile("(ABORTED|CANCELLED|DEADLINE_EXCEEDED|INTERNAL|UNAVAILABLE|UNKNOWN): ")
LOST = "Another process of this training ended or cannot be reached."


class Stopped(NamedTuple):
    """Some process was interrupted, and so all of them end."""

    why: str


class Task(NamedTuple):
    """The run to train together.

    Attributes:
        config: What a new run is told; None: go on with another.
        name: What the new run is called; None: by its architecture and a number.
        resume: The run to go on with, as of `train.reopen`.
    """

    config: TrainConfig | None
    name: str | None
    resume: str | None


def train_with_hosts(task: Task, work: Work, notify: Notify) -> TrainResult | None:
    """Train one run together with other processes, and return what it came to; None: another process does.

    Raises:
        InterruptedRunError: A process was interrupted; a checkpoint is written.
        LostProcessError: Another process ended or could not be reached; the last checkpoint stays.
        MnistcliError: As of `train.train`, `train.resume` and `follow.follow`.
    """
    heard: list[Any] = []

    def hear(_: Task, said: Any) -> None:
        if isinstance(said, Stopped):
            raise InterruptedRunError(said.why)
        if isinstance(said, RunStarted | TrainResult):
            heard.append(said)
        if not isinstance(said, TrainResult):
            notify(said)

    try:
        with held_interrupts() as interrupted, Crew(work.place, partial(_take_part, work), hear) as crew:
            crew.do(iter([task]), interrupted)
            if interrupted():
                raise InterruptedRunError("Interrupted.")
    except LostProcessError as error:
        lost = LOST if str(error) == KILLED else str(error)
        begun = next((each for each in heard if isinstance(each, RunStarted)), None)
        if begun is None:
            raise LostProcessError(lost) from error
        config, source = read_record(begun.folder).config, work.place.source
        command = resume_command("mnistcli train", begun.folder, config)
        command += f" --arch {shlex.quote(source)}" if source else ""
        how = f"'{command}' goes on from the last checkpoint, with as many processes as you like"
        raise LostProcessError(f"{lost[:-1]}; {how}.") from error
    return next((each for each in heard if isinstance(each, TrainResult)), None)


def _take_part(work: Work, task: Task, connection: Connection, device: str) -> None:
    """Train in this process, as the first or as another; send what is told, and what it comes to."""
    import jax

    from mnistcli.commands import train
    from mnistcli.commands.follow import follow
    from mnistcli.mesh import in_any_process, is_first_process

    @contextmanager
    def interrupts() -> Iterator[Interrupted]:
        yield lambda: in_any_process(connection.poll())

    session = work.session(connection.send, device, interrupts=interrupts)
    result = stopped = None
    try:
        if not is_first_process():
            follow(session, dataset=work.given.get("dataset"))
        elif task.config is not None:
            begin = {"name": task.name, "start": work.start, "freeze": work.freeze}
            result = train.train(task.config, session, runs=work.runs, **begin)
        else:
            result = train.resume(task.resume or "latest", session, runs=work.runs, given=work.given)
    except InterruptedRunError as error:
        stopped = Stopped(str(error))
    except (RuntimeError, ValueError) as error:
        if STATUS.match(str(error)):
            raise LostProcessError(LOST) from error
        raise
    jax.distributed.shutdown()  # waits for the others: the first one may score and write for long
    if result or stopped:
        connection.send(result or stopped)
