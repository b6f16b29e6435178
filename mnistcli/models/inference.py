"""Logits of many images at once: the one forward pass that validation, evaluation and prediction share."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax

from mnistcli.models.classifier import Classifier
from mnistcli.models.parameters import Params

# Images in one forward pass inside the jitted loop; small enough for the CNN's activations to stay in a CPU's cache.
BATCH = 250


@partial(jax.jit, static_argnums=0)
def batched_logits(graph: nnx.GraphDef[Classifier], params: Params, images: jax.Array) -> jax.Array:
    """Return logits [n, classes] of images [n, height, width, channels] uint8, where n is a multiple of BATCH."""
    model = nnx.merge(graph, params)
    batches = images.reshape(-1, BATCH, *images.shape[1:])
    logits = lax.map(model, batches)
    return logits.reshape(len(images), -1)


def pad(images: np.ndarray) -> np.ndarray:
    """Append blank images up to a multiple of BATCH."""
    missing = -len(images) % BATCH
    return np.concatenate([images, np.zeros((missing, *images.shape[1:]), images.dtype)]) if missing else images


def predict_logits(model: tuple[nnx.GraphDef[Classifier], Params], images: np.ndarray) -> np.ndarray:
    """Return logits [n, classes] float32 of images [n, height, width, channels] uint8, any n."""
    graph, params = model
    return np.asarray(batched_logits(graph, params, jnp.asarray(pad(images))))[: len(images)]
