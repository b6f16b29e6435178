"""A described network as a flax.nnx module; and splitting any module into parts for training and use."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax.nn import initializers

from mnistcli.models.convolution import LARGEST_FUSED, conv_relu_pool
from mnistcli.models.cosines import cosine_kernel
from mnistcli.models.flax_file import blaming, loaded, refused
from mnistcli.models.language import Step, parse, plan
from mnistcli.models.layers import Activation, Conv, Pool, Residual, Shape, Variable
from mnistcli.models.recipes import description, is_flax

INITIALIZERS = {
    "he": initializers.he_uniform(),
    "glorot": initializers.glorot_uniform(),
    "lecun": initializers.lecun_uniform(),
}
# XLA's own random generator: Threefry takes three times as long to compile on a CPU (2.9 s instead of 0.9 s for cnn).
GENERATOR = "rbg"
Tree = dict[str, Any]  # nested dicts of arrays
See = Callable[[str, jax.Array], None]  # called with a step's name and output


class LayerVariables(nnx.Module):
    """The variables of a layer, and of the layers inside it, as attributes."""

    def __init__(self, step: Step, rngs: nnx.Rngs) -> None:
        for name, variable in step.variables().items():
            kind = nnx.Param if variable.trained else nnx.BatchStat
            setattr(self, name, kind(_initial_value(variable, step.initializer, rngs)))
        for each in step.inside:
            setattr(self, _last_word(each.name), LayerVariables(each, rngs))


class Network(nnx.Module):
    """A sequence of layers, from pixels to logits."""

    def __init__(self, steps: tuple[Step, ...], *, frozen: tuple[str, ...] = (), rngs: nnx.Rngs) -> None:
        self.steps = nnx.static(steps)
        self.frozen = nnx.static(frozen)
        self.deterministic = False
        for step in steps:
            setattr(self, step.name, LayerVariables(step, rngs))
        if any(each.layer.kind == "dropout" for step in steps for each in step.walk()):
            self.dropout_stream = rngs.dropout.fork()

    def __call__(self, images: jax.Array) -> jax.Array:
        """Return the logits [n, classes] float32 of images [n, height, width, channels] float32, from 0 to 1."""
        return self._apply(images, self.steps, self)

    def activations(self, images: jax.Array) -> dict[str, jax.Array]:
        """Return the output of every step by name, in the order of computation, including steps inside residuals.

        The last is "output", the logits; images are as in `__call__`.
        """
        seen: dict[str, jax.Array] = {}
        self._apply(images, self.steps, self, see=seen.__setitem__)
        return seen

    def random_key(self) -> jax.Array:
        """Return a random key that no other layer gets in this step."""
        return self.dropout_stream()

    def _apply(self, x: jax.Array, steps: tuple[Step, ...], owner: nnx.Module, see: See | None = None) -> jax.Array:
        """Return the last step's output; `see` gets every step's, and no steps are fused then."""
        i = 0
        while i < len(steps):
            layer, own = steps[i].layer, getattr(owner, _last_word(steps[i].name))
            match [each.layer for each in steps[i : i + 3]]:
                case [Conv(is_plain=True), Activation("relu"), Pool(pool, columns, stride, "max", "valid")] if (
                    see is None and pool == columns == stride <= LARGEST_FUSED
                ):
                    x, i = conv_relu_pool(x, own.kernel[...], own.bias[...], pool=pool), i + 3
                case [Residual(), *_]:
                    x, i = x + self._apply(x, steps[i].inside, own, see), i + 1
                case _:
                    x, i = layer.apply(x, own, INFERENCE if steps[i].name in self.frozen else self), i + 1
            if see is not None:
                see(steps[i - 1].name, x)
        return x


class Parts(NamedTuple):
    """A module's variables.

    Attributes:
        params: The trained variables.
        rest: Other variables: batch statistics, fixed kernels.
        streams: The keys and counts of random streams.
    """

    params: Tree
    rest: Tree
    streams: Tree


class Definition(NamedTuple):
    """A network without values, for training and for use; and the shapes and dtypes of its parts."""

    training: "nnx.GraphDef[nnx.Module]"
    use: "nnx.GraphDef[nnx.Module]"
    parts: Parts


class Inference:
    """The mode of frozen layers: inference, even if the network is in training."""

    deterministic = True

    def random_key(self) -> jax.Array:
        """Fail: layers in inference draw no random numbers."""
        raise AssertionError


INFERENCE = Inference()


def build(
    arch: str, image_shape: Shape, classes: int, *, seed: int | jax.Array, frozen: tuple[str, ...] = ()
) -> nnx.Module:
    """Return a newly initialised network; batch normalisation in `frozen` layers keeps its statistics.

    Raises:
        UsageError: The architecture is unknown, or it does not fit the images.
    """
    rngs = nnx.Rngs(jax.random.key(seed, impl=GENERATOR))
    if is_flax(arch):
        source, network = loaded(arch)
        with blaming(source):
            return network(image_shape, classes, rngs=rngs)  # type: ignore[call-arg]
    steps = plan(parse(description(arch) or ""), image_shape, classes)
    return Network(steps, frozen=frozen, rngs=rngs)


def define(arch: str, image_shape: Shape, classes: int, *, frozen: tuple[str, ...] = ()) -> Definition:
    """Return the network with shapes and dtypes instead of values, without allocating memory; `frozen` as in `build`.

    Raises:
        UsageError: As in `build`; or a class in Flax does not return logits.
    """
    module = nnx.eval_shape(lambda: build(arch, image_shape, classes, seed=0, frozen=frozen))
    module.train()
    training, parts = split(module)
    module.eval()
    use, _ = split(module)
    definition = Definition(training, use, parts)
    if is_flax(arch):
        _check_answers(arch, definition, image_shape, classes)
    return definition


def _apply_graph(graph: "nnx.GraphDef[nnx.Module]", parts: Parts, images: jax.Array) -> tuple[Any, Tree]:
    network: Any = merge(graph, parts)
    answer = network(images)
    return answer, split(network)[1].rest


def _shapes(tree: Tree) -> dict[str, tuple[Shape, Any]]:
    return {path: (leaf.shape, leaf.dtype) for path, leaf in flatten(tree).items()}


def _check_answers(arch: str, definition: Definition, image_shape: Shape, classes: int) -> None:
    """Raise UsageError if a class in Flax does not return logits, in training or in use."""
    source, _ = loaded(arch)
    images = jax.ShapeDtypeStruct((2, *image_shape), jnp.float32)
    for graph in (definition.training, definition.use):
        with blaming(source):
            answer, rest = jax.eval_shape(partial(_apply_graph, graph), definition.parts, images)
        if _shapes(rest) != _shapes(definition.parts.rest):
            raise refused(source, f"{source.class_name} makes or changes variables in __call__: make them in __init__")
        found = getattr(answer, "shape", None), getattr(answer, "dtype", None)
        if found != ((2, classes), jnp.float32):
            what = f"{found[1]} {list(found[0])}" if found[0] is not None else type(answer).__name__
            raise refused(source, f"{source.class_name} must return float32 [2, {classes}] for 2 images, not {what}")
    params = jax.tree.leaves(definition.parts.params)
    if not params or not all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in params):
        raise refused(source, f"{source.class_name} must have nnx.Param variables to train, all of them floats")


def split(module: nnx.Module) -> tuple["nnx.GraphDef[nnx.Module]", Parts]:
    """Split a module into its graph and its variables, nested dicts of arrays."""
    graph, *states = nnx.split(module, nnx.Param, nnx.RngState, ...)
    params, streams, rest = map(nnx.to_pure_dict, states)
    return graph, Parts(params, rest, streams)


def merge(graph: "nnx.GraphDef[nnx.Module]", parts: Parts) -> nnx.Module:
    """Undo `split`."""
    return nnx.merge(graph, parts.params, parts.streams, parts.rest)


def scale(images: jax.Array) -> jax.Array:
    """Return images with values from 0 to 255, uint8 or float, as float32 from 0 to 1, a network's input."""
    return images.astype(jnp.float32) / 255


