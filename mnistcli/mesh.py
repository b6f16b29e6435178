"""The devices that compute together, in one process or several, and how arrays are placed on them.

Training is data-parallel: each device has all the weights and an equal part of every batch, and the compiler sums
gradients and batch statistics over the devices.
"""

from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from mnistcli.errors import UsageError

BATCH = "batch"  # the mesh's one axis
MOST_AT_ONCE = 2**28  # bytes that are sent to other processes at once

_devices: list[jax.Device] = []
_must_use_all = False


def use_devices(devices: list[jax.Device], *, all_of_them: bool) -> None:
    """Compute on these devices from now on; `all_of_them`: refuse a batch that cannot be split equally among them."""
    global _must_use_all
    _devices[:] = devices
    _must_use_all = all_of_them


def mesh_for(batch_size: int) -> Mesh:
    """Return the mesh for training with batches of that size: all devices, or the most that can split it equally.

    Raises:
        UsageError: The batch cannot be split equally, and all devices must be used.
    """
    devices = _devices_in_use()
    n = next(n for n in range(len(devices), 0, -1) if batch_size % n == 0)
    if n < len(devices) and _must_use_all:
        raise UsageError(
            f"A batch of {batch_size} images cannot be divided equally among {len(devices)} devices: choose a "
            f"--batch-size that is a multiple of {len(devices)}, or fewer devices."
        )
    return _mesh(devices[:n])


def devices_left_out(batch_size: int) -> str | None:
    """Return a sentence that says how many devices a batch of that size uses; None if it uses all."""
    every, used = len(_devices_in_use()), count_devices(mesh_for(batch_size))
    if used == every:
        return None
    verb = "is" if used == 1 else "are"
    return f"Batches of {batch_size} images cannot be divided equally among {every} devices, so {used} {verb} used."


def local_mesh() -> Mesh:
    """Return the mesh of this process's devices."""
    return _mesh([device for device in _devices_in_use() if device.process_index == jax.process_index()])


def count_devices(mesh: Mesh) -> int:
    """Return the number of devices in a mesh."""
    return int(mesh.devices.size)


def replicated(mesh: Mesh) -> NamedSharding:
    """Return the sharding that puts a complete copy of an array on each device."""
    return NamedSharding(mesh, PartitionSpec())


def split_along(mesh: Mesh, axis: int) -> NamedSharding:
    """Return the sharding that splits an array over the devices along an axis."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, BATCH))


def place(tree: Any, sharding: NamedSharding) -> Any:
    """Return a tree of arrays placed on the devices; every process passes complete arrays."""

    def put(leaf: Any) -> jax.Array:
        if isinstance(leaf, jax.Array) and is_alone():
            return jax.device_put(leaf, sharding)
        array = np.asarray(leaf)
        return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])

    return jax.tree.map(put, tree)


def is_alone() -> bool:
    """Whether this process trains alone."""
    return jax.process_count() == 1


def is_first_process() -> bool:
    """Whether this is the process that writes the run's files and talks to the user."""
    return jax.process_index() == 0


def of_first_process(value: int) -> int:
    """Return the first process's value in every process; every process must call this."""
    if is_alone():
        return value
    return int(multihost_utils.broadcast_one_to_all(np.int32(value)))


def in_any_process(flag: bool) -> bool:
    """Whether the flag is true in any process; every process must call this."""
    if is_alone():
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.int32(flag))))


def bytes_of_first_process(content: bytes = b"") -> bytes:
    """Return the first process's bytes in every process; every process must call this."""
    size = int.from_bytes(_sent(len(content).to_bytes(8)))
    return b"".join(
        _sent(content[start : start + MOST_AT_ONCE].ljust(min(MOST_AT_ONCE, size - start), b"\0"))
        for start in range(0, size, MOST_AT_ONCE)
    )


def _sent(content: bytes) -> bytes:
    """Return the first process's bytes in every process; all must pass the same number."""
    return bytes(np.asarray(multihost_utils.broadcast_one_to_all(np.frombuffer(content, np.uint8)), np.uint8))


def _devices_in_use() -> list[jax.Device]:
    """Return the chosen devices, or the first if none were chosen."""
    return _devices or jax.devices()[:1]


def _mesh(devices: list[jax.Device]) -> Mesh:
    return Mesh(np.array(devices), (BATCH,), axis_types=(AxisType.Auto,))
