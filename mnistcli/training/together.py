"""Train several seeds at once in one program, to use a GPU or TPU that one small network would leave idle."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from mnistcli.results.train import EpochMetrics, StepMetrics
from mnistcli.training.feed import Resident
from mnistcli.training.fit import FIRST_CHUNK, Fit, next_chunk
from mnistcli.training.step import make_train_steps


def can_train_together(fits: Sequence[Fit]) -> bool:
    """Whether `train_together` can train these fits: they are at the same step, and their images are on the device.

    Also, steps must not draw random numbers, for augmentation or dropout: under `jax.vmap`, keys of the kind "rbg" give
    other numbers than for a single seed.
    """
    first, positions = fits[0], {(fit.epoch, fit.step) for fit in fits}
    draws = first.config.hyper.augment or jax.tree.leaves(first.streams)
    return len(positions) == 1 and isinstance(first.feed, Resident) and not draws


def train_together(fits: Sequence[Fit]) -> Iterator[Sequence[tuple[Fit, StepMetrics | EpochMetrics]]]:
    """Train fits that differ only in their seed, and yield the progress of all of them.

    A batched product may add in another order than a single one, so weights differ by rounding from those of a seed
    trained alone. A fit that stops early is still computed, but keeps its state.

    Raises:
        DivergedError: The loss of a fit is infinite or NaN.
    """
    first = fits[0]
    train_steps = make_train_steps(first.definition.training, first.optimizer, first.config, first.mesh, together=True)
    seeds, streams = _stack([fit.seed for fit in fits]), first.streams  # without keys, so without arrays
    while working := [fit for fit in fits if fit.goes_on]:
        leader, chunk, started = working[0], FIRST_CHUNK, time.perf_counter()
        windows = [next(fit.feed.windows(leader.epoch)) for fit in fits]
        orders = _stack([window.order for window in windows])
        while leader.step < leader.steps_per_epoch:
            step, stop = leader.step, leader.next_stop(windows[0], chunk)
            state, tally = train_steps(
                *(_stack([fit.state for fit in fits]), _stack([fit.tally for fit in fits]), streams),
                *(windows[0]._replace(order=orders), seeds),
                *(jnp.uint32(leader.epoch), jnp.int32(step), jnp.int32(stop)),
            )
            active = [(fit, i) for i, fit in enumerate(fits) if fit.goes_on]
            events = [(fit, fit.advance(_take(state, i), _take(tally, i), stop, started)) for fit, i in active]
            chunk = next_chunk(stop - step, started)
            yield events
            started = time.perf_counter()
        yield [(fit, fit.end_epoch()) for fit in working]


def _stack(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def _take(tree: Any, i: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[i], tree)
