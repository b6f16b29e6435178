"""The devices that compute together, in one process or in several: where arrays lie on them.

Training is data-parallel: each device has all weights and its share of every batch, and the compiler sums gradients
and batch statistics over the devices.
"""

from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from mnistcli.errors import UsageError

BATCH = "batch"  # the mesh's one axis

_devices: list[jax.Device] = []
_must_use_all = False


def use_devices(devices: list[jax.Device], *, all_of_them: bool) -> None:
    """Compute on these devices from now on; `all_of_them`: refuse a batch that they cannot share equally."""
    global _must_use_all
    _devices[:] = devices
    _must_use_all = all_of_them


def mesh_for(batch_size: int) -> Mesh:
    """Return the mesh that trains on batches of that size: all devices, or as many as can share it equally.

    Raises:
        UsageError: They cannot share it equally, and all must be used.
    """
    devices = _used()
    n = next(n for n in range(len(devices), 0, -1) if batch_size % n == 0)
    if n < len(devices) and _must_use_all:
        raise UsageError(
            f"A batch of {batch_size} images cannot be divided equally among {len(devices)} devices: choose a "
            f"--batch-size that is a multiple of {len(devices)}, or fewer devices."
        )
    return _mesh(devices[:n])


def devices_left_out(batch_size: int) -> str | None:
    """Return the sentence on devices that a batch of that size leaves unused, None where it uses all."""
    every, used = len(_used()), devices_of(mesh_for(batch_size))
    if used == every:
        return None
    are = "is" if used == 1 else "are"
    return f"Batches of {batch_size} images cannot be divided equally among {every} devices, so {used} {are} used."


def local_mesh() -> Mesh:
    """Return the mesh of the devices that this process has."""
    return _mesh([device for device in _used() if device.process_index == jax.process_index()])


def devices_of(mesh: Mesh) -> int:
    """Return how many devices a mesh has."""
    return int(mesh.devices.size)


def replicated(mesh: Mesh) -> NamedSharding:
    """Return the sharding that puts a whole copy of an array on each device."""
    return NamedSharding(mesh, PartitionSpec())


def split_along(mesh: Mesh, axis: int) -> NamedSharding:
    """Return the sharding that splits an array along an axis over the devices."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, BATCH))


def place(tree: Any, sharding: NamedSharding) -> Any:
    """Put arrays on the devices; each process has them whole."""

    def put(leaf: Any) -> jax.Array:
        if isinstance(leaf, jax.Array) and is_alone():
            return jax.device_put(leaf, sharding)
        array = np.asarray(leaf)
        return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])

    return jax.tree.map(put, tree)


def is_alone() -> bool:
    """Whether this process computes without others."""
    return jax.process_count() == 1


def is_first_process() -> bool:
    """Whether this is the process that keeps the run and talks to the user."""
    return jax.process_index() == 0


def of_first_process(value: int) -> int:
    """Return the first process's value in every process; all must call this."""
    if is_alone():
        return value
    return int(multihost_utils.broadcast_one_to_all(np.int32(value)))


def in_any_process(flag: bool) -> bool:
    """Whether a flag is up in some process; all must call this."""
    if is_alone():
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.int32(flag))))


def bytes_of_first_process(content: bytes = b"") -> bytes:
    """Return the first process's bytes in every process; all must call this."""
    size = of_first_process(len(content))
    own = np.frombuffer(content.ljust(size, b"\0")[:size], np.uint8)
    return bytes(np.asarray(multihost_utils.broadcast_one_to_all(own), np.uint8))


def _used() -> list[jax.Device]:
    """Return the devices to compute on; where none were chosen, the first."""
    return _devices or jax.devices()[:1]


def _mesh(devices: list[jax.Device]) -> Mesh:
    return Mesh(np.array(devices), (BATCH,), axis_types=(AxisType.Auto,))
