"""A network that uses what nnx has: batch statistics, dropout, a stream of its own, a list, a shared layer.

It is executed by mnistcli, as `tests/flax_network.py:Net`.
"""

import jax
from flax import nnx


class Block(nnx.Module):
    """A convolution with batch normalisation and dropout, added to its input."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs) -> None:
        self.conv = nnx.Conv(channels, channels, kernel_size=(3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(channels, momentum=0.9, rngs=rngs)
        self.dropout = nnx.Dropout(0.1, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return x + self.dropout(jax.nn.relu(self.norm(self.conv(x))))


class Net(nnx.Module):
    """The first block is used twice, and in training there is noise on the image."""

    def __init__(self, image_shape: tuple[int, int, int], classes: int, *, rngs: nnx.Rngs) -> None:
        self.first = nnx.Conv(image_shape[-1], 8, kernel_size=(3, 3), strides=3, rngs=rngs)
        self.blocks = nnx.List([Block(8, rngs=rngs) for _ in range(2)])
        self.again = self.blocks[0]
        self.rngs = rngs
        self.deterministic = False
        self.output = nnx.Linear(8, classes, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        if not self.deterministic:
            images = images + 0.1 * jax.random.normal(self.rngs.noise(), images.shape)
        x = self.first(images)
        for block in [*self.blocks, self.again]:
            x = block(x)
        return self.output(x.mean(axis=(1, 2)))
