"""A line of `runs list` and of `doctor`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunSummary:
    """A line of `runs list`; what a run has not come to is None."""

    run: str
    arch: str
    dataset: str
    status: str
    test_accuracy: float | None
    epochs: int | None
    train_seconds: float | None
    created: str
    group: str | None = None


@dataclass(frozen=True)
class Check:
    """One line of `doctor`."""

    name: str
    value: str
    ok: bool = True
