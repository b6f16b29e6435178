"""Where a step's images come from: all are on the device, or, for a large data set, a window of them at a time.

In both cases the order of an epoch depends only on the seed and the epoch, so the weights are the same to the bit.
"""

import os
from collections.abc import Iterator
from copy import copy
from math import prod
from typing import NamedTuple, Protocol

import jax
import numpy as np
from jax.sharding import Mesh

from mnistcli.datasets import Split, release
from mnistcli.mesh import count_devices, of_first_process, place, replicated, split_along

# Fraction of a device's memory, or of its part of the machine's memory if that is less. A larger training split is
# spread over the devices, and one that is too large for all of them together is streamed.
SHARE = 1 / 32
PIECE = 1024  # images read before memory is released: the system maps 64 kB around each
WINDOW_BYTES = 2**25  # bytes of images in one window


class Window(NamedTuple):
    """Some of an epoch's steps and the images that they need.

    Attributes:
        images: [n, height, width, channels] uint8.
        labels: [n] integers.
        order: Indices into these for each step, [steps, batch] int32; a negative one, `~index`, pads the last batch.
        first: The number of the window's first step in the epoch, int32 [].
    """

    images: jax.Array
    labels: jax.Array
    order: jax.Array
    first: np.int32

    @property
    def stop(self) -> int:
        """The number of the step after the window's last one."""
        return int(self.first) + len(self.order)


class Feed(Protocol):
    """Yields the windows of an epoch, all of the same shapes."""

    def windows(self, epoch: int, *, step: int = 0) -> Iterator[Window]:
        """Yield the windows of an epoch, starting with the one that contains the step."""
        ...

    def with_seed(self, seed: int) -> "Feed":
        """Return a feed of the same images in the order of another seed."""
        ...


def make_feed(train: Split, *, batch: int, seed: int, mesh: Mesh) -> Feed:
    """Return a feed for a training split: resident, or streaming if the images take more than SHARE of memory."""
    size, room = prod(train.images.shape), SHARE * _memory()
    if of_first_process(size > room * count_devices(mesh)):
        return Streaming(train, batch=batch, seed=seed, mesh=mesh)
    return Resident(train, batch=batch, seed=seed, mesh=mesh, spread=bool(of_first_process(size > room)))


def epoch_order(n: int, *, batch: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order of n images in an epoch, [steps, batch] int32.

    The last batch is padded with the epoch's first images, as `~index`: they do not count in the loss, but batch
    normalisation sees a full batch.
    """
    order = np.random.default_rng([seed, epoch]).permutation(n).astype(np.int32)
    return np.concatenate([order, ~order[: -n % batch]]).reshape(-1, batch)


class Resident:
    """All images are on each device, or spread over the devices; an epoch is one window."""

    def __init__(self, train: Split, *, batch: int, seed: int, mesh: Mesh, spread: bool = False) -> None:
        missing = -len(train) % count_devices(mesh) if spread else 0  # parts must have the same size
        images = np.concatenate([train.images, train.images[:missing]]) if missing else train.images
        self._images = place(images, split_along(mesh, 0) if spread else replicated(mesh))
        self._labels = place(train.labels, replicated(mesh))
        self._batch, self._seed, self._mesh = batch, seed, mesh

    def with_seed(self, seed: int) -> "Resident":
        """Return a feed of the same images, which are not copied, in the order of another seed."""
        other = copy(self)
        other._seed = seed
        return other

    def windows(self, epoch: int, *, step: int = 0) -> Iterator[Window]:  # noqa: ARG002  (the one window has every step)
        """Yield the epoch's single window."""
        order = epoch_order(len(self._labels), batch=self._batch, seed=self._seed, epoch=epoch)
        yield Window(self._images, self._labels, place(order, split_along(self._mesh, 1)), np.int32(0))


class Streaming:
    """Images stay in their memory map; Grain's threads gather the next windows while one is used for training."""

    def __init__(self, train: Split, *, batch: int, seed: int, mesh: Mesh) -> None:
        self._train, self._batch, self._seed, self._mesh = train, batch, seed, mesh
        self._steps = max(1, WINDOW_BYTES // (batch * prod(train.images.shape[1:])))
        self._within = np.arange(self._steps * batch, dtype=np.int32).reshape(self._steps, batch)

    def with_seed(self, seed: int) -> "Streaming":
        """Return a feed of the same images in the order of another seed."""
        return Streaming(self._train, batch=self._batch, seed=seed, mesh=self._mesh)

    def windows(self, epoch: int, *, step: int = 0) -> Iterator[Window]:
        """Yield the epoch's windows, starting with the one that contains the step; empty steps pad the last."""
        import grain  # takes 0.7 s to import

        order = epoch_order(len(self._train), batch=self._batch, seed=self._seed, epoch=epoch)
        ahead = grain.ReadOptions(num_threads=1, prefetch_buffer_size=2)
        numbers = grain.MapDataset.range(step // self._steps, -(-len(order) // self._steps))
        gathered = numbers.map(lambda number: self._gather(order, number)).to_iter_dataset(ahead)
        for first, images, labels, rows in gathered:
            everywhere = replicated(self._mesh)
            yield Window(
                images=place(images, everywhere),
                labels=place(labels, everywhere),
                order=place(rows, split_along(self._mesh, 1)),
                first=np.int32(first),
            )

    def _gather(self, order: np.ndarray, number: int) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
        first = number * self._steps
        rows = np.full_like(self._within, -1)
        steps = order[first : first + self._steps]
        rows[: len(steps)] = steps
        wanted = np.where(rows < 0, ~rows, rows).ravel()
        images = np.empty((len(wanted), *self._train.images.shape[1:]), np.uint8)
        for start in range(0, len(wanted), PIECE):
            part = slice(start, start + PIECE)
            np.take(self._train.images, wanted[part], axis=0, out=images[part])
            release(self._train.images)
        return first, images, self._train.labels[wanted], np.where(rows < 0, ~self._within, self._within)


def _memory() -> int:
    """Return the bytes of a device's part of the machine's memory, or of its own memory if that is less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**33
    own = (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit", machine)
    return int(min(machine // jax.local_device_count(), own))
