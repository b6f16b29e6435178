"""The layers of the one-line language: how each is written, what it makes of a shape, its variables, its mathematics.

A further layer is a class here, in LAYERS, and a case in `network.js`, which computes it in a browser. JAX is imported
where it computes: the command line reads descriptions before it starts JAX.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from mnistcli.models.activations import ACTIVATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import jax

    from mnistcli.models.activations import Graph

Shape = tuple[int, ...]
INITIALIZERS = ("he", "glorot", "lecun")
PADDINGS = ("valid", "same")
MOST = 65_536  # filters, units
LARGEST_WINDOW = 64  # pixels a side
EPSILON, MOMENTUM = 1e-5, 0.9  # of batch normalisation


@dataclass(frozen=True)
class Variable:
    """One of a layer's arrays: its shape, and how it begins.

    Attributes:
        begins: "kernel": drawn by the initialiser; "cosines": `cosine_kernel`; "zeros"; "ones".
        trained: Whether gradients change it. A running statistic or a fixed kernel is not.
        transposed: Whether it is stored as the transpose of what the initialiser draws.
    """

    shape: Shape
    begins: str
    trained: bool = True
    transposed: bool = False


class Mode(Protocol):
    """What a layer must know of the network that it is in."""

    deterministic: bool

    def random_key(self) -> jax.Array:
        """Return a key that no other layer gets in this step."""
        ...


@dataclass(frozen=True)
class Window:
    """How far a layer looks, in rows and columns of its input, and how far apart two neighbours of its output look."""

    rows: int
    columns: int
    stride: int


class Layer:
    """One layer of a description. What it raises is a ValueError that says why it cannot be.

    Attributes:
        usage: How it is written, beginning with its word.
        meaning: What `mnistcli help arch` says of it.
        arguments: How many words follow its own, beside its options.
        options: The options that it takes, by their words.
    """

    usage: ClassVar[str]
    meaning: ClassVar[str]
    arguments: ClassVar[int] = 0
    options: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def read(cls, words: list[str], options: Mapping[str, int]) -> Layer:
        """Return the layer that its word, its arguments and its options describe."""
        return cls()

    @property
    def kind(self) -> str:
        """The word that it begins with."""
        return self.usage.split(maxsplit=1)[0]

    @property
    def detail(self) -> str:
        """What a table says of it beside its kind."""
        return str(self).removeprefix(self.kind).strip()

    def output_shape(self, shape: Shape) -> Shape:
        """Return the output's shape for one image's input of that shape."""
        return shape

    def variables(self, shape: Shape) -> Mapping[str, Variable]:
        """Return its arrays by name, for an input of that shape."""
        return {}

    def multiply_accumulates(self, shape: Shape) -> int:
        """Return how many it takes for one image's input of that shape."""
        return 0

    def window(self) -> Window | None:
        """Return how far it looks; None: at all of the image."""
        return Window(1, 1, 1)

    def apply(self, x: jax.Array, own: Any, mode: Mode) -> jax.Array:
        """Return its output for a batch [n, *shape] float32; `own` holds its variables as attributes."""
        raise NotImplementedError

    def to_onnx(self, graph: Graph, x: str, name: str, shape: Shape) -> str:
        """Add it to an ONNX file and return its output's name.

        Images have channels before rows there. Its variables are in the file as `name`.VARIABLE, `x` is its input, and
        `shape` that input's shape as everywhere here, channels last.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Conv(Layer):
    """Convolution: [height, width, channels] → [height', width', filters]."""

    usage = "conv FILTERS SIZE [stride N] [same] [groups N]"
    meaning = "Convolution with windows of SIZE, as in 3x3. 'same' pads the image with zeros."
    arguments = 2
    options: ClassVar[tuple[str, ...]] = ("stride", "same", "valid", "groups")
    filters: int
    rows: int
    columns: int
    stride: int = 1
    padding: str = "valid"
    groups: int = 1

    @classmethod
    def read(cls, words: list[str], options: Mapping[str, int]) -> Layer:
        filters, (rows, columns) = _whole(words[1], "filters"), _size(words[2])
        return cls(filters, rows, columns, options.get("stride", 1), _padding(options), options.get("groups", 1))

    def __str__(self) -> str:
        padding = " same" if self.padding == "same" else ""
        stride = f" stride {self.stride}" if self.stride > 1 else ""
        groups = f" groups {self.groups}" if self.groups > 1 else ""
        return f"{self.kind} {self.filters} {self.rows}x{self.columns}{stride}{padding}{groups}"

    @property
    def detail(self) -> str:
        size, *rest = str(self).split()[2:]
        return ", ".join([size.replace("x", "×"), *([] if self.padding == "same" else ["valid"]), *_pairs(rest)])

    @property
    def is_plain(self) -> bool:
        """Whether it moves pixel by pixel inside the image, over all channels."""
        return (self.stride, self.padding, self.groups) == (1, "valid", 1)

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = _image(shape)
        if channels % self.groups or self.filters % self.groups:
            raise ValueError(
                f"{channels} channels and {self.filters} filters do not both fall into {self.groups} groups"
            )
        return *_slid((height, width), (self.rows, self.columns), self.stride, self.padding), self.filters

    def variables(self, shape: Shape) -> Mapping[str, Variable]:
        kernel = (self.rows, self.columns, shape[-1] // self.groups, self.filters)
        return {"kernel": Variable(kernel, "kernel"), "bias": Variable((self.filters,), "zeros")}

    def multiply_accumulates(self, shape: Shape) -> int:
        return math.prod(self.output_shape(shape)) * self.rows * self.columns * shape[-1] // self.groups

    def window(self) -> Window:
        return Window(self.rows, self.columns, self.stride)

    def apply(self, x: jax.Array, own: Any, mode: Mode) -> jax.Array:
        from mnistcli.models.convolution import conv

        convolved = conv(x, own.kernel[...], stride=self.stride, padding=self.padding, groups=self.groups)
        return convolved + own.bias[...]

    def to_onnx(self, graph: Graph, x: str, name: str, shape: Shape) -> str:
        kernel, bias = graph.variable(f"{name}.kernel", 3, 2, 0, 1), graph.variable(f"{name}.bias")
        sides, strides = (self.rows, self.columns), (self.stride, self.stride)
        pads = _pads(shape, sides, self.stride, self.padding)
        return graph.add("Conv", x, kernel, bias, kernel_shape=sides, strides=strides, group=self.groups, pads=pads)


@dataclass(frozen=True)
class Cosines(Conv):
    """A convolution that is not trained: its filters are cosines of low frequency, each with its negative.

    As a first layer it saves the most expensive gradients of a training step. A ReLU after it loses nothing, since
    every filter's negative is there. Sources: N. Ahmed, T. Natarajan and K. R. Rao, "Discrete cosine transform", IEEE
    Transactions on Computers C-23 (1974); for pairs of filters, W. Shang et al., "Understanding and improving
    convolutional neural networks via concatenated rectified linear units", ICML 2016.
    """

    usage = "dct FILTERS SIZE [stride N] [same]"
    meaning = "A fixed convolution: cosines of low frequency, each with its negative. FILTERS is even."
    options = ("stride", "same", "valid")

    def output_shape(self, shape: Shape) -> Shape:
        most = 2 * self.rows * self.columns * _image(shape)[-1]
        if self.filters % 2 or self.filters > most:
            raise ValueError(f"FILTERS must be even and at most {most:,} here, not {self.filters:,}")
        return super().output_shape(shape)

    def variables(self, shape: Shape) -> Mapping[str, Variable]:
        variables = super().variables(shape)
        return {
            "kernel": replace(variables["kernel"], begins="cosines", trained=False),
            "bias": replace(variables["bias"], trained=False),
        }


@dataclass(frozen=True)
class Dense(Layer):
    """x · kernelᵀ + bias: [inputs] → [units].

    Kernels are [units, inputs]. On two x86-64 cores a training step of the CNN takes 5 to 13 % less time so than with a
    kernel [inputs, units], one of the dense network 6 to 11 % (batches of 128 and 32, medians of 6 in turn).
    """

    usage = "dense UNITS"
    meaning = "A weighted sum of all inputs for each unit."
    arguments = 1
    units: int

    @classmethod
    def read(cls, words: list[str], options: Mapping[str, int]) -> Layer:
        return cls(_whole(words[1], "units"))

    def __str__(self) -> str:
        return f"dense {self.units}"

    def output_shape(self, shape: Shape) -> Shape:
        return (self.units,)

    def variables(self, shape: Shape) -> Mapping[str, Variable]:
        kernel = Variable((self.units, *shape), "kernel", transposed=True)
        return {"kernel": kernel, "bias": Variable((self.units,), "zeros")}

    def multiply_accumulates(self, shape: Shape) -> int:
        return math.prod(shape) * self.units

    def window(self) -> None:
        pass

    def apply(self, x: jax.Array, own: Any, mode: Mode) -> jax.Array:
        from mnistcli.models.precision import matmul

        return matmul(x, own.kernel[...].T) + own.bias[...]

    def to_onnx(self, graph: Graph, x: str, name: str, shape: Shape) -> str:
        return graph.add("Gemm", x, graph.variable(f"{name}.kernel"), graph.variable(f"{name}.bias"), transB=1)


@dataclass(frozen=True)
class Norm(Layer):
    """Batch normalisation over all but the last axis, with a scale and a shift for each channel.

    Source: S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015. Running statistics follow a batch's by a tenth.
    """

    usage = "norm"
    meaning = "Batch normalisation."

    def __str__(self) -> str:
        return "norm"

    def variables(self, shape: Shape) -> Mapping[str, Variable]:
        channels = shape[-1:]
        return {
            "scale": Variable(channels, "ones"),
            "bias": Variable(channels, "zeros"),
            "mean": Variable(channels, "zeros", trained=False),
            "variance": Variable(channels, "ones", trained=False),
        }

    def apply(self, x: jax.Array, own: Any, mode: Mode) -> jax.Array:
        from jax import lax

        if mode.deterministic:
            mean, variance = own.mean[...], own.variance[...]
        else:
            axes = tuple(range(x.ndim - 1))
            mean = x.mean(axes)
            variance = ((x - mean) ** 2).mean(axes)
            own.mean[...] = MOMENTUM * own.mean[...] + (1 - MOMENTUM) * mean
            own.variance[...] = MOMENTUM * own.variance[...] + (1 - MOMENTUM) * variance
        return (x - mean) * (lax.rsqrt(variance + EPSILON) * own.scale[...]) + own.bias[...]

    def to_onnx(self, graph: Graph, x: str, name: str, shape: Shape) -> str:
        # Of numbers in a row too: the channels are axis 1 either way.
        own = [graph.variable(f"{name}.{each}") for each in ("scale", "bias", "mean", "variance")]
        return graph.add("BatchNormalization", x, *own, epsilon=EPSILON)


@dataclass(frozen=True)
class Activation(Layer):
    """One of jax.nn's functions of each number by itself."""

    usage = "|".join(ACTIVATIONS)
    meaning = "An activation, as jax.nn names it."
    function: str

    @classmethod
    def read(cls, words: list[str], options: Mapping[str, int]) -> Layer:
        return cls(words[0])

    def __str__(self) -> str:
        return self.function

    @property
    def kind(self) -> str:
        return self.function

    def apply(self, x: jax.Array, own: Any, mode: Mode) -> jax.Array:
        import jax

        activated: jax.Array = getattr(jax.nn, self.function)(x)
        return activated

    def to_onnx(self, graph: Graph, x: str, name: str, shape: Shape) -> str:
        return ACTIVATIONS[self.function](graph, x)


