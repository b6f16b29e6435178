"""What a page tells of runs, or of groups of them, beyond their scores: curves, mistakes, and how each was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnistcli.results.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mnistcli.results.compare import Comparison, GroupComparison
    from mnistcli.results.data import Flips, Sample
    from mnistcli.results.evaluate import Evaluation, Robustness
    from mnistcli.results.train import EpochMetrics


@dataclass(frozen=True)
class Making:
    """How a run was made; of a group, how its first run was.

    Attributes:
        command: The words of the command that trains it again.
        facts: Configuration, versions, device and the like, by name.
    """

    command: tuple[str, ...]
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Subject:
    """One run, or one group, on a page.

    Attributes:
        evaluation: The run's, or that of the group's ensemble.
        accuracies: Of each run.
        histories: Each run's epochs; none of a run that did not keep them.
        mistakes: The images that it reads wrong, the most confident first.
        train_seconds: Of each run that knows it.
        making: None: it does not say how it was made.
    """

    evaluation: Evaluation
    accuracies: Spread
    histories: tuple[tuple[EpochMetrics, ...], ...]
    mistakes: Sequence[Sample]
    parameters: int
    train_seconds: tuple[float, ...]
    making: Making | None

    @property
    def name(self) -> str:
        """What the run or the group is called."""
        return self.evaluation.run


@dataclass(frozen=True)
class Report:
    """All that a page shows.

    Attributes:
        comparison: None: there is one subject.
        flips: The images that only one of two subjects reads right; None where there are not two.
        robustness: Of the one subject on corrupted images; None where nobody asked.
    """

    subjects: tuple[Subject, ...]
    comparison: Comparison | GroupComparison | None = None
    flips: Flips | None = None
    robustness: Robustness | None = None
