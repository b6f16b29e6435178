"""A running training: what it writes and its result."""

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mnistcli.commands.answers import answers_of
from mnistcli.commands.evaluate import score
from mnistcli.commands.onnx import make_onnx
from mnistcli.config import DataChoice, TrainConfig, place_flags
from mnistcli.datasets import Dataset, load
from mnistcli.errors import InterruptedRunError, RunError, StoppedRunError
from mnistcli.files import write_atomically
from mnistcli.inference.stablehlo import make_stablehlo
from mnistcli.mesh import is_alone
from mnistcli.models import description
from mnistcli.models.flax_file import loaded
from mnistcli.models.network import flatten, restore
from mnistcli.process import held_interrupts
from mnistcli.results.train import EpochMetrics, Notice, RunStarted, StepMetrics, TrainEvent, TrainResult, best_epoch
from mnistcli.runs import ONNX, STABLEHLO, Run, RunFolder, Status, load_model, model_metadata
from mnistcli.training import Fit

Notify = Callable[[TrainEvent], None]
Load = Callable[[DataChoice], Dataset]
Interrupted = Callable[[], bool]


@dataclass(frozen=True)
class Session:
    """How a run is trained: who is notified, where it computes, and when it is saved.

    Attributes:
        notify: Called with every event: a chunk of steps, an epoch or a notice.
        device: The name of the device that JAX computes on.
        checkpoint_every: Steps between checkpoints inside an epoch; None: only at the end of each epoch.
        load: Loads the data set.
        keep_epochs: Whether to keep the weights of every epoch; a resumed run keeps them if it did before.
        interrupts: Returns a context manager, used during training, that yields a function: whether to stop.
        is_last: Called with the current epoch's number after each chunk of steps: whether to end after it, as in early
            stopping.
    """

    notify: Notify
    device: str
    checkpoint_every: int | None = None
    load: Load = load
    keep_epochs: bool = False
    interrupts: Callable[[], AbstractContextManager[Interrupted]] = held_interrupts
    is_last: Callable[[int], bool] = lambda _: False


