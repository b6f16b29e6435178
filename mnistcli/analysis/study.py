"""One run of the study from end to end: claim a folder, fit, keep the best weights, score the test set once."""

import time
from collections.abc import Callable

from mnistcli.analysis.evaluate import evaluate
from mnistcli.config import TrainConfig
from mnistcli.data import Dataset, load
from mnistcli.device import describe, use_device
from mnistcli.errors import InterruptedRunError
from mnistcli.results import EpochMetrics, RunStarted, TrainEvent, TrainResult
from mnistcli.runs import Run, RunFolder, RunsFolder, Status, model_metadata, provenance
from mnistcli.training import Fit, best_epoch, held_interrupts

Notify = Callable[[TrainEvent], None]


def train(
    config: TrainConfig,
    *,
    runs: RunsFolder,
    notify: Notify,
    name: str | None = None,
    device: str = "auto",
    cache: bool = True,
) -> TrainResult:
    """Train one run and score it; `notify` hears of every chunk of steps and every epoch.

    `cache`: whether compiled programs are kept on disk and used again.

    Raises:
        UsageError: The device, the run's name or the runs folder cannot be used.
        DataError: The data set is unknown or damaged.
        InterruptedRunError: Ctrl-C was pressed.
        DivergedError: The loss stopped being a number.
    """
    used = describe(use_device(device, cache=cache))
    dataset = load(config.dataset)
    folder = runs.claim(config, provenance(device=used, data_fingerprint=dataset.fingerprint), name=name)
    try:
        with held_interrupts() as check_interrupt:
            return _train_in(folder, dataset, used, notify, check_interrupt)
    except KeyboardInterrupt as error:
        folder.close(Status.INTERRUPTED)
        kept = "keeps its best weights so far" if folder.weights.exists() else "has no weights yet"
        raise InterruptedRunError(f"Interrupted: the run {folder.path.name!r} {kept}.") from error
    except BaseException:
        folder.close(Status.FAILED)
        raise


def _train_in(
    folder: RunFolder, dataset: Dataset, device: str, notify: Notify, check_interrupt: Callable[[], None]
) -> TrainResult:
    config, name = folder.record.config, folder.path.name
    fit = Fit(config, dataset)
    notify(RunStarted(name, folder.path, config.arch, device, config.epochs, fit.steps_per_epoch, fit.train_images))
    started = time.perf_counter()
    for event in fit.run():
        if isinstance(event, EpochMetrics):
            _keep(folder, fit, dataset)
        notify(event)
        check_interrupt()
    train_seconds = time.perf_counter() - started
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
        device=device,
        evaluation=evaluate(Run(name, folder.weights, folder.path), dataset, split="test"),
    )
    folder.close(Status.FINISHED, result.figures)
    return result


def _keep(folder: RunFolder, fit: Fit, dataset: Dataset) -> None:
    """Put the epoch that has just ended on disk: its metrics, its weights where they are the best, its state."""
    epoch = len(fit.history)
    folder.append_metrics(fit.history[-1])
    if best_epoch(fit.history) == epoch:
        metadata = model_metadata(
            arch=fit.config.arch,
            image_shape=dataset.image_shape,
            class_names=dataset.class_names,
            dataset=dataset.name,
            layers=fit.layers,
            temperature=fit.temperature(),
        )
        folder.save_best(fit.weights(), metadata)
    folder.save_last(fit.checkpoint(), {"seed": fit.config.seed, "epoch": epoch, "step": epoch * fit.steps_per_epoch})
