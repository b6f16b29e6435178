"""Train a run again, and compare the weights and every epoch's metrics."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mnistcli.commands.course import Session
from mnistcli.commands.diff import changed
from mnistcli.commands.train import check_source, train
from mnistcli.config import DataChoice, TrainConfig
from mnistcli.errors import RunError
from mnistcli.results.diff import Reproduction
from mnistcli.results.train import EpochMetrics, Notice, TrainResult
from mnistcli.runs import Run, RunRecord, RunsFolder, Status, StoredModel, load_model, provenance
from mnistcli.runs.tensors import Tensors
from mnistcli.training import should_stop

FIGURES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
TEST_FIGURES = ("test_loss", "test_accuracy")


def train_again(run: Run, choice: DataChoice, session: Session, *, runs: RunsFolder, name: str | None) -> TrainResult:
    """Train a finished run again, as a new run, and notify of everything that has changed.

    Args:
        run: The run.
        choice: Its data set, perhaps at a new place.
        session: The session to train with.
        runs: The runs folder.
        name: The new run's name; None: its architecture and a number.

    Raises:
        RunError: It is not finished, or the run that it started from is gone or has changed.
        UsageError: Its class in Flax is not loaded or has changed.
    """
    record = _finished(run)
    check_source(run.name, record.config)
    start = _start(run, record.config, runs)
    dataset = session.load(choice)
    now = provenance(device=session.device, data_fingerprint=dataset.fingerprint)
    for each in changed(record.provenance, now):
        session.notify(Notice(f"{each.name}: {each.a} when {run.name} was trained, {each.b} now."))
    return train(
        replace(record.config, data=choice),
        replace(session, load=lambda _: dataset, is_last=_last_epoch(run, record)),
        runs=runs,
        name=name,
        start=start,
        freeze=",".join(record.config.freeze) or None,
    )


def compare_again(run: Run, again: Run, *, tolerance: float) -> Reproduction:
    """Compare two trainings of one configuration; differences up to `tolerance` count as equal."""
    records = [_finished(each) for each in (run, again)]
    histories = [each.history() for each in (run, again)]
    return Reproduction(
        run=run.name,
        again=again.name,
        weights=_largest_weight_difference(load_model(run.weights).arrays, load_model(again.weights).arrays),
        epochs=tuple(map(_largest_metric_difference, *histories)),
        lengths=(len(histories[0]), len(histories[1])),
        test=max(abs(records[0].results[name] - records[1].results[name]) for name in TEST_FIGURES),
        tolerance=tolerance,
        changed=changed(records[0].provenance, records[1].provenance),
    )


def _finished(run: Run) -> RunRecord:
    record = run.record()
    if record is None:
        raise RunError(f"The run {run.name!r} has no run.json, so how it was trained is unknown.")
    if record.status != Status.FINISHED:
        raise RunError(f"The run {run.name!r} is not finished: to finish it, run 'mnistcli train --resume {run.name}'.")
    return record


def _last_epoch(run: Run, record: RunRecord) -> Callable[[int], bool]:
    """Return a function that says whether an epoch is the last of a run that the user ended; False for other runs."""
    history = run.history()
    by_hand = record.results["stopped_early"] and not should_stop(history, patience=record.config.hyper.patience)
    return lambda epoch: by_hand and epoch >= len(history)


def _start(run: Run, config: TrainConfig, runs: RunsFolder) -> StoredModel | None:
    """Return the model that a run started from, None if it started from random weights."""
    if config.start is None:
        return None
    started = f"The run {run.name!r} started with the weights of the run {config.start!r}"
    try:
        model = load_model(runs.find(config.start).weights)
    except RunError as error:
        raise RunError(f"{started}, which is no longer in {str(runs.path)!r}.") from error
    if any(not np.array_equal(array, model.arrays.get(path, ())) for path, array in run.start_arrays().items()):
        raise RunError(f"{started}, which has other weights now.")
    return model


def _largest_weight_difference(ours: Tensors, theirs: Tensors) -> float | None:
    if {path: array.shape for path, array in ours.items()} != {path: array.shape for path, array in theirs.items()}:
        return None
    return max(float(np.abs(array - np.float64(theirs[path])).max(initial=0)) for path, array in ours.items())


def _largest_metric_difference(ours: EpochMetrics, theirs: EpochMetrics) -> float:
    return max(abs(getattr(ours, name) - getattr(theirs, name)) for name in FIGURES)
