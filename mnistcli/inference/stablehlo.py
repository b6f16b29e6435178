"""A network as a StableHLO file (jax.export), which any of JAX's platforms can run without the network's code."""

import re
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import export, lax

from mnistcli.errors import RunError
from mnistcli.inference.logits import BATCH, in_blocks
from mnistcli.models.network import Parts, logits

PLATFORMS = ("cpu", "cuda", "tpu")
HARMLESS = {"Sharding", "shape_assertion"}  # custom calls that only annotate shapes


def make_stablehlo(
    graph: nnx.GraphDef[nnx.Module],
    parts: Parts,
    *,
    image_shape: tuple[int, ...],
    temperature: float,
    rejects: bool = False,
) -> bytes:
    """Return the content of a file that maps images uint8 [n, *image_shape] to logits and probabilities.

    Both are float32 [n, classes]; n is any number if the network allows that, otherwise BATCH. Probabilities are as in
    `metrics.scores.softmax`.
    """

    @jax.jit
    def answer(images: jax.Array) -> tuple[jax.Array, jax.Array]:
        scores = logits(graph, parts, images)
        if rejects:
            every = jax.nn.softmax(jnp.pad(scores / temperature, ((0, 0), (0, 1))))
            return scores, every[:, :-1]
        return scores, jax.nn.softmax(scores / temperature)

    (any_number,) = export.symbolic_shape("n")
    try:
        exported = _export(answer, (any_number, *image_shape))
    except Exception:  # noqa: BLE001  (a user's class may need a fixed number)
        exported = _export(answer, (BATCH, *image_shape))
    return bytes(exported.serialize())


def stablehlo_logits(content: bytes, images: np.ndarray, *, name: str) -> np.ndarray:
    """Return logits [n, classes] float32 of images uint8, any n, computed by a file with this content.

    Raises:
        RunError: It is not such a file, or calls functions outside StableHLO.
    """
    return in_blocks(_open(content, name), images)


@cache
def _open(content: bytes, name: str) -> Any:
    try:
        exported = export.deserialize(bytearray(content))
        called = set(re.findall(r"custom_call @([\w$.]+)", exported.mlir_module())) - HARMLESS
    except Exception as error:
        raise RunError(f"{name} is damaged, or was written by another version of JAX.") from error
    if called:  # such a call could run any code that JAX knows
        raise RunError(f"{name} calls {', '.join(sorted(called))}: only StableHLO operations are allowed.")

    @jax.jit
    def forward(block: jax.Array) -> jax.Array:
        batches = block.reshape(-1, BATCH, *block.shape[1:])
        return lax.map(lambda batch: exported.call(batch)[0], batches).reshape(len(block), -1)

    return forward


def _export(function: Any, shape: tuple[Any, ...]) -> export.Exported:
    return export.export(function, platforms=PLATFORMS)(jax.ShapeDtypeStruct(shape, np.uint8))
