"""Train one run by several processes, on one machine or on many.

JAX runs in a process of its own, which it ends when another host is lost: this one stays to say so.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from mnistcli.analysis.course import Interrupted, Session, resume_command
from mnistcli.analysis.crew import KILLED, Crew, Place
from mnistcli.config import TrainConfig
from mnistcli.errors import InterruptedRunError, LostProcessError
from mnistcli.process import held_interrupts
from mnistcli.results.training import RunStarted, TrainEvent, TrainResult
from mnistcli.runs import RunsFolder, StoredModel
from mnistcli.runs.record import read_record

# How the text of an error begins that XLA raises when another process does not answer.
STATUS = re.compile("(ABORTED|CANCELLED|DEADLINE_EXCEEDED|INTERNAL|UNAVAILABLE|UNKNOWN): ")
LOST = "A process of this training ended or cannot be reached."


class Stopped(NamedTuple):
    """Some process was interrupted, and so all of them end."""

    why: str


@dataclass(frozen=True)
class HostsWork:
    """What every process is told; only the first one uses all of it.

    Attributes:
        runs: The folder of runs.
        place: Where it computes, and with which others.
        load: Loads the data set.
        config: What is trained; None: go on with `resume`.
        resume: The run to go on with.
        given: As of `study.reopen`.
        dataset: What the command line names.
        name, start, freeze: As of `study.begin`.
        checkpoint_every, keep_epochs: As of `Session`.
    """

    runs: RunsFolder
    place: Place
    load: Callable[..., Any]
    config: TrainConfig | None
    resume: str | None = None
    given: dict[str, Any] = field(default_factory=dict)
    dataset: str | None = None
    name: str | None = None
    start: StoredModel | None = None
    freeze: str | None = None
    checkpoint_every: int | None = None
    keep_epochs: bool = False


def train_with_hosts(work: HostsWork, notify: Callable[[TrainEvent], None]) -> TrainResult | None:
    """Train one run together with other processes, and return what it came to; None: another process does.

    Raises:
        InterruptedRunError: A process was interrupted; a checkpoint is written.
        LostProcessError: Another process ended or could not be reached; the last checkpoint stays.
        MnistcliError: As of `study.train`, `study.resume` and `follow.follow`.
    """
    heard: list[Any] = []

    def hear(_: str, said: Any) -> None:
        if isinstance(said, Stopped):
            raise InterruptedRunError(said.why)
        if isinstance(said, RunStarted | TrainResult):
            heard.append(said)
        if not isinstance(said, TrainResult):
            notify(said)

    try:
        with held_interrupts() as interrupted, Crew(work.place, partial(_take_part, work), hear) as crew:
            crew.do(iter(["train"]), interrupted)
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


def _take_part(work: HostsWork, _: str, connection: Connection, device: str) -> None:
    """Train in this process, as the first or as another; send what is told, and what it comes to."""
    import jax

    from mnistcli.analysis import study
    from mnistcli.analysis.follow import follow
    from mnistcli.mesh import in_any_process, is_first_process

    @contextmanager
    def interrupts() -> Iterator[Interrupted]:
        yield lambda: in_any_process(connection.poll())

    session = Session(connection.send, device, work.checkpoint_every, work.load, work.keep_epochs, interrupts)
    result = stopped = None
    try:
        if not is_first_process():
            follow(session, dataset=work.dataset)
        elif work.config is not None:
            result = study.train(
                work.config, session, runs=work.runs, name=work.name, start=work.start, freeze=work.freeze
            )
        else:
            result = study.resume(work.resume or "", session, runs=work.runs, given=work.given)
    except InterruptedRunError as error:
        stopped = Stopped(str(error))
    except (RuntimeError, ValueError) as error:
        if STATUS.match(str(error)):
            raise LostProcessError(LOST) from error
        raise
    jax.distributed.shutdown()  # waits for the others: the first one may score and write for long
    if result or stopped:
        connection.send(result or stopped)
