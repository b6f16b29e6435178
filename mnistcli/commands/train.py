"""Train a run from start to end: claim a folder, fit, keep the best weights, score the test images once."""

import shlex
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mnistcli.commands.course import Course, Interrupted, Session
from mnistcli.commands.follow import tell_config, tell_state
from mnistcli.commands.start import frozen_layers, layers_of, take_weights, trained_layers
from mnistcli.config import TrainConfig, resumed_config
from mnistcli.datasets import Dataset
from mnistcli.errors import DataError, InterruptedRunError, RunError, UsageError
from mnistcli.files import write_atomically
from mnistcli.inference.stablehlo import make_stablehlo, stablehlo_logits
from mnistcli.jax_setup import name_devices
from mnistcli.mesh import devices_left_out, mesh_for
from mnistcli.models.flax_file import blaming, loaded, refused
from mnistcli.models.network import build, count, define, split
from mnistcli.results.train import Notice, TrainResult
from mnistcli.runs import RunFolder, RunRecord, RunsFolder, Status, StoredModel, provenance
from mnistcli.runs.tensors import Tensors
from mnistcli.training import Fit, can_train_together, train_together

COPIES = 10  # most copies of the parameters in a run's files: the best, and three checkpoints with two moments each
FIGURES_BYTES = 2**20


def train(config: TrainConfig, session: Session, **options: Any) -> TrainResult:
    """Train one run and score it; for options and errors see `begin` and `Course.run`."""
    with session.interrupts() as interrupted:
        return begin(config, session, **options).run(interrupted)


def resume(run: str, session: Session, **options: Any) -> TrainResult:
    """Resume an unfinished run and score it; for options and errors see `reopen` and `Course.run`."""
    with session.interrupts() as interrupted:
        return reopen(run, session, **options).run(interrupted)


def begin(
    config: TrainConfig,
    session: Session,
    *,
    runs: RunsFolder,
    name: str | None = None,
    start: StoredModel | None = None,
    freeze: str | None = None,
    beside: Fit | None = None,
) -> Course:
    """Claim a new run's folder and prepare to train it.

    Args:
        config: The configuration.
        session: How to train it.
        runs: The runs folder.
        name: The run's name; None: its architecture and a number.
        start: The model to start from, with the weights that fit; None: random weights.
        freeze: The layers to freeze, as in `start.frozen_layers`.
        beside: As in `Fit`.

    Raises:
        UsageError: The run's name or the runs folder cannot be used, or the disk is full.
        DataError: The data set is unknown or damaged.
    """
    dataset = session.load(config.data)
    if not len(dataset.train) or not len(dataset.validation):
        raise DataError(f"The data set {config.data.dataset!r} has too few images: validation needs some, too.")
    session = _on_used_devices(session, config, dataset)
    _check_space(runs.path, config, dataset, keep_epochs=session.keep_epochs)
    if config.source_sha256:
        _try_out(config, dataset)
    config, arrays = _prepare_start(config, session, dataset, start, freeze)
    folder = runs.claim(config, provenance(device=session.device, data_fingerprint=dataset.fingerprint), name=name)
    try:
        if config.source_sha256:
            source, _ = loaded(config.arch)
            write_atomically(folder.path / source.path.name, source.content)
        if arrays:
            folder.save_start(arrays)
        fit = _make_fit(config, dataset, session, beside)
        fit.begin_with(arrays)
        tell_state(fit)
    except BaseException:
        folder.close(Status.FAILED)
        raise
    return Course(folder, fit, session)