@dataclass(frozen=True)
class Pool(Layer):
    """The maximum or the mean of each window."""

    usage = "pool SIZE [mean] [stride N] [same]"
    meaning = "The maximum, or the mean, of each window of SIZE, as in 2 or 3x3."
    arguments = 1
    options = ("mean", "max", "stride", "same", "valid")
    rows: int
    columns: int
    stride: int
    of: str = "max"
    padding: str = "valid"

    @classmethod
    def read(cls, words: list[str], options: Mapping[str, int]) -> Layer:
        rows, columns = _size(words[1])
        return cls(
            rows, columns, options.get("stride", rows), "mean" if "mean" in options else "max", _padding(options)
        )

    def __str__(self) -> str:
        size = f"{self.rows}" if self.rows == self.columns else f"{self.rows}x{self.columns}"
        mean = " mean" if self.of == "mean" else ""
        stride = f" stride {self.stride}" if self.stride != self.rows else ""
        return f"pool {size}{mean}{stride}{' same' if self.padding == 'same' else ''}"

    @property
    def kind(self) -> str:
        return f"{self.of}-pool"

    @property
    def detail(self) -> str:
        stride = [f"stride {self.stride}"] if self.stride != self.rows else []
        same = ["same"] if self.padding == "same" else []
        return ", ".join([f"{self.rows}×{self.columns}", *stride, *same])

    def output_shape(self, shape: Shape) -> Shape:
        height, width, channels = _image(shape)
        return *_slid((height, width), (self.rows, self.columns), self.stride, self.padding), channels

    def window(self) -> Window:
        return Window(self.rows, self.columns, self.stride)

    def apply(self, x: jax.Array, own: Any, mode: Mode) -> jax.Array:
        from mnistcli.models.convolution import max_pool, mean_pool

        pool: Callable[..., jax.Array] = max_pool if self.of == "max" else mean_pool
        return pool(x, (self.rows, self.columns), stride=self.stride, padding=self.padding)

    def to_onnx(self, graph: Graph, x: str, name: str, shape: Shape) -> str:
        operator, sides = "MaxPool" if self.of == "max" else "AveragePool", (self.rows, self.columns)
        pads = _pads(shape, sides, self.stride, self.padding)
        return graph.add(operator, x, kernel_shape=sides, strides=(self.stride, self.stride), pads=pads)


