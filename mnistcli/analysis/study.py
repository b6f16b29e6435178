"""One run of the study from end to end: claim a folder, fit, keep the best weights, score the test set once."""

import shlex
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mnistcli.analysis.answers import answers_of
from mnistcli.analysis.evaluate import score
from mnistcli.analysis.onnx import make_onnx
from mnistcli.analysis.start import frozen_layers, layers_of, take_weights
from mnistcli.config import RUNS_DIR, DataChoice, TrainConfig, go_on
from mnistcli.data import Dataset, load
from mnistcli.errors import DataError, InterruptedRunError, RunError, StoppedRunError, UsageError
from mnistcli.files import write_atomically
from mnistcli.inference.stablehlo import make_stablehlo, stablehlo_logits
from mnistcli.models import description
from mnistcli.models.flax_file import blaming, loaded, refused
from mnistcli.models.network import build, count, define, flatten, restore, split
from mnistcli.process import held_interrupts
from mnistcli.results.training import EpochMetrics, Notice, RunStarted, TrainEvent, TrainResult
from mnistcli.runs import (
    ONNX,
    STABLEHLO,
    Run,
    RunFolder,
    RunsFolder,
    Status,
    StoredModel,
    load_model,
    model_metadata,
    provenance,
)
from mnistcli.runs.tensors import Tensors
from mnistcli.training import Fit, best_epoch

Notify = Callable[[TrainEvent], None]
Load = Callable[[DataChoice], Dataset]
COPIES = 10  # of the parameters in a run's files at most: its best, and three checkpoints with two moments each
FIGURES_BYTES = 2**20


@dataclass(frozen=True)
class Session:
    """What a run's training is done with: who hears of it, where it computes, and how often it is kept.

    Attributes:
        notify: Hears of every chunk of steps and every epoch.
        device: The name of the device on which JAX was set up to compute.
        checkpoint_every: Steps after which a checkpoint is written inside an epoch; None: at epochs' ends only.
        load: How its data set is come by.
        keep_epochs: Whether the weights of each epoch are kept; a run that was begun so goes on so.
        interrupts: Gives, while a run is trained, a function that says whether it is to stop.
    """

    notify: Notify
    device: str
    checkpoint_every: int | None = None
    load: Load = load
    keep_epochs: bool = False
    interrupts: Callable[[], AbstractContextManager[Callable[[], bool]]] = held_interrupts


def train(
    config: TrainConfig,
    session: Session,
    *,
    runs: RunsFolder,
    name: str | None = None,
    start: StoredModel | None = None,
    freeze: str | None = None,
) -> TrainResult:
    """Train one run and score it.

    Args:
        config: What decides its weights.
        session: What it is trained with.
        runs: The folder of runs.
        name: What it is called; None: by its architecture and a number.
        start: A model: the run begins with those of its weights that fit.
        freeze: The layers that stay as they begin, as `start.frozen_layers` takes them.

    Raises:
        UsageError: The run's name or the runs folder cannot be used, or the disk is full.
        DataError: The data set is unknown or damaged.
        InterruptedRunError: Ctrl-C was pressed, or the system asked the program to end.
        DivergedError: The loss stopped being a number.
        StoppedRunError: The system refused to write the run's files.
    """
    dataset = session.load(config.choice())
    _check_space(runs.path, config, dataset, keep_epochs=session.keep_epochs)
    if config.source_sha256:
        _try_out(config, dataset)
    config, arrays = _begin(config, session, dataset, start, freeze)
    with session.interrupts() as interrupted:
        folder = runs.claim(config, provenance(device=session.device, data_fingerprint=dataset.fingerprint), name=name)
        try:
            if config.source_sha256:
                source, _ = loaded(config.arch)
                write_atomically(folder.path / source.path.name, source.content)
            if arrays:
                folder.save_start(arrays)
            fit = Fit(config, dataset, session.checkpoint_every)
            fit.begin_with(arrays)
        except BaseException:
            folder.close(Status.FAILED)
            raise
        return _train(folder, fit, session, interrupted)


def resume(run: str, session: Session, *, runs: RunsFolder, given: Mapping[str, Any]) -> TrainResult:
    """Go on with an unfinished run from its last checkpoint, to the weights that it would have come to.

    Args:
        run: As of `RunsFolder.reopen`.
        session: As of `train`.
        runs: The folder of runs.
        given: What the user says of the configuration, as of `config.go_on`.

    Raises:
        RunError: There is no such run, it is finished, or another process is at work in it.
        UsageError, DataError, InterruptedRunError, DivergedError, StoppedRunError: As of `train`.
    """
    folder = runs.reopen(run)
    try:
        config = go_on(folder.record.config, given)
        _check_dataset(run, config, given)
        check_source(run, config)
        dataset = session.load(config.choice())
        before = folder.record.provenance
        now = provenance(device=session.device, data_fingerprint=dataset.fingerprint)
        if before.get("data_fingerprint") != now["data_fingerprint"]:
            raise DataError(f"The run {run!r} was begun on other images than {config.dataset} holds now.")
        with session.interrupts() as interrupted:
            fit = Fit(config, dataset, session.checkpoint_every)
            trained = _restore(folder, fit, session)
            if any(before.get(key) != now[key] for key in ("device", "versions")):
                session.notify(Notice("It was begun on another device or version: its weights may differ a little."))
            folder.begin_again(config, now)
            return _train(folder, fit, session, interrupted, trained=trained)
    finally:
        folder.lock.release()


