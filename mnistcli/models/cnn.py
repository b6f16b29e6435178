"""The study's convolutional network: one convolution, one hidden layer."""

import math

from flax import nnx
from jax.nn.initializers import he_uniform

from mnistcli.models.classifier import Classifier
from mnistcli.models.layers import ConvReluPool, Dense, Flatten
from mnistcli.network import Shape


class CNN(Classifier):
    """Conv 3×3, 32, valid, ReLU → max-pool 2 → 100 ReLU → 10, He uniform."""

    def __init__(self, image_shape: Shape, classes: int, *, rngs: nnx.Rngs) -> None:
        he = he_uniform()
        conv = ConvReluPool(image_shape[-1], 32, kernel_size=3, pool=2, kernel_init=he, rngs=rngs)
        features = math.prod(conv.output_shape(image_shape))
        super().__init__(
            conv=conv,
            flatten=Flatten(),
            hidden=Dense(features, 100, kernel_init=he, activation="relu", rngs=rngs),
            output=Dense(100, classes, kernel_init=he, rngs=rngs),
        )