@dataclass(frozen=True)
class Mean(Layer):
    """The mean over all pixels: [height, width, channels] → [channels]."""

    usage = "mean"
    meaning = "The mean of each channel over all pixels."

    def __str__(self) -> str:
        return "mean"

    def output_shape(self, shape: Shape) -> Shape:
        return _image(shape)[-1:]

    def window(self) -> None:
        pass

    def apply(self, x: jax.Array, own: Any, mode: Mode) -> jax.Array:
        return x.mean((1, 2))

    def to_onnx(self, graph: Graph, x: str, name: str, shape: Shape) -> str:
        return graph.add("Flatten", graph.add("GlobalAveragePool", x), axis=1)


@dataclass(frozen=True)
class Flatten(Layer):
    """[…] → [product of all]."""

    usage = "flatten"
    meaning = "Turns an image into one row of numbers."

    def __str__(self) -> str:
        return "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def apply(self, x: jax.Array, own: Any, mode: Mode) -> jax.Array:
        return x.reshape(x.shape[0], -1)

    def to_onnx(self, graph: Graph, x: str, name: str, shape: Shape) -> str:
        if len(shape) == 3:
            x = graph.add("Transpose", x, perm=(0, 2, 3, 1))
        return graph.add("Flatten", x, axis=1)


@dataclass(frozen=True)
class Dropout(Layer):
    """In training, each number is 0 with that probability, and else larger, so that the mean stays.

    Source: N. Srivastava et al., "Dropout", Journal of Machine Learning Research 15 (2014).
    """

    usage = "dropout RATE"
    meaning = "Sets that share of the numbers to 0 in training, as in 0.3."
    arguments = 1
    rate: float

    @classmethod
    def read(cls, words: list[str], options: Mapping[str, int]) -> Layer:
        return cls(_rate(words[1]))

    def __str__(self) -> str:
        return f"dropout {self.rate:.6f}".rstrip("0").rstrip(".")

    def apply(self, x: jax.Array, own: Any, mode: Mode) -> jax.Array:
        if mode.deterministic:
            return x
        import jax
        import jax.numpy as jnp

        kept = jax.random.bernoulli(mode.random_key(), 1 - self.rate, x.shape)
        return jnp.where(kept, x / (1 - self.rate), 0)

    def to_onnx(self, graph: Graph, x: str, name: str, shape: Shape) -> str:
        return x


