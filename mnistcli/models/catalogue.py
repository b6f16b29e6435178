"""From an architecture's name to a network."""

import jax
from flax import nnx

from mnistcli.errors import UsageError
from mnistcli.models.classifier import Classifier
from mnistcli.models.cnn import CNN
from mnistcli.models.convnet import ConvNet
from mnistcli.models.dense import DenseNetwork
from mnistcli.models.linear import Linear
from mnistcli.network import Shape
from mnistcli.recipes import find_recipe
from mnistcli.results import ModelSummary

ARCHITECTURES = {"linear": Linear, "dense": DenseNetwork, "cnn": CNN, "convnet": ConvNet}


def build(arch: str, image_shape: Shape, classes: int, *, seed: int | jax.Array) -> Classifier:
    """Return a freshly initialised network.

    Raises:
        UsageError: There is no such architecture, or the images are too small for it.
    """
    find_recipe(arch)
    try:
        return ARCHITECTURES[arch](image_shape, classes, rngs=_generator(seed))
    except ValueError as error:
        side = "×".join(map(str, image_shape[:2]))
        raise UsageError(f"{arch} cannot read images of {side} pixels ({error}): --image-size scales them.") from error


def _generator(seed: int | jax.Array) -> nnx.Rngs:
    # XLA's own generator: Threefry takes a CPU three times as long to compile (2.9 s against 0.9 s for the CNN).
    return nnx.Rngs(jax.random.key(seed, impl="rbg"))


def abstract(arch: str, image_shape: Shape, classes: int) -> Classifier:
    """Return the network with shapes and dtypes in place of numbers: nothing is allocated."""
    return nnx.eval_shape(lambda: build(arch, image_shape, classes, seed=0))


def summarize(arch: str, image_shape: Shape, classes: int) -> ModelSummary:
    """Describe an architecture layer by layer."""
    return ModelSummary(arch, abstract(arch, image_shape, classes).summarize(image_shape))
