"""The results of `tune`: the trials of a search, and what it found."""

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
        seed: The training's seed: the search's, or a new one when the best settings are trained again.
        settings: The values of the settings by their names in --space.
        status: COMPLETE, PRUNED or DIVERGED.
        validation: The validation accuracy after each epoch.
        seconds: The time it took.
    """

    number: int
    seed: int
    settings: Mapping[str, Any]
    status: str
    validation: tuple[float, ...]
    seconds: float

    @property
    def best(self) -> float:
        """The best validation accuracy of an epoch; 0 if no epoch ended."""
        return max(self.validation, default=0.0)


@dataclass(frozen=True)
class Finalist:
    """Settings that were trained again with new seeds; `accuracies` are validation accuracies."""

    number: int
    settings: Mapping[str, Any]
    seeds: tuple[int, ...]
    accuracies: Spread


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        name: The search's name.
        folder: The search's folder.
        space: The range of each setting, as text.
        trials: The trials in the order of their numbers.
        finalists: The recipe, and the settings of the best trials; the best mean first.
        command: The words of a command that trains with the best finalist's settings.
        seconds: The working time of the search.
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
    """The result of a learning rate range test.

    Attributes:
        losses: The smoothed loss (nats) at a step with each of `rates`.
        least: The rate with the smallest loss.
        suggested: A rate to start with.
    """

    arch: str
    dataset: str
    optimizer: str
    batch_size: int
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    least: float
    suggested: float
