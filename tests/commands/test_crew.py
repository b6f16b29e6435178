"""The processes that train at once: what is done of their jobs where one is stopped, fails or dies."""

import os
from multiprocessing.connection import Connection
from typing import Any

import pytest

from mnistcli.commands.crew import Crew, Place
from mnistcli.errors import MnistcliError

LONG = 20  # seconds after which a job that nobody stops ends
HERE = Place("cpu", cache=True)


def work(job: str, connection: Connection, _device: str) -> None:
    """Do what the job says: "die", "raise", or wait until it is stopped."""
    connection.send(("began", job))
    match job:
        case "die":
            os._exit(1)
        case "raise":
            raise ValueError("a fault")
        case "wait":
            connection.poll(LONG)
    connection.send(("ended", job))


def do(jobs: list[str], *, stop_at_once: bool = False) -> list[tuple[str, str]]:
    heard: list[Any] = []
    with Crew(HERE, work, lambda _, said: heard.append(said)) as crew:
        crew.do(iter(jobs), lambda: stop_at_once)
    return heard


def test_every_job_is_done() -> None:
    assert sorted(do(["a", "b", "c"])) == sorted((what, job) for what in ("began", "ended") for job in "abc")


def test_a_stop_before_a_process_is_ready_begins_no_job() -> None:
    assert do(["wait", "wait"], stop_at_once=True) == []


@pytest.mark.parametrize(
    ("job", "said"), [("die", "was killed"), ("raise", "A training process failed: ValueError: a fault.")]
)
def test_a_process_that_fails_ends_the_others_with_its_sentence(job: str, said: str) -> None:
    with pytest.raises(MnistcliError, match=said):
        do([job, "wait", "a", "b"])


def test_a_process_that_was_free_is_used_again() -> None:
    heard: list[Any] = []
    with Crew(HERE, tell_process, lambda _, said: heard.append(said)) as crew:
        crew.do(iter(["a"]), lambda: False)
        crew.do(iter(["b"]), lambda: False)
    (first,), (second,) = heard
    assert first == second


def tell_process(_job: str, connection: Connection, _device: str) -> None:
    connection.send((os.getpid(),))
