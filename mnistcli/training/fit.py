"""Fit a network to a data set's training split, choosing on its validation split. The test split is not used here."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import numpy as np

from mnistcli.config import TrainConfig
from mnistcli.datasets import Dataset
from mnistcli.errors import DivergedError
from mnistcli.inference.logits import batched_logits, block_size, in_blocks
from mnistcli.mesh import mesh_for, of_first_process, place, replicated, split_along
from mnistcli.metrics.calibration import fit_temperature
from mnistcli.metrics.scores import accuracy, cross_entropy
from mnistcli.models.network import Parts, Tree, build, count, define, flatten, map_paths, split
from mnistcli.results.train import EpochMetrics, StepMetrics
from mnistcli.runs import Checkpoint
from mnistcli.training.feed import Feed, Window, make_feed
from mnistcli.training.optimizer import make_optimizer
from mnistcli.training.step import Tally, TrainState, empty_tally, make_train_steps
from mnistcli.training.stopping import should_stop

CHUNK_SECONDS = 0.2  # between two checks of the progress bar and Ctrl-C; reading the tally takes about 0.1 ms
FIRST_CHUNK = 16


@dataclass
class Fit:
    """A running fit: compiled functions, data on the device, and the state that steps change.

    Attributes:
        checkpoint_every: Steps in an epoch after which `run` must also yield.
        beside: A fit with the same configuration except the seed, to share images and compiled functions with.
        batch_size: Images per step: the batch size, or fewer if there are fewer images.
        definition: The network's structure, without values.
        state: The current weights, other variables and optimizer's state.
        history: The metrics of the finished epochs.
        epochs: Maximum number of epochs; can be lowered during training.
        step: Steps done in the current epoch.
        compile_seconds: Time spent in tracing and compilation.
    """

    config: TrainConfig
    dataset: Dataset
    checkpoint_every: int | None = None
    beside: "Fit | None" = None
    history: list[EpochMetrics] = field(default_factory=list)
    compile_seconds: float = 0.0
    tally: Tally = field(init=False)
    feed: Feed = field(init=False)
    _initial_state: Any = field(init=False)
    _train_steps: Any = field(init=False)
    _logits: Any = field(init=False)
    _validation_logits: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        started = time.perf_counter()
        shape = self.config.arch, self.dataset.image_shape, len(self.dataset.class_names)
        self.definition = define(*shape, frozen=self.config.freeze)
        train = self.dataset.train.first(self.config.limit)
        self.train_images = len(train)
        self.batch_size = min(self.config.hyper.batch_size, self.train_images)
        self.steps_per_epoch = -(-self.train_images // self.batch_size)
        self.mesh = mesh_for(self.batch_size)
        self._whole = replicated(self.mesh)
        self.optimizer = make_optimizer(self.config, steps=self.config.hyper.epochs * self.steps_per_epoch)
        self.seed = np.uint32(self.config.seed)
        self.epochs = self.config.hyper.epochs
        if self.beside is None:
            self.feed = make_feed(train, batch=self.batch_size, seed=self.config.seed, mesh=self.mesh)
            self._compile(shape)
        else:
            self.feed = self.beside.feed.with_seed(self.config.seed)
            self._initial_state = self.beside._initial_state
            self._train_steps, self._logits = self.beside._train_steps, self.beside._logits
        self.state, self.streams = self._initial_state(self.seed)
        self._begin_epoch()
        self.compile_seconds = time.perf_counter() - started

    def _compile(self, shape: tuple[str, tuple[int, ...], int]) -> None:
        def initial_state(seed: jax.Array) -> tuple[TrainState, Tree]:
            _, parts = split(build(*shape, seed=seed))
            return TrainState(parts.params, parts.rest, self.optimizer.init(parts.params)), parts.streams

        # One program for any seed, instead of dozens of separate operations.
        self._initial_state = jax.jit(initial_state, out_shardings=self._whole).lower(self.seed).compile()
        state, streams = self._like(jax.eval_shape(initial_state, self.seed))
        bounds = self.seed, np.uint32(1), np.int32(0), np.int32(0)
        self._train_steps = (
            make_train_steps(self.definition.training, self.optimizer, self.config, self.mesh)
            .lower(state, self._like(empty_tally()), streams, next(self.feed.windows(1)), *bounds)
            .compile()
        )
        validation = len(self.dataset.validation)
        shape_of_block = block_size(validation, self.mesh), *self.dataset.image_shape
        block = jax.ShapeDtypeStruct(shape_of_block, np.uint8, sharding=split_along(self.mesh, 0))
        parts = Parts(state.params, state.rest, streams)
        self._logits = batched_logits.lower(self.definition.use, self.mesh, parts, block).compile()

    def _like(self, tree: Any) -> Any:
        """Return the shapes and dtypes of arrays that are copied to each device."""
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=self._whole), tree)

    @property
    def parameters(self) -> int:
        """The number of trainable parameters."""
        return count(self.state.params)

    @property
    def stopped_early(self) -> bool:
        """Whether training ended before its last epoch."""
        return len(self.history) < self.config.hyper.epochs

    def begin_with(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace weights by these arrays, by path."""
        self.state = self._state_with(arrays)

    def accuracy_with(self, arrays: Mapping[str, np.ndarray]) -> float | None:
        """Return the share of validation images read right with other weights; None if some are missing."""
        if arrays.keys() < self.weights().keys():
            return None
        return accuracy(self._answer_validation(self._state_with(arrays)), self.dataset.validation.labels)

    def _state_with(self, arrays: Mapping[str, np.ndarray]) -> TrainState:
        def replaced(tree: Tree) -> Tree:
            return map_paths(lambda path, leaf: place(arrays.get(path, leaf), self._whole), tree)

        return self.state._replace(params=replaced(self.state.params), rest=replaced(self.state.rest))

    def weights(self) -> dict[str, np.ndarray]:
        """Return a copy of the parameters and other variables."""
        arrays: dict[str, np.ndarray] = jax.device_get(flatten(self.state.params) | flatten(self.state.rest))
        return arrays

    def temperature(self) -> float:
        """Return the temperature that fits the validation labels best, from the last epoch's logits."""
        return fit_temperature(self._validation_logits, self.dataset.validation.labels, rejects=self.config.rejects)

    def checkpoint(self, *, train_seconds: float) -> Checkpoint:
        """Return everything that resuming needs except the configuration."""
        return Checkpoint(
            tensors=jax.device_get(self._tensors()),
            history=tuple(self.history),
            step=self.step,
            epoch_seconds=self._seconds,
            train_seconds=train_seconds,
            compile_seconds=self.compile_seconds,
        )

    def expected_tensors(self) -> dict[str, np.ndarray]:
        """Return tensors with the names, dtypes and shapes of a checkpoint of this fit."""
        return {name: np.broadcast_to(np.zeros((), leaf.dtype), leaf.shape) for name, leaf in self._tensors().items()}

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore a checkpoint with the expected tensors."""
        leaves = place([checkpoint.tensors[name] for name in self._tensors()], self._whole)
        trees = jax.tree.unflatten(jax.tree.structure(self._trees()), leaves)
        self.state, self.tally = TrainState(**trees["state"]), trees["tally"]
        self.history = [*checkpoint.history]
        self.step, self._seconds = checkpoint.step, checkpoint.epoch_seconds
        self.compile_seconds += checkpoint.compile_seconds

    def run(self) -> Iterator[StepMetrics | EpochMetrics]:
        """Train epoch by epoch, and yield the progress."""
        while self.goes_on:
            chunk, started = FIRST_CHUNK, time.perf_counter()
            for window in self.feed.windows(self.epoch, step=self.step):
                while self.step < min(window.stop, self.steps_per_epoch):
                    step, stop = self.step, self.next_stop(window, chunk)
                    bounds = self.seed, np.uint32(self.epoch), np.int32(step), np.int32(stop)
                    state, tally = self._train_steps(self.state, self.tally, self.streams, window, *bounds)
                    metrics = self.advance(state, tally, stop, started)
                    chunk = of_first_process(next_chunk(stop - step, started))
                    yield metrics
                    started = time.perf_counter()
            yield self.end_epoch()

    @property
    def goes_on(self) -> bool:
        """Whether to train another epoch."""
        return len(self.history) < self.epochs and not should_stop(self.history, patience=self.config.hyper.patience)

    @property
    def epoch(self) -> int:
        """The number of the current epoch."""
        return len(self.history) + 1

    def _begin_epoch(self) -> None:
        self.step, self._seconds, self.tally = 0, 0.0, place(empty_tally(), self._whole)

    def _trees(self) -> dict[str, Any]:
        return {"state": self.state._asdict(), "tally": self.tally}

    def _tensors(self) -> dict[str, jax.Array]:
        paths, _ = jax.tree_util.tree_flatten_with_path(self._trees())
        return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in paths}

    def advance(self, state: TrainState, tally: Tally, stop: int, started: float) -> StepMetrics:
        """Take over the result of the steps up to `stop`, which began at `started` (`time.perf_counter`).

        Raises:
            DivergedError: The loss is infinite or NaN.
        """
        step, self.state, self.tally, self.step = self.step, state, tally, stop
        loss, train_accuracy = self._means()
        elapsed = time.perf_counter() - started
        self._seconds += elapsed
        images_per_second = (self._seen(stop) - self._seen(step)) / elapsed
        return StepMetrics(self.epoch, stop, loss, train_accuracy, images_per_second)

    def end_epoch(self) -> EpochMetrics:
        """Score the validation images with the weights at the epoch's end, and begin the next epoch.

        Raises:
            DivergedError: A logit is infinite or NaN.
        """
        metrics = self._score()
        self.history.append(metrics)
        self._begin_epoch()
        return metrics

    @property
    def at_checkpoint(self) -> bool:
        """Whether a checkpoint is due after this step."""
        return self.checkpoint_every is not None and self.step % self.checkpoint_every == 0

    def next_stop(self, window: Window, chunk: int) -> int:
        """Return where the next chunk ends: at most at the window's end, the epoch's end or the next checkpoint."""
        every = self.checkpoint_every or self.steps_per_epoch
        return min(self.step + chunk, (self.step // every + 1) * every, self.steps_per_epoch, window.stop)

    def _seen(self, step: int) -> int:
        """Return how many images an epoch has used after `step` steps."""
        return min(step * self.batch_size, self.train_images)

    def _score(self) -> EpochMetrics:
        loss, train_accuracy = self._means()
        validation, logits = self.dataset.validation, self._answer_validation(self.state)
        self._validation_logits = logits
        self._check_finite("validation loss", float(np.abs(logits).max()))
        return EpochMetrics(
            epoch=self.epoch,
            train_loss=loss,
            train_accuracy=train_accuracy,
            validation_loss=cross_entropy(logits, validation.labels, rejects=self.config.rejects),
            validation_accuracy=accuracy(logits, validation.labels),
            seconds=self._seconds,
            images_per_second=self.train_images / self._seconds,
        )

    def _answer_validation(self, state: TrainState) -> np.ndarray:
        parts = Parts(state.params, state.rest, self.streams)
        return in_blocks(partial(self._logits, parts), self.dataset.validation.images, self.mesh)

    def _check_finite(self, what: str, value: float) -> None:
        if not math.isfinite(value):
            raise DivergedError(
                f"The {what} became infinite or NaN in epoch {self.epoch}, step {self.step}: try an --lr below "
                f"{self.config.hyper.learning_rate:g}."
            )

    def _means(self) -> tuple[float, float]:
        """Return the epoch's mean loss and accuracy so far."""
        loss, correct = jax.device_get(self.tally)
        images = self._seen(self.step)
        self._check_finite("loss", float(loss) / images)
        return float(loss) / images, int(correct) / images


def next_chunk(steps: int, started: float) -> int:
    """Return the next chunk's size from the last one's steps and start."""
    return max(1, round(steps * CHUNK_SECONDS / (time.perf_counter() - started)))