def reopen(
    run: str, session: Session, *, runs: RunsFolder, given: Mapping[str, Any], beside: Fit | None = None
) -> Course:
    """Lock an unfinished run's folder and prepare to continue from its last checkpoint.

    Args:
        run: As in `RunsFolder.reopen`.
        session: How to train it.
        runs: The runs folder.
        given: The settings on the command line, as in `config.resumed_config`.
        beside: As in `Fit`.

    Raises:
        RunError: The run does not exist, is finished, or is being trained by another process.
        UsageError, DataError: As in `begin`.
    """
    folder = runs.reopen(run)
    try:
        config = resumed_config(folder.record.config, given)
        _check_dataset(run, config, given)
        check_source(run, config)
        dataset = session.load(config.data)
        session = _on_used_devices(session, config, dataset)
        now = provenance(device=session.device, data_fingerprint=dataset.fingerprint)
        if folder.record.provenance.get("data_fingerprint") != now["data_fingerprint"]:
            raise DataError(f"The run {run!r} was started on images that differ from those in {config.data.dataset}.")
        fit = _make_fit(config, dataset, session, beside)
        trained = _restore(folder, fit, session)
        tell_state(fit)
        _note_changes(folder.record, now, session)
        folder.record_resumption(config, now)
        return Course(folder, fit, session, trained)
    except BaseException:
        folder.lock.release()
        raise


def train_all(courses: Sequence[Course], interrupted: Interrupted) -> None:
    """Train several runs that differ only in their seed: together if possible, otherwise one after the other.

    Then a run that is told to end with its epoch is the last: the others are left as they are.

    Raises:
        InterruptedRunError, DivergedError, StoppedRunError: As in `Course.run`; the others have their last checkpoint.
    """
    if len(courses) == 1 or not can_train_together([course.fit for course in courses]):
        for course in courses:
            if course is not courses[0] and course.session.is_last(course.fit.epoch):
                course.folder.close(Status.INTERRUPTED)
            else:
                course.run(interrupted)
        return
    by_fit = {id(course.fit): course for course in courses}
    with ExitStack() as closing:
        for course in courses:
            closing.enter_context(course.closing())
            course.compute_on(f"{course.session.device}, {len(courses)} seeds together")
            course.begin()
        for events in train_together([course.fit for course in courses]):
            for fit, event in events:
                by_fit[id(fit)].keep(event)
            if interrupted():
                for course in courses:
                    course.save_checkpoint()
                raise InterruptedRunError("Interrupted.")
        for course, seconds in [(course, course.seconds) for course in courses]:
            course.finish(train_seconds=seconds)


def _on_used_devices(session: Session, config: TrainConfig, dataset: Dataset) -> Session:
    """Return the session with the name of the devices that train, and say how many are left out.

    Raises:
        UsageError: The batch cannot be split equally, and all devices must be used.
    """
    batch_size = min(config.hyper.batch_size, len(dataset.train.first(config.limit)))
    left_out = devices_left_out(batch_size)
    if left_out is None:
        return session
    session.notify(Notice(left_out))
    used = mesh_for(batch_size).devices
    return replace(session, device=name_devices(used[0], len(used)))


def _check_dataset(run: str, config: TrainConfig, given: Mapping[str, Any]) -> None:
    """Refuse to open a path that only run.json names: a stranger may have written it."""
    dataset = config.data.dataset
    if config.data.is_path and given.get("dataset") is None:
        raise UsageError(f"The run {run!r} was started on {dataset!r}: add --dataset {shlex.quote(dataset)}.")


def _try_out(config: TrainConfig, dataset: Dataset) -> None:
    """Refuse a class in Flax that returns NaN or infinity, or cannot be saved as a file, before training starts."""
    source, network = loaded(config.arch)
    shape = config.arch, dataset.image_shape, len(dataset.class_names)
    definition = define(*shape)
    with blaming(source):
        parts = jax.jit(lambda: split(build(*shape, seed=config.seed))[1])()
    try:
        content = make_stablehlo(definition.use, parts, image_shape=dataset.image_shape, temperature=1.0)
        answers = stablehlo_logits(content, dataset.train.images[:2], name=network.__name__)
    except RunError as error:
        raise refused(source, str(error).rstrip(".")) from error
    except Exception as error:
        why = f"{network.__name__} cannot be saved as StableHLO, which has no callbacks such as jax.debug.print"
        raise refused(source, f"{why} ({type(error).__name__})") from error
    if not np.isfinite(answers).all():
        raise refused(source, f"{network.__name__} returns NaN or infinity before any training")


def _make_fit(config: TrainConfig, dataset: Dataset, session: Session, beside: Fit | None) -> Fit:
    """Return the fit of a run; other processes that train it are sent the configuration first."""
    tell_config(config, dataset, checkpoint_every=session.checkpoint_every)
    return Fit(config, dataset, session.checkpoint_every, beside)


