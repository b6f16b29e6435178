"""Processes that train at the same time, on a CPU as many as there are cores, on another device one.

On a CPU each computes with one thread: two processes on two cores train five seeds of dense in 0.68 of the time that
five single commands take, and four of cnn in 0.66. When each computes with two threads, dense takes 0.82 of the time,
and cnn gains nothing.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stdout, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from mnistcli.config import Hosts
from mnistcli.errors import InterruptedRunError, LostProcessError, MnistcliError
from mnistcli.jax_setup import set_up
from mnistcli.process import child_process, cores
from mnistcli.results.train import Notice

WAIT = 0.2  # seconds between two looks for Ctrl-C
Job = TypeVar("Job")
KILLED = "A training process was killed, perhaps because memory ran out."
STOP = "stop"  # sent to a process while it works: end this job
FINISH = "finish"  # likewise: end it soon, but well


@dataclass(frozen=True)
class Place:
    """Where the processes compute.

    Attributes:
        device, devices, hosts, cache: As of `jax_setup.set_up`.
        source: The FILE.py:CLASS to execute, for a class in Flax; else None.
    """

    device: str
    cache: bool
    source: str | None = None
    devices: int | None = None
    hosts: Hosts | None = None


class Crew(ExitStack, Generic[Job]):
    """Processes that each do one job at a time; they end with the block.

    Args:
        place: Where they compute.
        work: Called with a job, the connection to this process and the device's name, to do the job in a process of the
            crew. It may send anything but None and text over the connection, and must end when it receives STOP. It is
            pickled.
        hear: Called with the job and with what was sent.
        at_once: How many jobs a process gets as one job on a GPU or TPU; jobs must then be tuples, which are joined.
    """

    def __init__(
        self,
        place: Place,
        work: Callable[[Job, Connection, str], None],
        hear: Callable[[Job, Any], None],
        *,
        at_once: int = 1,
    ) -> None:
        super().__init__()
        self._place, self._work, self._hear, self._at_once = place, work, hear, at_once
        self._jobs: Iterator[Any] = iter(())
        self._busy: dict[Connection, Any] = {}
        self._free: list[Connection] = []
        self._starting: set[Connection] = set()
        self._noticed: set[Notice] = set()
        self._on_cpu = self._stopping = False
        self._error: MnistcliError | None = None

    def do(
        self, jobs: Iterator[Job], interrupted: Callable[[], bool], finishing: Callable[[], bool] = lambda: False
    ) -> None:
        """Do all jobs; stop when one fails or `interrupted` returns True.

        Once something is at work and `finishing` returns True, begin no more, and let those under way end with FINISH.

        Raises:
            MnistcliError: What a job raised.
        """
        self._jobs, self._stopping, finished = jobs, False, False
        free, self._free = self._free, []
        for connection in free:
            self._begin_next(connection)
        self._hire_all()
        while self._busy:
            if not self._stopping and (interrupted() or self._error):
                self._stopping = True
                self._end(STOP)
            if not finished and self._busy.keys() > self._starting and finishing():
                finished = True
                self._end(FINISH)
            heard = wait([*self._busy], WAIT)
            for connection in [each for each in self._busy if each in heard]:
                self._listen(connection)
        if self._error:
            raise self._error

    def stop(self, job: Job) -> None:
        """Tell the process that is at this job to end it."""
        for connection, each in self._busy.items():
            if each == job:
                self._send(connection, STOP)

    @property
    def processes(self) -> int:
        """How many processes work at once, as far as is known: the first one tells on which device it computes."""
        return cores() if self._on_cpu else 1

    def _end(self, order: str) -> None:
        """Begin no more jobs, and send an order to those that are at work."""
        self._jobs = iter(())
        for connection in [*self._busy]:
            if connection in self._starting:  # which may take long, and is killed at the block's end
                del self._busy[connection]
            else:
                self._send(connection, order)

    def _hire_all(self) -> None:
        """Start a process for each of the next jobs, which it gets once it is ready, as long as there is room."""
        while len(self._busy) < self.processes and (job := next(self._jobs, None)) is not None:
            child = self.enter_context(child_process(_serve, self._place, self._work))
            self._busy[child.connection] = job
            self._starting.add(child.connection)

    def _begin_next(self, connection: Connection) -> None:
        job = next(self._jobs, None)
        if job is None:
            self._free.append(connection)
        else:
            self._begin(connection, job)

    def _begin(self, connection: Connection, job: Any) -> None:
        if self._at_once > 1:
            job = sum(islice(self._jobs, self._at_once - 1), job)
        self._busy[connection] = job
        self._send(connection, job)

    def _send(self, connection: Connection, message: Any) -> None:
        with suppress(OSError):  # the process has ended, which is heard when it is listened to
            connection.send(message)

    def _listen(self, connection: Connection) -> None:
        job = self._busy[connection]
        try:
            said = connection.recv()
        except (EOFError, OSError):
            said = LostProcessError(KILLED)
        match said:
            case str():  # the device that it computes on
                self._starting.discard(connection)
                self._on_cpu = said.startswith("cpu")
                self._at_once = 1 if self._on_cpu else self._at_once
                self._begin(connection, job)
                self._hire_all()
            case MnistcliError():
                del self._busy[connection]
                if not isinstance(said, InterruptedRunError):
                    self._error = self._error or said
            case None:
                del self._busy[connection]
                self._begin_next(connection)
            case Notice() if said in self._noticed:  # by another process
                pass
            case _:
                self._noticed |= {said} if isinstance(said, Notice) else set()
                self._hear(job, said)


class Orders:
    """What a process of the crew hears while it is at a job: STOP, FINISH or nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._heard: set[str] = set()

    def has(self, order: str) -> bool:
        """Whether an order has come; where the crew is gone, all must stop."""
        try:
            while self._connection.poll():
                self._heard.add(self._connection.recv())
        except (EOFError, OSError):
            self._heard.add(STOP)
        return order in self._heard


def _serve(connection: Connection, place: Place, work: Callable[[Any, Connection, str], None]) -> None:
    """Tell of the device, then do each job that comes; tell None at a job's end, or the error."""
    try:
        device = set_up(
            place.device,
            devices=place.devices,
            hosts=place.hosts,
            cache=place.cache,
            one_thread=place.hosts is None,
            tell=partial(_tell, connection),
        )
        connection.send(device)
        if place.source:
            from mnistcli.models.flax_file import load, read_source

            load(read_source(place.source))
        while True:
            job = connection.recv()
            if job not in (STOP, FINISH):  # which may come just after the end of the job that they are for
                with redirect_stdout(sys.stderr):
                    work(job, connection, device)
                connection.send(None)
    except MnistcliError as error:
        connection.send(error)
    except Exception as error:  # noqa: BLE001  (it is told in the process that the user sees)
        connection.send(MnistcliError(f"A training process failed: {type(error).__name__}: {error}."))


def _tell(connection: Connection, text: str) -> None:
    connection.send(Notice(text))
