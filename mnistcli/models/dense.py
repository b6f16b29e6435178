"""The study's dense network: one hidden layer."""

import math

from flax import nnx
from jax.nn.initializers import glorot_uniform

from mnistcli.models.classifier import Classifier
from mnistcli.models.layers import Dense, Flatten
from mnistcli.network import Shape


class DenseNetwork(Classifier):
    """784 → 512 ReLU → 10, Glorot uniform."""

    def __init__(self, image_shape: Shape, classes: int, *, rngs: nnx.Rngs) -> None:
        glorot = glorot_uniform()
        super().__init__(
            flatten=Flatten(),
            hidden=Dense(math.prod(image_shape), 512, kernel_init=glorot, activation="relu", rngs=rngs),
            output=Dense(512, classes, kernel_init=glorot, rngs=rngs),
        )