@dataclass(frozen=True)
class Init(Layer):
    """How the kernels after it begin; it computes nothing."""

    usage = "init he|glorot|lecun"
    meaning = "Initialises the kernels after it, by He's, Glorot's or LeCun's uniform distribution."
    arguments = 1
    name: str

    @classmethod
    def read(cls, words: list[str], options: Mapping[str, int]) -> Layer:
        if words[1] not in INITIALIZERS:
            raise ValueError(f"expected {', '.join(INITIALIZERS)}, not {words[1]!r}")
        return cls(words[1])

    def __str__(self) -> str:
        return f"init {self.name}"


@dataclass(frozen=True)
class Residual(Layer):
    """x plus what the layers inside make of x."""

    usage = "residual(LAYER, LAYER, …)"
    meaning = "Adds its input to the output of the layers inside, which must keep the shape."
    layers: tuple[Layer, ...]

    def __str__(self) -> str:
        return f"residual({', '.join(map(str, self.layers))})"

    @property
    def kind(self) -> str:
        return "residual"


LAYERS: tuple[type[Layer], ...] = (Conv, Cosines, Dense, Norm, Activation, Pool, Mean, Flatten, Dropout, Residual, Init)
WORDS = {re.split(r"[ (]", each.usage)[0]: each for each in LAYERS if each is not Activation} | dict.fromkeys(
    ACTIVATIONS, Activation
)
USAGES = {word: word if each is Activation else each.usage for word, each in WORDS.items()}
CONTRARY = {"same": {"valid"}, "valid": {"same"}, "mean": {"max"}, "max": {"mean"}}


