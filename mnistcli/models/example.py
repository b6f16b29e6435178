"""A network for mnistcli, in Flax. Change it as you like, and train it with `mnistcli train --arch FILE:Net`.

The class gets the shape of an image and the number of classes, and returns logits. Lists of layers must be `nnx.List`.
"""

import jax
from flax import nnx


class Block(nnx.Module):
    """A residual block: a convolution whose output is added to its input."""

    def __init__(self, channels: int, *, rngs: nnx.Rngs) -> None:
        self.conv = nnx.Conv(channels, channels, kernel_size=(3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(channels, momentum=0.9, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Return an array with the shape of x, [n, height, width, channels]."""
        return x + jax.nn.relu(self.norm(self.conv(x)))


class Net(nnx.Module):
    """A small residual network."""

    def __init__(self, image_shape: tuple[int, int, int], classes: int, *, rngs: nnx.Rngs) -> None:
        self.conv = nnx.Conv(image_shape[-1], 16, kernel_size=(3, 3), strides=2, rngs=rngs)
        self.blocks = nnx.List([Block(16, rngs=rngs) for _ in range(2)])
        self.dropout = nnx.Dropout(0.2, rngs=rngs)
        self.output = nnx.Linear(16, classes, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Return logits [n, classes] of images [n, height, width, channels] float32, from 0 (black) to 1."""
        x = jax.nn.relu(self.conv(images))
        for block in self.blocks:
            x = block(x)
        return self.output(self.dropout(x.mean(axis=(1, 2))))
