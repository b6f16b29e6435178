"""The jitted heart of training: many optimizer steps in one call, on data that stays on the device."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import lax

from mnistcli.models import Classifier
from mnistcli.network import Params
from mnistcli.training.augment import augment

NO_IMAGE = -1


class TrainState(NamedTuple):
    """What a step changes."""

    params: Params
    optimizer_state: Any


class Tally(NamedTuple):
    """Sums over the images that an epoch has seen so far: loss float32 [], images read right int32 []."""

    loss: jax.Array
    correct: jax.Array


def empty_tally() -> Tally:
    """Return the tally at an epoch's start."""
    return Tally(jnp.zeros(()), jnp.zeros((), jnp.int32))


def make_train_steps(
    graph: nnx.GraphDef[Classifier], optimizer: optax.GradientTransformation, *, augmented: bool = False
) -> Any:
    """Return the jitted function that runs an epoch's steps from `start` up to `stop`.

    Its arguments are the state and the tally (both donated), a window of the epoch (images [n, height, width, channels]
    uint8, labels [n], the order of images [steps, batch] int32, where NO_IMAGE fills up the last batch, and the number
    of its first step int32 []), the seed and the epoch's number uint32 [], from which each step's augmentation is
    drawn, and the bounds. These are values, not constants: one compilation serves chunks of any length, and where an
    epoch is cut into chunks or windows changes no bit of its result.
    """

    def loss_fn(params: Params, images: jax.Array, labels: jax.Array, present: jax.Array) -> tuple[jax.Array, Tally]:
        logits = nnx.merge(graph, params)(images)
        losses = jnp.where(present, optax.softmax_cross_entropy_with_integer_labels(logits, labels), 0)
        correct = present & (logits.argmax(-1) == labels)
        return losses.sum() / present.sum(), Tally(losses.sum(), correct.sum(dtype=jnp.int32))

    def train_step(
        state: TrainState, images: jax.Array, labels: jax.Array, present: jax.Array
    ) -> tuple[TrainState, Tally]:
        grads, tally = jax.grad(loss_fn, has_aux=True)(state.params, images, labels.astype(jnp.int32), present)
        updates, optimizer_state = optimizer.update(grads, state.optimizer_state, state.params)
        return TrainState(optax.apply_updates(state.params, updates), optimizer_state), tally

    def train_steps(
        state: TrainState,
        tally: Tally,
        images: jax.Array,
        labels: jax.Array,
        order: jax.Array,
        first: jax.Array,
        seed: jax.Array,
        epoch: jax.Array,
        start: jax.Array,
        stop: jax.Array,
    ) -> tuple[TrainState, Tally]:
        def body(i: jax.Array, carry: tuple[TrainState, Tally]) -> tuple[TrainState, Tally]:
            (state, so_far), rows = carry, order[i - first]
            batch = images[rows]
            if augmented:
                batch = augment(_step_key(seed, epoch, i), batch)
            state, tally = train_step(state, batch, labels[rows], rows != NO_IMAGE)
            return state, jax.tree.map(jnp.add, so_far, tally)

        return lax.fori_loop(start, stop, body, (state, tally))

    return jax.jit(train_steps, donate_argnums=(0, 1))


def _step_key(seed: jax.Array, epoch: jax.Array, step: jax.Array) -> jax.Array:
    key = jax.random.key(seed, impl="rbg")
    return jax.random.fold_in(jax.random.fold_in(key, epoch), step)
