"""The same figure of several runs."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Spread:
    """A figure of each run of a group, such as its accuracy."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Their mean."""
        return statistics.fmean(self.values)

    @property
    def sd(self) -> float | None:
        """Their standard deviation, with n - 1 in the denominator; None of one value."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def figures(self) -> dict[str, Any]:
        """What JSON says of them."""
        return {"mean": self.mean, "sd": self.sd, "min": min(self.values), "max": max(self.values)}
