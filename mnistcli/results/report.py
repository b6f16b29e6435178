"""The content of an HTML page about runs or groups: scores, curves, mistakes, and how they were made."""

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
    """How a run was made; for a group, how its first run was made.

    Attributes:
        command: The words of a command that trains it again.
        facts: Configuration, versions, device and the like, by name.
    """

    command: tuple[str, ...]
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Subject:
    """A run or group on a page.

    Attributes:
        evaluation: The evaluation of the run, or of the group's ensemble.
        accuracies: The accuracy of each run.
        histories: Each run's epochs; empty for a run without metrics.
        mistakes: The images that it misreads, the most confident first.
        train_seconds: The training time of each run, if known.
        making: How it was made; None if unknown.
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
        """The name of the run or group."""
        return self.evaluation.run


@dataclass(frozen=True)
class Report:
    """The content of a page.

    Attributes:
        comparison: The comparison of the subjects; None if there is only one.
        flips: The images that only one of two subjects reads correctly; None if there are not two.
        robustness: The results of a single subject on corrupted images; None unless requested.
    """

    subjects: tuple[Subject, ...]
    comparison: Comparison | GroupComparison | None = None
    flips: Flips | None = None
    robustness: Robustness | None = None
