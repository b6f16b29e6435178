"""The outputs of a network's layers, computed on the device."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax

from mnistcli.inference.logits import BATCH, in_blocks
from mnistcli.models.language import OUTPUT, Step
from mnistcli.models.network import Parts, merge, scale


def activations(graph: nnx.GraphDef[nnx.Module], parts: Parts, image: np.ndarray) -> dict[str, np.ndarray]:
    """Return each step's output [*shape] float32 of an image [height, width, channels] uint8, in the order computed.

    Names are as in `models.language.Step`; a residual comes after the steps inside it.
    """
    network: Any = merge(graph, parts)
    outputs = jax.device_get(_outputs(graph, parts, jnp.asarray(image)[None]))
    return {name: each[0] for name, each in zip(_names(network.steps), outputs, strict=True)}


def penultimate(graph: nnx.GraphDef[nnx.Module], parts: Parts, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the last layer's input, [n, features] float32, and its output, the logits [n, classes].

    Images are [n, height, width, channels] uint8, any n.
    """
    both = in_blocks(partial(_penultimate, graph, parts), images)
    features = both.shape[1] - len(parts.params[OUTPUT]["bias"])
    return both[:, :features], both[:, features:]


@partial(jax.jit, static_argnums=0)
def _outputs(graph: nnx.GraphDef[nnx.Module], parts: Parts, images: jax.Array) -> tuple[jax.Array, ...]:
    """Return the outputs in order; jit would sort the keys of a dict."""
    network: Any = merge(graph, parts)
    return tuple(network.activations(scale(images)).values())


@partial(jax.jit, static_argnums=0)
def _penultimate(graph: nnx.GraphDef[nnx.Module], parts: Parts, images: jax.Array) -> jax.Array:
    def features_and_logits(batch: jax.Array) -> jax.Array:
        network: Any = merge(graph, parts)
        *_, features, logits = network.activations(scale(batch)).values()
        return jnp.concatenate([features, logits], axis=1)

    return lax.map(features_and_logits, images.reshape(-1, BATCH, *images.shape[1:])).reshape(len(images), -1)


def _names(steps: Iterable[Step]) -> Iterator[str]:
    for step in steps:
        yield from _names(step.inside)
        yield step.name
