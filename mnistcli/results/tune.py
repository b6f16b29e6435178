"""What a search for a recipe tries, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mnistcli.results.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

COMPLETE, PRUNED, DIVERGED = "complete", "pruned", "diverged"


@dataclass(frozen=True)
class Trial:
    """One training with settings that a search drew.

    Attributes:
        number: The number of its settings; 0 is the recipe itself.
        seed: Of the training: the search's own, or a new one where the best settings are trained again.
        settings: By the names of --space.
        status: COMPLETE, PRUNED or DIVERGED.
        validation: The validation accuracy after each epoch.
        seconds: How long it took.
    """

    number: int
    seed: int
    settings: Mapping[str, Any]
    status: str
    validation: tuple[float, ...]
    seconds: float

    @property
    def best(self) -> float:
        """The best validation accuracy of an epoch; 0 where none ended."""
        return max(self.validation, default=0.0)


@dataclass(frozen=True)
class Finalist:
    """Settings that were trained again with new seeds; `accuracies` are of the validation images."""

    number: int
    settings: Mapping[str, Any]
    seeds: tuple[int, ...]
    accuracies: Spread


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        name: What the search is called.
        folder: Where its trials are kept.
        space: What settings are drawn from, as text.
        trials: In order of their numbers.
        finalists: The recipe, and the settings with the best trials; the best mean first.
        command: The command that trains with the best finalist's settings.
        seconds: How long the search has worked.
    """

    name: str
    folder: Path
    arch: str
    dataset: str
    validation_images: int
    space: Mapping[str, str]
    trials: tuple[Trial, ...]
    finalists: tuple[Finalist, ...]
    command: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class RateRange:
    """The loss at each learning rate of a range test.

    Attributes:
        losses: The smoothed loss (nats) after a step with each of `rates`.
        least: The rate at which the loss was least.
        suggested: A rate to begin with.
    """

    arch: str
    dataset: str
    optimizer: str
    batch_size: int
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    least: float
    suggested: float
