"""One figure of several runs."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Spread:
    """The values of a figure, such as the accuracy, in the runs of a group."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean of the values."""
        return statistics.fmean(self.values)

    @property
    def sd(self) -> float | None:
        """The sample standard deviation (n - 1) of the values; None for a single value."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def figures(self) -> dict[str, Any]:
        """The summary that JSON output contains."""
        return {"mean": self.mean, "sd": self.sd, "min": min(self.values), "max": max(self.values)}
