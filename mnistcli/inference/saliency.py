"""Which pixels a network's answer depends on."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax

from mnistcli.models.network import Parts, logits

STEPS = 1024  # points on the path; the sum of attributions is then 0.1 % off (median of 20 validation digits, builtin)
AT_ONCE = 64  # points computed together: twice as fast as one by one


def integrated_gradients(graph: nnx.GraphDef[nnx.Module], parts: Parts, image: np.ndarray, *, label: int) -> np.ndarray:
    """Return how much each pixel of an image [height, width, channels] uint8 adds to a class's lead, float32.

    The lead is the logit minus the mean of all logits: what all logits have in common changes no answer. Its gradient
    is integrated along the straight path from black to the image by the midpoint rule, times the image. The sum is the
    lead for the image minus that for black, the method's axiom of completeness.

    Source: M. Sundararajan, A. Taly and Q. Yan, "Axiomatic attribution for deep networks", ICML 2017.
    """
    return np.asarray(_integrate(graph, parts, jnp.asarray(image, jnp.float32), label))


@partial(jax.jit, static_argnums=0)
def _integrate(graph: nnx.GraphDef[nnx.Module], parts: Parts, image: jax.Array, label: jax.Array) -> jax.Array:
    def lead(x: jax.Array) -> jax.Array:
        values = logits(graph, parts, x[None])[0]
        return values[label] - values.mean()

    gradient = jax.grad(lead)
    fractions = (jnp.arange(STEPS) + 0.5) / STEPS
    return image * lax.map(lambda fraction: gradient(image * fraction), fractions, batch_size=AT_ONCE).mean(0)
