"""Train one run with several processes, on one machine or many.

JAX runs in a child process, because it aborts its process when another host is lost; this process reports that.
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

# The start of XLA's error messages when another process does not answer.
STATUS = re.compile("(ABORTED|CANCELLED|DEADLINE_EXCEEDED|INTERNAL|UNAVAILABLE|UNKNOWN): ")
LOST = "Another process of this training ended or cannot be reached."


class Stopped(NamedTuple):
    """Message: a process was interrupted, so all of them end."""

    why: str


class Task(NamedTuple):
    """The run to train together.

    Attributes:
        config: The configuration of a new run; None: resume a run.
        name: The new run's name; None: its architecture and a number.
        resume: The run to resume, as in `train.reopen`.
    """

    config: TrainConfig | None
    name: str | None
    resume: str | None


def train_with_hosts(task: Task, work: Work, notify: Notify) -> TrainResult | None:
    """Train one run together with other processes, and return its result; None if another process returns it.

    Raises:
        InterruptedRunError: A process was interrupted; a checkpoint is written.
        LostProcessError: Another process ended or could not be reached; the last checkpoint stays.
        MnistcliError: As in `train.train`, `train.resume` and `follow.follow`.
    """
    received: list[Any] = []

    def on_message(_: Task, message: Any) -> None:
        if isinstance(message, Stopped):
            raise InterruptedRunError(message.why)
        if isinstance(message, RunStarted | TrainResult):
            received.append(message)
        if not isinstance(message, TrainResult):
            notify(message)

    try:
        with held_interrupts() as interrupted, Crew(work.place, partial(_take_part, work), on_message) as crew:
            crew.do(iter([task]), interrupted)
            if interrupted():
                raise InterruptedRunError("Interrupted.")
    except LostProcessError as error:
        lost = LOST if str(error) == KILLED else str(error)
        started = next((each for each in received if isinstance(each, RunStarted)), None)
        if started is None:
            raise LostProcessError(lost) from error
        config, source = read_record(started.folder).config, work.place.source
        command = resume_command("mnistcli train", started.folder, config)
        command += f" --arch {shlex.quote(source)}" if source else ""
        how = f"to continue from the last checkpoint, with any number of processes, run '{command}'"
        raise LostProcessError(f"{lost[:-1]}; {how}.") from error
    return next((each for each in received if isinstance(each, TrainResult)), None)


def _take_part(work: Work, task: Task, connection: Connection, device: str) -> None:
    """Train in this process, as the first or another one; send all events, and the result."""
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
    jax.distributed.shutdown()  # waits for the first process, which scores and writes
    if result or stopped:
        connection.send(result or stopped)