class Course:
    """A running training, or one that is ready to start.

    Args:
        folder: The run's folder, which is locked.
        fit: The fit, at the step to continue from.
        session: How to train it.
        trained: The seconds that it was trained before.
    """

    def __init__(self, folder: RunFolder, fit: Fit, session: Session, trained: float = 0.0) -> None:
        self.folder, self.fit, self.session = folder, fit, session
        self._trained, self._started = trained, 0.0

    def run(self, interrupted: Interrupted) -> TrainResult:
        """Train the run alone to its end, and score it.

        Raises:
            InterruptedRunError: `interrupted` returned True; a checkpoint is written.
            DivergedError: The loss became infinite or NaN.
            StoppedRunError: The run's files cannot be written.
        """
        with self.closing():
            self.begin()
            for event in self.fit.run():
                self.keep(event)
                if interrupted():
                    self.save_checkpoint()
                    raise InterruptedRunError(f"Interrupted; to continue, run '{self._resume_command()}'.")
            return self.finish(train_seconds=self.seconds)

    @contextmanager
    def closing(self) -> Iterator[None]:
        """If the block raises, record in run.json how the run ended."""
        try:
            yield
        except InterruptedRunError:
            self._close(Status.INTERRUPTED)
            raise
        except OSError as error:
            with suppress(OSError):
                self._close(Status.FAILED)
            raise StoppedRunError(
                f"The run {self.folder.path.name!r} stopped: {error.strerror or error}. Its last checkpoint is kept; "
                f"once that is fixed, continue with '{self._resume_command()}'."
            ) from error
        except BaseException:
            self._close(Status.FAILED)
            raise

    def compute_on(self, device: str) -> None:
        """Record that the run is trained on another device than the session's."""
        self.session = replace(self.session, device=device)
        self.folder.record_device(device)

    def begin(self) -> None:
        """Notify that the training starts, and count its time from now."""
        self._started = time.perf_counter() - self._trained
        config, fit, path, device = self.fit.config, self.fit, self.folder.path, self.session.device
        self.session.notify(
            RunStarted(path.name, path, config.arch, device, config.hyper.epochs, fit.steps_per_epoch, fit.train_images)
        )
        if self.session.keep_epochs:
            self.folder.keep_epochs()

    def keep(self, event: StepMetrics | EpochMetrics) -> None:
        """Save what an event needs, with a checkpoint if due, and pass it on."""
        if isinstance(event, EpochMetrics):
            _keep_epoch(self.folder, self.fit)
        if isinstance(event, EpochMetrics) or self.fit.at_checkpoint:
            self.save_checkpoint()
        self.session.notify(event)
        if self.session.is_last(event.epoch):
            self.fit.epochs = event.epoch

    def save_checkpoint(self) -> None:
        """Write everything that resuming needs."""
        self.folder.save_checkpoint(self.fit.checkpoint(train_seconds=self.seconds))

    @property
    def seconds(self) -> float:
        """The seconds of training so far."""
        return time.perf_counter() - self._started

    def finish(self, *, train_seconds: float) -> TrainResult:
        """Write the self-contained model file, score the test images, and close the run."""
        fit, folder = self.fit, self.folder
        run = Run(folder.path.name, folder.weights, folder.path)
        _write_answers(run, fit)
        answers = answers_of(run, fit.dataset, split="test", kept=False)
        if fit.config.start and is_alone():  # otherwise the other processes would have to take part
            self._compare_with_start()
        folder.save_test_logits(answers.logits, np.asarray(answers.images.labels), fit.dataset.fingerprint)
        result = TrainResult(
            run=run.name,
            folder=folder.path,
            arch=fit.config.arch,
            dataset=fit.config.data.dataset,
            seed=fit.config.seed,
            history=tuple(fit.history),
            best_epoch=best_epoch(fit.history),
            stopped_early=fit.stopped_early,
            train_seconds=train_seconds,
            compile_seconds=fit.compile_seconds,
            parameters=fit.parameters,
            device=self.session.device,
            evaluation=score(answers),
        )
        self._close(Status.FINISHED, result.figures)
        return result

    def _compare_with_start(self) -> None:
        """Say how many validation images the best weights read right, and how many the run's start."""
        with suppress(RunError):  # a run can finish without the file of its start
            before = self.fit.accuracy_with(self.folder.read_start())
            if before is None:
                return
            n, start = len(self.fit.dataset.validation), self.fit.config.start
            now = self.fit.history[best_epoch(self.fit.history) - 1].validation_accuracy
            worse = f" The run is worse than {start}." if now < before else ""
            told = f"{start} reads {round(n * before):,} right and this run {round(n * now):,}.{worse}"
            self.session.notify(Notice(f"Of {n:,} validation images, {told}"))

    def _close(self, status: Status, results: dict[str, Any] | None = None) -> None:
        if self.folder.record.status == Status.RUNNING:  # of runs trained together, some may have finished
            self.folder.close(status, results)

    def _resume_command(self) -> str:
        config, arch = self.folder.record.config, ""
        if config.source_sha256:
            source, _ = loaded(config.arch)
            arch = f" --arch {shlex.quote(f'{source.path}:{source.class_name}')}"
        return resume_command("mnistcli train", self.folder.path, config) + arch


def resume_command(command: str, path: Path, config: TrainConfig) -> str:
    """Return the command that continues the run, group or search in a folder."""
    return f"{command} {shlex.join(['--resume', path.name, *place_flags(path.parent, config.data.dataset)])}"


def _write_answers(run: Run, fit: Fit) -> None:
    """Write the self-contained model file: ONNX, or StableHLO for a class in Flax."""
    model = load_model(run.weights)
    if model.network is not None:
        write_atomically(run.weights.with_name(ONNX), make_onnx(run, model))
    else:
        graph, parts = restore(fit.config.arch, model.image_shape, len(model.class_names), model.arrays)
        content = make_stablehlo(
            graph, parts, image_shape=model.image_shape, temperature=model.temperature, rejects=model.rejects
        )
        write_atomically(run.weights.with_name(STABLEHLO), content)


def _keep_epoch(folder: RunFolder, fit: Fit) -> None:
    """Save the metrics of the epoch that has just ended, and its weights if they are the best or all are kept."""
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
        rejects=fit.config.rejects,
        trained=flatten(fit.state.params),
    )
