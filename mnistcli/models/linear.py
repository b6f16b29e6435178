"""Softmax regression: one template a class."""

import math

from flax import nnx
from jax.nn.initializers import glorot_uniform

from mnistcli.models.classifier import Classifier
from mnistcli.models.layers import Dense, Flatten
from mnistcli.network import Shape


class Linear(Classifier):
    """784 → 10, Glorot uniform."""

    def __init__(self, image_shape: Shape, classes: int, *, rngs: nnx.Rngs) -> None:
        super().__init__(
            flatten=Flatten(),
            output=Dense(math.prod(image_shape), classes, kernel_init=glorot_uniform(), rngs=rngs),
        )
