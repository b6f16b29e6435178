"""Logits of many images, computed on the device: the forward pass for validation and evaluation."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax
from jax.sharding import Mesh, PartitionSpec

from mnistcli.datasets import release
from mnistcli.mesh import BATCH as BATCH_AXIS
from mnistcli.mesh import count_devices, local_mesh, place, replicated, split_along
from mnistcli.models.network import Parts, logits

# Images in one forward pass inside the jitted loop: few enough that the CNN's activations stay in a CPU's cache.
BATCH = 250
BLOCK = 40 * BATCH  # images on the device at a time


@partial(jax.jit, static_argnums=(0, 1))
def batched_logits(graph: nnx.GraphDef[nnx.Module], mesh: Mesh, parts: Parts, images: jax.Array) -> jax.Array:
    """Return logits [n, classes] of images [n, height, width, channels] uint8, complete on each device of the mesh.

    n is a multiple of BATCH times the number of devices; each device computes an equal part.
    """

    def of_one_device(parts: Parts, images: jax.Array) -> jax.Array:
        batches = images.reshape(-1, BATCH, *images.shape[1:])
        return lax.map(partial(logits, graph, parts), batches).reshape(len(images), -1)

    everywhere, split = PartitionSpec(), PartitionSpec(BATCH_AXIS)
    of_all = jax.shard_map(of_one_device, mesh=mesh, in_specs=(everywhere, split), out_specs=split, check_vma=False)
    return lax.with_sharding_constraint(of_all(parts, images), replicated(mesh))


def predict_logits(graph: nnx.GraphDef[nnx.Module], parts: Parts, images: np.ndarray) -> np.ndarray:
    """Return logits [n, classes] float32 of images [n, height, width, channels] uint8, any n."""
    mesh = local_mesh()
    return in_blocks(partial(batched_logits, graph, mesh, place(parts, replicated(mesh))), images, mesh)


def in_blocks(forward: Callable[[jax.Array], jax.Array], images: np.ndarray, mesh: Mesh | None = None) -> np.ndarray:
    """Return the results of `forward` for images, in blocks of `block_size`; blank images pad the last block.

    The images of each block are spread over the devices of the mesh; None: they are on one device.
    """
    size = block_size(len(images), mesh)
    done = []
    for start in range(0, len(images), size):
        block = images[start : start + size]
        padding = np.zeros((size - len(block), *block.shape[1:]), block.dtype)
        full = np.concatenate([block, padding]) if len(padding) else block
        placed = place(full, split_along(mesh, 0)) if mesh else jnp.asarray(full)
        done.append(np.asarray(forward(placed))[: len(block)])
        release(images)
    return np.concatenate(done)


def block_size(n: int, mesh: Mesh | None = None) -> int:
    """Return how many images to put on the device together, given n: about BLOCK, or fewer if n is less.

    It is a multiple of BATCH, or of BATCH times the number of devices in the mesh.
    """
    unit = BATCH * (count_devices(mesh) if mesh else 1)
    return min(n + -n % unit, max(BLOCK - BLOCK % unit, unit))
