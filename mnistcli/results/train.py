"""The events of training, and its results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from mnistcli.results.shown import Drawable
from mnistcli.results.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mnistcli.results.evaluate import Evaluation


@dataclass(frozen=True)
class RunStarted:
    """A run's folder was created or reopened, and its training starts."""

    run: str
    folder: Path
    arch: str
    device: str
    epochs: int
    steps_per_epoch: int
    train_images: int


@dataclass(frozen=True)
class StepMetrics:
    """The progress inside an epoch; loss and accuracy are means over the epoch so far."""

    epoch: int
    step: int
    loss: float
    accuracy: float
    images_per_second: float


@dataclass(frozen=True)
class EpochMetrics:
    """One line of metrics.jsonl.

    Training loss and accuracy are means over the epoch while the weights change, as Keras reports them; validation is
    scored with the weights at the epoch's end. `seconds` is the time of the training steps alone.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    images_per_second: float


def best_epoch(history: Sequence[EpochMetrics]) -> int:
    """Return the epoch whose weights are kept: the best validation accuracy, and among equals the lowest loss."""
    best = max(history, key=lambda metrics: (metrics.validation_accuracy, -metrics.validation_loss))
    return best.epoch


def by_epoch(histories: Sequence[Sequence[EpochMetrics]], metric: str) -> list[list[float]]:
    """Return a metric of several runs, one list per run, up to the last epoch that all of them have."""
    epochs = min(map(len, histories))
    return [[getattr(each, metric) for each in history[:epochs]] for history in histories]


@dataclass(frozen=True)
class Notice:
    """A message for the user about a run that continues."""

    text: str


TrainEvent = Notice | RunStarted | StepMetrics | EpochMetrics


@dataclass(frozen=True)
class TrainResult(Drawable):
    """The result of a finished run; `evaluation` is the only use of the test set."""

    run: str
    folder: Path
    arch: str
    dataset: str
    seed: int
    history: tuple[EpochMetrics, ...] = field(repr=False)
    best_epoch: int
    stopped_early: bool
    train_seconds: float
    compile_seconds: float
    parameters: int
    device: str
    evaluation: Evaluation

    @property
    def validation_accuracy(self) -> float:
        """The validation accuracy of the weights that were kept."""
        return self.history[self.best_epoch - 1].validation_accuracy

    @property
    def figures(self) -> dict[str, int | float | bool]:
        """The results that both run.json and `train --json` contain."""
        return {
            "epochs": len(self.history),
            "best_epoch": self.best_epoch,
            "stopped_early": self.stopped_early,
            "train_seconds": self.train_seconds,
            "compile_seconds": self.compile_seconds,
            "validation_accuracy": self.validation_accuracy,
            "test_accuracy": self.evaluation.accuracy,
            "test_loss": self.evaluation.loss,
            "parameters": self.parameters,
        }


class MemberEvent(NamedTuple):
    """An event in the training of one member of a group; None means that it has finished."""

    seed: int
    event: TrainEvent | None


@dataclass(frozen=True)
class GroupMember:
    """One training of a group; `history` and `figures` are as in `TrainResult`."""

    seed: int
    run: str
    device: str
    history: tuple[EpochMetrics, ...]
    figures: Mapping[str, Any]

    @property
    def test_accuracy(self) -> float:
        """The fraction of test images that it reads correctly."""
        return float(self.figures["test_accuracy"])


@dataclass(frozen=True)
class GroupResult:
    """The result of training one recipe with several seeds."""

    group: str
    folder: Path
    arch: str
    dataset: str
    members: tuple[GroupMember, ...]

    @property
    def accuracies(self) -> Spread:
        """The members' test accuracies."""
        return Spread(tuple(member.test_accuracy for member in self.members))