def _note_changes(record: RunRecord, now: Mapping[str, Any], session: Session) -> None:
    """Notify if a resumed run was started with other versions or on another device."""
    started_on, device = (each.partition(",")[0] for each in (record.device, session.device))
    if record.provenance.get("versions") != now["versions"] or started_on != device:
        session.notify(Notice("The run was started on another device or version: its weights may differ a little."))


def _prepare_start(
    config: TrainConfig, session: Session, dataset: Dataset, start: StoredModel | None, freeze: str | None
) -> tuple[TrainConfig, Tensors]:
    """Return the configuration with the frozen layers, and the arrays to start with; notify of both."""
    if start is None and freeze is None:
        return config, {}
    shape = config.arch, dataset.image_shape, len(dataset.class_names)
    definition = define(*shape)
    layers = layers_of(shape[0], definition, *shape[1:])
    if freeze is not None:
        trained = trained_layers(definition, layers)
        config = replace(config, freeze=frozen_layers(freeze, trained, ordered=config.source_sha256 is None))
    arrays: Tensors = {}
    if start is not None:
        taken = take_weights(start, definition, layers, same_classes=start.class_names == dataset.class_names)
        anew = f"; new: {', '.join(taken.anew)}" if taken.anew else ""
        session.notify(Notice(f"Taken from {config.start}: {', '.join(taken.taken)}{anew}."))
        arrays, config = taken.arrays, replace(config, rejects=start.rejects and not taken.anew)
    if config.freeze:
        random = "" if start else " They keep their random weights, because there is no --from."
        session.notify(Notice(f"Not trained: {', '.join(config.freeze)}.{random}"))
    return config, arrays


def check_source(run: str, config: TrainConfig) -> None:
    """Refuse to train a class in Flax again if its file is not named or has changed."""
    if config.source_sha256:
        source, _ = loaded(config.arch)
        if source.sha256 != config.source_sha256:
            raise UsageError(
                f"{source.path} has changed since the run {run!r} was started; the run's folder has the original."
            )


def _restore(folder: RunFolder, fit: Fit, session: Session) -> float:
    """Restore the newest complete checkpoint, and return the run's seconds of training so far."""
    checkpoint, problems = folder.read_checkpoint(expected=fit.expected_tensors(), steps=fit.steps_per_epoch)
    for problem in problems:
        session.notify(Notice(problem))
    history = checkpoint.history if checkpoint else ()
    if len(history) > fit.config.hyper.epochs:
        raise UsageError(f"--epochs {fit.config.hyper.epochs} is too few: the run already has {len(history)} epochs.")
    folder.drop_epochs(after=len(history))
    if folder.repair_metrics(history):
        session.notify(Notice("metrics.jsonl was restored to the checkpoint's epochs."))
    name = folder.path.name
    if checkpoint is None:
        if fit.config.start:
            fit.begin_with(folder.read_start())
        session.notify(Notice(f"The run {name!r} has no complete checkpoint: it starts again, with the same seed."))
        return 0.0
    fit.restore(checkpoint)
    session.notify(Notice(f"Resuming {name} in epoch {fit.epoch}, at step {fit.step:,} of {fit.steps_per_epoch:,}."))
    return checkpoint.train_seconds


def _check_space(folder: Path, config: TrainConfig, dataset: Dataset, *, keep_epochs: bool) -> None:
    """Refuse to train if the run's files do not fit on the disk."""
    definition = define(config.arch, dataset.image_shape, len(dataset.class_names))
    copies = COPIES + (config.hyper.epochs if keep_epochs else 0)
    numbers = count(definition.parts.params) + count(definition.parts.rest)
    answers = len(dataset.test) * len(dataset.class_names)
    needed = (copies * numbers + answers) * np.dtype(np.float32).itemsize + FIGURES_BYTES
    place = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.is_dir())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise UsageError(
            f"The disk of {str(folder)!r} has {free / 1e6:.1f} MB left, and a run of {config.arch} needs "
            f"{needed / 1e6:.1f} MB: make room, or give another folder with --runs-dir."
        )
