"""The rows of `runs list` and `doctor`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunSummary:
    """A row of `runs list`; results that a run does not have yet are None."""

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
    """A row of `doctor`."""

    name: str
    value: str
    ok: bool = True
