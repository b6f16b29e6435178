"""Logits of many images at once, on the device: the forward pass that validation and evaluation share."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mnistcli.network import Layers, Params, logits

# Images in one forward pass inside the jitted loop; small enough for the CNN's activations to stay in a CPU's cache.
BATCH = 250


@partial(jax.jit, static_argnums=0)
def batched_logits(layers: Layers, params: Params, images: jax.Array) -> jax.Array:
    """Return logits [n, classes] of images [n, height, width, channels] uint8, where n is a multiple of BATCH."""
    batches = images.reshape(-1, BATCH, *images.shape[1:])
    return lax.map(partial(logits, layers, params), batches).reshape(len(images), -1)


def pad(images: np.ndarray) -> np.ndarray:
    """Append blank images up to a multiple of BATCH."""
    missing = -len(images) % BATCH
    return np.concatenate([images, np.zeros((missing, *images.shape[1:]), images.dtype)]) if missing else images


def predict_logits(layers: Layers, params: Params, images: np.ndarray) -> np.ndarray:
    """Return logits [n, classes] float32 of images [n, height, width, channels] uint8, any n."""
    return np.asarray(batched_logits(layers, params, jnp.asarray(pad(images))))[: len(images)]