def read_layer(words: list[str]) -> Layer:
    """Return the layer that the words, such as ["conv", "32", "3x3"], describe; not a residual.

    Raises:
        ValueError: They describe none; the text says why.
    """
    layer, words = WORDS[words[0]], [*words]
    options = _options(words, layer.options)
    if layer is Residual or len(words) != 1 + layer.arguments:
        raise ValueError(f"write '{USAGES[words[0]]}'")
    return layer.read(words, options)


def _options(words: list[str], known: tuple[str, ...]) -> dict[str, int]:
    """Take the options that are known out of the words after the first; return them, and the numbers some take."""
    found: dict[str, int] = {}
    while at := next((i for i, word in enumerate(words) if i and word in known), 0):
        name = words.pop(at)
        if name in found:
            raise ValueError(f"{name!r} is there twice")
        if contrary := found.keys() & CONTRARY.get(name, set()):
            raise ValueError(f"{name!r} contradicts {min(contrary)!r}")
        found[name] = 1
        if name in ("stride", "groups"):
            found[name] = _whole(words.pop(at) if at < len(words) else "", name)
    return found


def _whole(text: str, what: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= MOST:
        raise ValueError(f"{what} must be a whole number from 1 to {MOST}" + (f", not {text!r}" if text else ""))
    return int(text)


def _rate(text: str) -> float:
    if not re.fullmatch(r"0?\.[0-9]{1,6}|0", text):
        raise ValueError(f"the rate must be from 0 to below 1, as in 0.3, not {text!r}")
    return float(text)


def _size(text: str) -> tuple[int, int]:
    """Return rows and columns of "3x3", "3×3" or "3"."""
    found = re.fullmatch("([0-9]{1,4})(?:[x×]([0-9]{1,4}))?", text)
    rows, columns = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not (1 <= rows <= LARGEST_WINDOW and 1 <= columns <= LARGEST_WINDOW):
        raise ValueError(f"the size must be as in 3x3, up to {LARGEST_WINDOW} a side, not {text!r}")
    return rows, columns


def _image(shape: Shape) -> Shape:
    if len(shape) != 3:
        raise ValueError(f"it takes an image, but gets {shape[0]} numbers in a row")
    return shape


def _slid(sides: tuple[int, int], window: tuple[int, int], stride: int, padding: str) -> Shape:
    """Return how often a window fits."""
    if padding == "same":
        return tuple(-(-side // stride) for side in sides)
    if any(side < length for side, length in zip(sides, window, strict=True)):
        raise ValueError(
            f"its {window[0]}×{window[1]} window is larger than the image, which is {sides[0]}×{sides[1]} here"
        )
    return tuple((side - length) // stride + 1 for side, length in zip(sides, window, strict=True))


def _padding(options: Mapping[str, int]) -> str:
    return "same" if "same" in options else "valid"


def _pads(shape: Shape, window: tuple[int, int], stride: int, padding: str) -> list[int]:
    """Return the rows above, columns before, rows below, columns behind; ONNX's own padding fails at large strides."""
    if padding == "valid":
        return [0, 0, 0, 0]
    missing = [
        max((-(-side // stride) - 1) * stride + length - side, 0) for side, length in zip(shape, window, strict=False)
    ]
    return [*(each // 2 for each in missing), *(each - each // 2 for each in missing)]


def _pairs(words: list[str]) -> list[str]:
    """Join "stride 2" and its like again."""
    return re.findall("(?:stride|groups) [0-9]+|same", " ".join(words))
