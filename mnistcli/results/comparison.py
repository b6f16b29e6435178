"""Runs side by side on the same images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnistcli.results.evaluation import Evaluation
    from mnistcli.results.training import EpochMetrics


@dataclass(frozen=True)
class ComparedRun:
    """One run's part of a comparison."""

    evaluation: Evaluation
    history: tuple[EpochMetrics, ...]
    parameters: int
    train_seconds: float | None


@dataclass(frozen=True)
class PairedTest:
    """Two runs on the same images: counts of images, and McNemar's exact two-sided p-value.

    Attributes:
        networks: How b's network differs from a's, in the one-line language; nothing where they are alike.
    """

    a: str
    b: str
    both_right: int
    only_a_right: int
    only_b_right: int
    both_wrong: int
    p_value: float
    networks: str = ""


@dataclass(frozen=True)
class Comparison:
    """Several runs on the same split, and each pair of them."""

    runs: tuple[ComparedRun, ...]
    pairs: tuple[PairedTest, ...]
