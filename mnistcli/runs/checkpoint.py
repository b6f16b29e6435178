"""last.safetensors: everything that resuming a run needs, except its configuration."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mnistcli.errors import RunError, metadata_problem
from mnistcli.results.train import EpochMetrics
from mnistcli.runs.tensors import Metadata, Shapes, Tensors, load_tensors, save_tensors

SCHEMA = "mnistcli.checkpoint/1"
NEW, LAST, BEFORE = "new.safetensors", "last.safetensors", "before-last.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """The state of a fit after a step.

    The random state is the run's seed and the step: they determine every epoch's order and every step's augmentation.
    The history determines the best epoch, and whether to stop early.

    Attributes:
        tensors: Parameters, the optimizer's state and the epoch's tally, by name.
        history: The metrics of the finished epochs.
        step: The number of steps done in the epoch after these.
        epoch_seconds: How long those steps took.
        train_seconds: How long the run has trained in total.
        compile_seconds: How long compilation took in total.
    """

    tensors: Tensors
    history: tuple[EpochMetrics, ...]
    step: int
    epoch_seconds: float
    train_seconds: float
    compile_seconds: float


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write last.safetensors, and keep the previous checkpoint beside it until the next call."""
    save_tensors(folder / NEW, checkpoint.tensors, figures_of(checkpoint) | {"schema": SCHEMA})
    _advance(folder)


def _advance(folder: Path) -> None:
    """Rename the last checkpoint to the previous one and the new one to the last; safe to repeat if interrupted."""
    if (folder / LAST).exists():
        (folder / LAST).replace(folder / BEFORE)
    (folder / NEW).replace(folder / LAST)


def drop_older(folder: Path) -> None:
    """Remove the previous checkpoint."""
    (folder / BEFORE).unlink(missing_ok=True)


def read_checkpoints(folder: Path, *, expected: Tensors, steps: int) -> Iterator[Checkpoint | RunError]:
    """Yield the folder's checkpoints, newest first; for a damaged one, the error.

    `expected` gives the names, dtypes and shapes that their tensors must have; `steps` is the number in an epoch.
    """
    if (folder / NEW).exists():  # the process was killed before it renamed this file
        _advance(folder)
    for path in (folder / LAST, folder / BEFORE):
        if path.exists():
            try:
                yield _read(path, expected, steps)
            except RunError as error:
                yield error


def _read(path: Path, expected: Tensors, steps: int) -> Checkpoint:
    def check(metadata: Metadata, shapes: Shapes) -> None:
        if metadata.get("schema") != SCHEMA:
            raise RunError(f"{str(path)!r} is not a checkpoint: expected {SCHEMA}, found {metadata.get('schema')!r}.")
        required = {name: array.shape for name, array in expected.items()}
        found = {name: shape for name, (_, shape) in shapes.items()}
        for name in sorted(required.keys() | found.keys()):
            if required.get(name) != found.get(name):
                raise RunError(f"{str(path)!r}: expected {name} {required.get(name)}, found {found.get(name)}.")

    tensors, figures = load_tensors(path, check=check)
    for name, array in expected.items():
        if tensors[name].dtype != array.dtype:
            raise RunError(f"{str(path)!r}: expected {name} as {array.dtype}, found {tensors[name].dtype}.")
    try:
        return checkpoint_of(tensors, figures, steps=steps)
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError) as error:
        raise RunError(f"{str(path)!r} is damaged: {metadata_problem(error)}.") from error


def read_metrics(values: dict[str, Any]) -> EpochMetrics:
    """Return an epoch's metrics from their JSON object.

    Raises:
        TypeError, ValueError, AttributeError, OverflowError: It is not such an object.
    """
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in values.values()):
        raise ValueError("a value is not a finite number")
    return EpochMetrics(**values)


def figures_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return a checkpoint's values other than tensors, for JSON."""
    return {key: value for key, value in asdict(replace(checkpoint, tensors={})).items() if key != "tensors"}


def checkpoint_of(tensors: Tensors, figures: dict[str, Any], *, steps: int) -> Checkpoint:
    """Return the checkpoint with these tensors and figures; `steps` is the number in an epoch.

    Raises:
        TypeError, KeyError, ValueError, AttributeError, OverflowError: The figures are not a checkpoint's.
    """
    history = tuple(map(read_metrics, figures["history"]))
    if [metrics.epoch for metrics in history] != list(range(1, len(history) + 1)):
        raise ValueError("the epochs of its history are not in order")
    if not 0 <= figures["step"] <= steps:
        raise ValueError(f"step {figures['step']} of {steps} is out of range")
    return Checkpoint(
        tensors={name: np.asarray(array) for name, array in tensors.items()},
        history=history,
        step=int(figures["step"]),
        epoch_seconds=float(figures["epoch_seconds"]),
        train_seconds=float(figures["train_seconds"]),
        compile_seconds=float(figures["compile_seconds"]),
    )
