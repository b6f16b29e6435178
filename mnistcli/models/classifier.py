"""What every architecture is: named layers in a row, from uint8 pixels to logits."""

import jax
from flax import nnx

from mnistcli.models.layers import ConvReluPool, Dense, Flatten
from mnistcli.network import PREPROCESSING, Layers, Params, Shape, scale
from mnistcli.results import LayerSummary

Layer = ConvReluPool | Dense | Flatten


class Classifier(nnx.Module):
    """A network of layers applied one after the other, in the order in which they are named."""

    def __init__(self, **layers: Layer) -> None:
        self.layer_names = tuple(layers)
        for name, layer in layers.items():
            setattr(self, name, layer)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Return the logits [n, classes] float32 of images [n, height, width, channels] uint8."""
        x: jax.Array = scale(images)
        for name in self.layer_names:
            x = getattr(self, name)(x)
        return x

    def as_layers(self) -> Layers:
        """Return the forward pass as data, for `network.logits` and for a file."""
        return tuple((name, getattr(self, name).operation) for name in self.layer_names)

    def summarize(self, image_shape: Shape) -> tuple[LayerSummary, ...]:
        """Describe the input and each layer for one image of that shape."""
        rows = [LayerSummary("input", "input", PREPROCESSING, tuple(image_shape), 0, 0)]
        for name in self.layer_names:
            rows += getattr(self, name).summarize(name, rows[-1].output_shape)
        return tuple(rows)


def split(model: Classifier) -> tuple[nnx.GraphDef[Classifier], Params]:
    """Part a network into what it is and its parameters, a nested dict of arrays."""
    graph, state = nnx.split(model, nnx.Param)
    return graph, nnx.to_pure_dict(state)
