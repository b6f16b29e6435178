"""The network that ships with the program: two convolutions, one hidden layer."""

import math

from flax import nnx
from jax.nn.initializers import he_uniform

from mnistcli.models.classifier import Classifier
from mnistcli.models.layers import ConvReluPool, Dense, Flatten
from mnistcli.network import Shape


class ConvNet(Classifier):
    """Conv 5×5, 32, valid, ReLU → max-pool 2 → conv 5×5, 64, ReLU → max-pool 2 → 128 ReLU → 10, He uniform."""

    def __init__(self, image_shape: Shape, classes: int, *, rngs: nnx.Rngs) -> None:
        he = he_uniform()
        conv1 = ConvReluPool(image_shape[-1], 32, kernel_size=5, pool=2, kernel_init=he, rngs=rngs)
        conv2 = ConvReluPool(32, 64, kernel_size=5, pool=2, kernel_init=he, rngs=rngs)
        features = math.prod(conv2.output_shape(conv1.output_shape(image_shape)))
        super().__init__(
            conv1=conv1,
            conv2=conv2,
            flatten=Flatten(),
            hidden=Dense(features, 128, kernel_init=he, activation="relu", rngs=rngs),
            output=Dense(128, classes, kernel_init=he, rngs=rngs),
        )