def logits(graph: "nnx.GraphDef[nnx.Module]", parts: Parts, images: jax.Array) -> jax.Array:
    """Return logits [n, classes] float32 of images [n, height, width, channels] uint8."""
    network: Any = merge(graph, parts)
    return network(scale(images))


def restore(
    arch: str, image_shape: Shape, classes: int, arrays: Mapping[str, Any]
) -> tuple["nnx.GraphDef[nnx.Module]", Parts]:
    """Return a network for use, and its parts with the arrays by path; its random streams are dummies.

    Raises:
        UsageError: As in `define`.
    """
    definition = define(arch, image_shape, classes)
    params, rest, streams = definition.parts
    return definition.use, Parts(fill(params, arrays), fill(rest, arrays), jax.tree.map(_dummy_stream, streams))


def _dummy_stream(stream: jax.ShapeDtypeStruct) -> jax.Array:
    if jnp.issubdtype(stream.dtype, jax.dtypes.prng_key):
        return jnp.broadcast_to(jax.random.key(0, impl=GENERATOR), stream.shape)
    return jnp.zeros(stream.shape, stream.dtype)


def flatten(tree: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a nested dict's leaves by their dotted paths, as files store them."""
    return dict(_leaves(tree, ""))


def map_paths(function: Callable[[str, Any], Any], tree: Mapping[Any, Any], prefix: str = "") -> Tree:
    """Return the tree with each leaf replaced by `function(path, leaf)`."""
    return {
        key: map_paths(function, value, f"{prefix}{key}.")
        if isinstance(value, Mapping)
        else function(f"{prefix}{key}", value)
        for key, value in tree.items()
    }


def fill(tree: Mapping[Any, Any], arrays: Mapping[str, Any]) -> Tree:
    """Return the tree with each leaf replaced by the array with its path."""
    return map_paths(lambda path, _: arrays[path], tree)


def is_in(path: str, layers: Iterable[str]) -> bool:
    """Whether a variable's path is in one of these layers."""
    return any(path == layer or path.startswith(f"{layer}.") for layer in layers)


def count(tree: Mapping[Any, Any]) -> int:
    """Return the total number of elements in the leaves."""
    return sum(leaf.size for _, leaf in _leaves(tree, ""))


def _leaves(tree: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _initial_value(variable: Variable, initializer: str, rngs: nnx.Rngs) -> jax.Array:
    if variable.begins == "kernel":
        shape = variable.shape[::-1] if variable.transposed else variable.shape
        kernel = INITIALIZERS[initializer](rngs.params(), shape)
        return kernel.T if variable.transposed else kernel
    if variable.begins == "cosines":
        return jnp.asarray(cosine_kernel(variable.shape))
    return jnp.full(variable.shape, {"zeros": 0.0, "ones": 1.0}[variable.begins])


def _last_word(name: str) -> str:
    return name.rpartition(".")[2]