def _check_dataset(run: str, config: TrainConfig, given: Mapping[str, Any]) -> None:
    """Refuse to open a path that run.json alone names, which may be a place of a stranger's choice."""
    if config.is_path and given.get("dataset") is None:
        raise UsageError(
            f"The run {run!r} was begun on {config.dataset!r}: go on with --dataset {shlex.quote(config.dataset)}."
        )


def _try_out(config: TrainConfig, dataset: Dataset) -> None:
    """Refuse a class in Flax that answers NaN or infinity, or cannot be kept as a file, before any work is lost."""
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
        why = f"{network.__name__} cannot be kept as StableHLO, which has no callbacks such as jax.debug.print"
        raise refused(source, f"{why} ({type(error).__name__})") from error
    if not np.isfinite(answers).all():
        raise refused(source, f"{network.__name__} answers with NaN or infinity before any training")


def _begin(
    config: TrainConfig, session: Session, dataset: Dataset, start: StoredModel | None, freeze: str | None
) -> tuple[TrainConfig, Tensors]:
    """Return the configuration with the layers that stay, and the arrays that the run begins with; tell of both."""
    if start is None and freeze is None:
        return config, {}
    shape = config.arch, dataset.image_shape, len(dataset.class_names)
    definition = define(*shape)
    layers = layers_of(shape[0], definition, *shape[1:])
    if freeze is not None:
        config = replace(config, freeze=frozen_layers(freeze, layers, ordered=config.source_sha256 is None))
    arrays: Tensors = {}
    if start is not None:
        taken = take_weights(start, definition, layers, same_classes=start.class_names == dataset.class_names)
        anew = f"; anew: {', '.join(taken.anew)}" if taken.anew else ""
        session.notify(Notice(f"Taken from {config.start}: {', '.join(taken.taken)}{anew}."))
        arrays = taken.arrays
    if config.freeze:
        random = "" if start else " They keep their random weights, because there is no --from."
        session.notify(Notice(f"Not trained: {', '.join(config.freeze)}.{random}"))
    return config, arrays


def check_source(run: str, config: TrainConfig) -> None:
    """Refuse to go on with a network in Flax whose file is not named, or is another one now."""
    if config.source_sha256:
        source, _ = loaded(config.arch)
        if source.sha256 != config.source_sha256:
            raise UsageError(
                f"{source.path} has changed since the run {run!r} began: the run's folder keeps what it was then."
            )


def _restore(folder: RunFolder, fit: Fit, session: Session) -> float:
    """Bring the fit to the newest whole checkpoint, and return how many seconds the run had trained by then."""
    checkpoint, problems = folder.read_checkpoint(expected=fit.expected_tensors(), steps=fit.steps_per_epoch)
    for problem in problems:
        session.notify(Notice(problem))
    history = checkpoint.history if checkpoint else ()
    if len(history) > fit.config.epochs:
        raise UsageError(f"--epochs {fit.config.epochs}: the run has {len(history)} epochs behind it already.")
    folder.drop_epochs(after=len(history))
    if folder.repair_metrics(history):
        session.notify(Notice("metrics.jsonl is cut to the epochs of the checkpoint."))
    name = folder.path.name
    if checkpoint is None:
        if fit.config.start:
            fit.begin_with(folder.read_start())
        session.notify(Notice(f"The run {name!r} has no whole checkpoint: it begins again, with the same seed."))
        return 0.0
    fit.restore(checkpoint)
    session.notify(
        Notice(
            f"Going on with {name} after epoch {len(history)} and {fit.step} of {fit.steps_per_epoch} further steps."
        )
    )
    return checkpoint.train_seconds


def _train(
    folder: RunFolder, fit: Fit, session: Session, interrupted: Callable[[], bool], *, trained: float = 0.0
) -> TrainResult:
    name = folder.path.name
    try:
        return _fit(folder, fit, session, interrupted, trained)
    except InterruptedRunError:
        folder.close(Status.INTERRUPTED)
        raise
    except OSError as error:
        with suppress(OSError):
            folder.close(Status.FAILED)
        raise StoppedRunError(
            f"The run {name!r} stopped: {error.strerror or error}; what it had is kept: '{_resume_command(folder)}' "
            "goes on once that is mended."
        ) from error
    except BaseException:
        folder.close(Status.FAILED)
        raise


