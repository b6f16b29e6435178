"""The learning rate range test: measure the loss while the learning rate grows with every step."""

import math
from itertools import count

import jax
import jax.numpy as jnp
import optax

from mnistcli.config import TrainConfig
from mnistcli.datasets import Dataset
from mnistcli.errors import DivergedError
from mnistcli.mesh import mesh_for
from mnistcli.models.network import build, define, split
from mnistcli.results.tune import RateRange
from mnistcli.training.feed import make_feed
from mnistcli.training.optimizer import make_optimizer
from mnistcli.training.step import TrainState, empty_tally, make_train_steps

LOWEST, HIGHEST = 1e-6, 10.0
STEPS = 350
SMOOTHING = 0.9  # weight of the previous mean in each step
BLOWN_UP = 3.0  # times the smallest loss; the test stops there
BELOW_LEAST = 10.0  # the suggested rate is the one with the smallest loss divided by this


def measure_rates(config: TrainConfig, dataset: Dataset) -> RateRange:
    """Train for some steps, each with a higher learning rate, until the loss grows too large.

    The test is L. Smith's, "Cyclical learning rates for training neural networks", WACV 2017. Losses are smoothed by an
    exponential mean with bias correction. The suggested rate, a tenth of the one with the smallest loss, is a rule of
    thumb; only validation shows whether it is good.

    Raises:
        DivergedError: The loss is infinite or NaN from the first step.
    """
    shape = config.arch, dataset.image_shape, len(dataset.class_names)
    train = dataset.train.first(config.limit)
    n = len(train)
    rates = [LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1)) for step in range(STEPS)]
    growing = optax.exponential_decay(LOWEST, 1, rates[1] / rates[0])
    optimizer = make_optimizer(config, steps=STEPS, rate=growing)
    _, parts = split(build(*shape, seed=jnp.uint32(config.seed)))
    state = TrainState(parts.params, parts.rest, optimizer.init(parts.params))
    batch = min(config.hyper.batch_size, n)
    mesh = mesh_for(batch)
    feed, seed = make_feed(train, batch=batch, seed=config.seed, mesh=mesh), jnp.uint32(config.seed)
    train_steps = make_train_steps(define(*shape, frozen=config.freeze).training, optimizer, config, mesh)
    losses: list[float] = []
    mean = 0.0
    for epoch in count(1):
        for window in feed.windows(epoch):
            for step in range(int(window.first), min(window.stop, -(-n // batch))):
                bounds = seed, jnp.uint32(epoch), jnp.int32(step), jnp.int32(step + 1)
                state, tally = train_steps(state, empty_tally(), parts.streams, window, *bounds)
                loss = float(jax.device_get(tally.loss)) / min(batch, n - step * batch)
                mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
                losses.append(mean / (1 - SMOOTHING ** (len(losses) + 1)))
                if len(losses) == STEPS or not losses[-1] < BLOWN_UP * min(losses):
                    return _range(config, rates, losses)
    raise AssertionError("epochs do not end")


def _range(config: TrainConfig, rates: list[float], losses: list[float]) -> RateRange:
    finite = [loss for loss in losses if math.isfinite(loss)]
    if not finite:
        raise DivergedError(f"The loss of {config.arch} is infinite or NaN before any training.")
    least = finite.index(min(finite))
    return RateRange(
        arch=config.arch,
        dataset=config.data.dataset,
        optimizer=config.hyper.optimizer,
        batch_size=config.hyper.batch_size,
        rates=tuple(rates[: len(finite)]),
        losses=tuple(finite),
        least=rates[least],
        suggested=float(f"{rates[least] / BELOW_LEAST:.2g}"),
    )
