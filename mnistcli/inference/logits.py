"""Logits of many images at once, on the device: the forward pass that validation and evaluation share."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax

from mnistcli.data import release
from mnistcli.models.network import Parts, logits

# Images in one forward pass inside the jitted loop; small enough for the CNN's activations to stay in a CPU's cache.
BATCH = 250
BLOCK = 40 * BATCH  # images on the device at a time


@partial(jax.jit, static_argnums=0)
def batched_logits(graph: nnx.GraphDef[nnx.Module], parts: Parts, images: jax.Array) -> jax.Array:
    """Return logits [n, classes] of images [n, height, width, channels] uint8, where n is a multiple of BATCH."""
    batches = images.reshape(-1, BATCH, *images.shape[1:])
    return lax.map(partial(logits, graph, parts), batches).reshape(len(images), -1)


def predict_logits(graph: nnx.GraphDef[nnx.Module], parts: Parts, images: np.ndarray) -> np.ndarray:
    """Return logits [n, classes] float32 of images [n, height, width, channels] uint8, any n."""
    return in_blocks(partial(batched_logits, graph, parts), images)


def in_blocks(forward: Callable[[jax.Array], jax.Array], images: np.ndarray) -> np.ndarray:
    """Return what `forward` makes of images, block by block, all of `block_size`: the last is filled up with blanks."""
    size = block_size(len(images))
    done = []
    for start in range(0, len(images), size):
        block = images[start : start + size]
        missing = np.zeros((size - len(block), *block.shape[1:]), block.dtype)
        whole = np.concatenate([block, missing]) if len(missing) else block
        done.append(np.asarray(forward(jnp.asarray(whole)))[: len(block)])
        release(images)
    return np.concatenate(done)


def block_size(n: int) -> int:
    """Return how many of n images go to the device together: BLOCK, or fewer, a multiple of BATCH, where n is less."""
    return min(n + -n % BATCH, BLOCK)