def _fit(folder: RunFolder, fit: Fit, session: Session, interrupted: Callable[[], bool], trained: float) -> TrainResult:
    config, name = fit.config, folder.path.name
    session.notify(
        RunStarted(name, folder.path, config.arch, session.device, config.epochs, fit.steps_per_epoch, fit.train_images)
    )
    if session.keep_epochs:
        folder.keep_epochs()
    started = time.perf_counter() - trained
    for event in fit.run():
        stop = interrupted()
        if isinstance(event, EpochMetrics):
            _keep_epoch(folder, fit)
        elif not stop and not fit.at_checkpoint:
            session.notify(event)
            continue
        folder.save_checkpoint(fit.checkpoint(train_seconds=time.perf_counter() - started))
        session.notify(event)
        if stop:
            raise InterruptedRunError(f"Interrupted; '{_resume_command(folder)}' goes on from here.")
    train_seconds = time.perf_counter() - started
    run = Run(name, folder.weights, folder.path)
    _write_answers(run, fit)
    answers = answers_of(run, fit.dataset, split="test", kept=False)
    folder.save_test_logits(answers.logits, np.asarray(answers.images.labels), fit.dataset.fingerprint)
    result = TrainResult(
        run=name,
        folder=folder.path,
        arch=config.arch,
        dataset=config.dataset,
        seed=config.seed,
        history=tuple(fit.history),
        best_epoch=best_epoch(fit.history),
        stopped_early=fit.stopped_early,
        train_seconds=train_seconds,
        compile_seconds=fit.compile_seconds,
        parameters=fit.parameters,
        device=session.device,
        evaluation=score(answers),
    )
    folder.close(Status.FINISHED, result.figures)
    return result


def _write_answers(run: Run, fit: Fit) -> None:
    """Write the file that answers alone: ONNX, or, of a class in Flax, StableHLO."""
    model = load_model(run.weights)
    if model.network is not None:
        write_atomically(run.weights.with_name(ONNX), make_onnx(run, model))
    else:
        graph, parts = restore(fit.config.arch, model.image_shape, len(model.class_names), model.arrays)
        content = make_stablehlo(graph, parts, image_shape=model.image_shape, temperature=model.temperature)
        write_atomically(run.weights.with_name(STABLEHLO), content)


def _keep_epoch(folder: RunFolder, fit: Fit) -> None:
    """Put on disk the metrics of the epoch that has just ended, and its weights where they are the best or kept."""
    folder.append_metrics(fit.history[-1])
    epoch, best, keeps = len(fit.history), best_epoch(fit.history), folder.keeps_epochs
    if epoch != best and not keeps:
        return
    weights, metadata = fit.weights(), _metadata(fit)
    if keeps:
        folder.save_epoch(epoch, weights, metadata)
    if epoch == best:
        folder.save_best(weights, metadata)


def _metadata(fit: Fit) -> dict[str, Any]:
    return model_metadata(
        arch=fit.config.arch,
        network=description(fit.config.arch),
        image_shape=fit.dataset.image_shape,
        class_names=fit.dataset.class_names,
        dataset=fit.dataset.name,
        data_fingerprint=fit.dataset.fingerprint,
        pictures=fit.dataset.pictures,
        temperature=fit.temperature(),
        trained=flatten(fit.state.params),
    )


def _check_space(folder: Path, config: TrainConfig, dataset: Dataset, *, keep_epochs: bool) -> None:
    """Refuse to train where the disk cannot hold the run's files."""
    definition = define(config.arch, dataset.image_shape, len(dataset.class_names))
    copies = COPIES + (config.epochs if keep_epochs else 0)
    numbers = count(definition.parts.params) + count(definition.parts.rest)
    answers = len(dataset.test) * len(dataset.class_names)
    needed = (copies * numbers + answers) * np.dtype(np.float32).itemsize + FIGURES_BYTES
    place = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.is_dir())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise UsageError(
            f"The disk of {str(folder)!r} has {free / 1e6:.1f} MB left, and a run of {config.arch} needs "
            f"{needed / 1e6:.1f} MB: make room, or name another folder with --runs-dir."
        )


def _resume_command(folder: RunFolder) -> str:
    path, config = folder.path, folder.record.config
    data = f" --dataset {shlex.quote(config.dataset)}" if config.is_path else ""
    arch = ""
    if config.source_sha256:
        source, _ = loaded(config.arch)
        arch = f" --arch {shlex.quote(f'{source.path}:{source.class_name}')}"
    return f"mnistcli train --resume {path.name if path.parent == RUNS_DIR else shlex.quote(str(path))}{arch}{data}"
