"""Processes that train at the same time: one per core on a CPU, one on any other device.

On a CPU each process computes with one thread: two processes on two cores train five seeds of dense in 0.68 of the time
of five single commands, and four of cnn in 0.66. With two threads each, dense takes 0.82 of the time, and cnn gains
nothing.
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
from mnistcli.models.flax_file import load_source
from mnistcli.process import child_process, cores
from mnistcli.results.train import Notice

WAIT = 0.2  # seconds between checks for Ctrl-C
Job = TypeVar("Job")
KILLED = "A training process was killed, perhaps because memory ran out."
STOP = "stop"  # message to a busy process: end this job
FINISH = "finish"  # likewise: end this job soon, with a result


@dataclass(frozen=True)
class Place:
    """The device that processes compute on.

    Attributes:
        device, devices, hosts, cache: As in `jax_setup.set_up`.
        source: The FILE.py:CLASS to execute for a class in Flax; else None.
    """

    device: str
    cache: bool
    source: str | None = None
    devices: int | None = None
    hosts: Hosts | None = None


class Crew(ExitStack, Generic[Job]):
    """Processes that do one job at a time each; they end when the `with` block ends.

    Args:
        place: The device that they compute on.
        work: A picklable function that a process calls to do a job, with the job, the connection to this process and
            the device's name. It may send messages other than None and text, and must return when it receives STOP.
        on_message: Called in this process with the job and each message.
        at_once: How many jobs to join into one on a GPU or TPU; jobs must then be tuples.
    """

    def __init__(
        self,
        place: Place,
        work: Callable[[Job, Connection, str], None],
        on_message: Callable[[Job, Any], None],
        *,
        at_once: int = 1,
    ) -> None:
        super().__init__()
        self._place, self._work, self._on_message, self._at_once = place, work, on_message, at_once
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

        Once a job is running and `finishing` returns True, start no more jobs, and send FINISH to the running ones.

        Raises:
            MnistcliError: A job raised it.
        """
        self._jobs, self._stopping, finished = jobs, False, False
        free, self._free = self._free, []
        for connection in free:
            self._start_next_job(connection)
        self._start_processes()
        while self._busy:
            if not self._stopping and (interrupted() or self._error):
                self._stopping = True
                self._end(STOP)
            if not finished and self._busy.keys() > self._starting and finishing():
                finished = True
                self._end(FINISH)
            ready = wait([*self._busy], WAIT)
            for connection in [each for each in self._busy if each in ready]:
                self._listen(connection)
        if self._error:
            raise self._error

    def stop(self, job: Job) -> None:
        """Tell the process that is doing this job to stop."""
        for connection, each in self._busy.items():
            if each == job:
                self._send(connection, STOP)

    @property
    def processes(self) -> int:
        """How many processes can work at once; 1 until the first process has sent the name of its device."""
        return cores() if self._on_cpu else 1

    def _end(self, order: str) -> None:
        """Start no more jobs, and send an order to the processes that are doing one."""
        self._jobs = iter(())
        for connection in [*self._busy]:
            if connection in self._starting:  # starting may take long; it is killed when the block ends
                del self._busy[connection]
            else:
                self._send(connection, order)

    def _start_processes(self) -> None:
        """Start a process for each of the next jobs, up to `processes`; each gets its job once it is ready."""
        while len(self._busy) < self.processes and (job := next(self._jobs, None)) is not None:
            child = self.enter_context(child_process(_serve, self._place, self._work))
            self._busy[child.connection] = job
            self._starting.add(child.connection)

    def _start_next_job(self, connection: Connection) -> None:
        job = next(self._jobs, None)
        if job is None:
            self._free.append(connection)
        else:
            self._start_job(connection, job)

    def _start_job(self, connection: Connection, job: Any) -> None:
        if self._at_once > 1:
            job = sum(islice(self._jobs, self._at_once - 1), job)
        self._busy[connection] = job
        self._send(connection, job)

    def _send(self, connection: Connection, message: Any) -> None:
        with suppress(OSError):  # the process has ended; `_listen` will notice
            connection.send(message)

    def _listen(self, connection: Connection) -> None:
        job = self._busy[connection]
        try:
            message = connection.recv()
        except (EOFError, OSError):
            message = LostProcessError(KILLED)
        match message:
            case str():  # the name of its device
                self._starting.discard(connection)
                self._on_cpu = message.startswith("cpu")
                self._at_once = 1 if self._on_cpu else self._at_once
                self._start_job(connection, job)
                self._start_processes()
            case MnistcliError():
                del self._busy[connection]
                if not isinstance(message, InterruptedRunError):
                    self._error = self._error or message
            case None:
                del self._busy[connection]
                self._start_next_job(connection)
            case Notice() if message in self._noticed:  # another process has sent it
                pass
            case _:
                self._noticed |= {message} if isinstance(message, Notice) else set()
                self._on_message(job, message)


class Orders:
    """The orders that a process of the crew receives during a job: STOP and FINISH."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._received: set[str] = set()

    def has(self, order: str) -> bool:
        """Whether an order has arrived; if the crew is gone, STOP counts as received."""
        try:
            while self._connection.poll():
                self._received.add(self._connection.recv())
        except (EOFError, OSError):
            self._received.add(STOP)
        return order in self._received


def _serve(connection: Connection, place: Place, work: Callable[[Any, Connection, str], None]) -> None:
    """Send the device's name, then do each job that arrives; send None when a job ends, or an error."""
    try:
        device = set_up(
            place.device,
            devices=place.devices,
            hosts=place.hosts,
            cache=place.cache,
            one_thread=place.hosts is None,
            notify=partial(_send_notice, connection),
        )
        connection.send(device)
        load_source(place.source)
        while True:
            job = connection.recv()
            if job not in (STOP, FINISH):  # these may arrive just after their job has ended
                with redirect_stdout(sys.stderr):
                    work(job, connection, device)
                connection.send(None)
    except MnistcliError as error:
        connection.send(error)
    except Exception as error:  # noqa: BLE001  (the parent process reports it)
        connection.send(MnistcliError(f"A training process failed: {type(error).__name__}: {error}."))


def _send_notice(connection: Connection, text: str) -> None:
    connection.send(Notice(text))
