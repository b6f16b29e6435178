"""What processes that train are told beside the runs that they train."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mnistcli.commands.course import Load, Notify, Session
from mnistcli.commands.crew import Place
from mnistcli.runs import RunsFolder, StoredModel


@dataclass(frozen=True)
class Work:
    """What processes that train are told.

    Attributes:
        runs: The folder of runs.
        place: Where they compute.
        load: Loads the data set.
        given: Settings of the command line, which must not contradict a run that was begun before (`config.go_on`).
        checkpoint_every, keep_epochs: As of `course.Session`.
        start, freeze: As of `train.begin`.
        shard: I and N: other processes train the same group, and the I-th of every N members is for this one first.
    """

    runs: RunsFolder
    place: Place
    load: Load
    given: dict[str, Any] = field(default_factory=dict)
    checkpoint_every: int | None = None
    keep_epochs: bool = False
    start: StoredModel | None = None
    freeze: str | None = None
    shard: tuple[int, int] | None = None

    def session(self, notify: Notify, device: str, **asked: Callable[..., Any]) -> Session:
        """Return what a run is trained with in one of the processes."""
        return Session(notify, device, self.checkpoint_every, self.load, self.keep_epochs, **asked)
