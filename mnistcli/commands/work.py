"""What training processes need to know, except which runs to train."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mnistcli.commands.course import Load, Notify, Session
from mnistcli.commands.crew import Place
from mnistcli.runs import RunsFolder, StoredModel


@dataclass(frozen=True)
class Work:
    """What training processes need to know.

    Attributes:
        runs: The runs folder.
        place: The device that they compute on.
        load: Loads the data set.
        given: Settings on the command line, which must not contradict a run that is resumed (`config.resumed_config`).
        checkpoint_every, keep_epochs: As in `course.Session`.
        start, freeze: As in `train.begin`.
        shard: I and N: other processes train the same group; this one starts with member I of every N.
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
        """Return the session to train a run with in one of the processes."""
        return Session(notify, device, self.checkpoint_every, self.load, self.keep_epochs, **asked)
