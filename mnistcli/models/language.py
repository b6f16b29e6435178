"""The one-line language for networks: from text to layers with shapes, and back; the differences of two texts.

    description = layer ("," layer)*
    layer       = word argument* | "residual(" description ")"

The words are in `mnistcli.models.layers`. The last layer, to the classes, is implied, and so is `flatten` before a
layer that needs a vector but gets an image.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from mnistcli.errors import UsageError, suggestion
from mnistcli.models.layers import (
    INITIALIZERS,
    USAGES,
    Activation,
    Conv,
    Dense,
    Flatten,
    Init,
    Layer,
    Pool,
    Residual,
    Shape,
    Variable,
    read_layer,
)
from mnistcli.models.recipes import RECIPES, is_flax
from mnistcli.results.summary import LayerSummary, ModelSummary

Layers = tuple[Layer, ...]
LONGEST = 5_000  # characters of a description
DEEPEST = 8  # nested residuals
MOST_LAYERS = 300
MOST_NUMBERS = 2**27  # parameters: half a gigabyte
MOST_PER_PIXEL = 256  # outputs of all layers per pixel of an image; ours have 1 to 10
FEWEST_PIXELS = 28 * 28  # a smaller image counts as one of this size
OUTPUT = "output"
NAME_LENGTH = 24  # characters in a short form


@dataclass(frozen=True)
class Step:
    """One layer of a network, with its name and shapes.

    Attributes:
        name: The prefix of its variables in files: "conv1", or "residual1.conv1" inside a residual.
        shape: The shape of its input for one image; `output_shape` is that of its output.
        initializer: The initializer of its kernels, one of INITIALIZERS.
        inside: The steps inside a residual.
    """

    name: str
    layer: Layer
    shape: Shape
    output_shape: Shape
    initializer: str
    inside: tuple[Step, ...] = ()

    def variables(self) -> dict[str, Variable]:
        """Return the layer's own arrays, by name."""
        return dict(self.layer.variables(self.shape))

    def walk(self) -> Iterator[Step]:
        """Yield this step and all steps inside it."""
        yield self
        for each in self.inside:
            yield from each.walk()


def parse(text: str) -> Layers:
    """Return the layers that a text describes.

    Raises:
        UsageError: It is not valid; the sentence names the layer.
    """
    if len(text) > LONGEST:
        raise UsageError(f"The description of a network can have at most {LONGEST:,} characters, not {len(text):,}.")
    layers = _parse_list(text, "", 0)
    if sum(1 for layer in layers for _ in _walk(layer)) > MOST_LAYERS:
        raise UsageError(f"The description of a network can have at most {MOST_LAYERS} layers.")
    return layers


def plan(layers: Layers, image_shape: Shape, classes: int) -> tuple[Step, ...]:
    """Return the steps of all layers, including implied ones.

    Raises:
        UsageError: A layer does not fit the output of the one before it; or the network is too large.
    """
    if classes < 2:
        raise UsageError(f"A classifier needs at least 2 classes, not {classes}.")
    steps, shape = _plan(layers, tuple(image_shape), "", "", INITIALIZERS[0])
    last = next((layer.name for layer in reversed(layers) if isinstance(layer, Init)), INITIALIZERS[0])
    if len(shape) > 1:
        steps += (_flatten(Counter(step.layer.kind for step in steps), "", shape, last),)
        shape = steps[-1].output_shape
    steps += (Step(OUTPUT, Dense(classes), shape, (classes,), last),)
    _check_size(steps, image_shape)
    return steps


def describe(arch: str, network: str, image_shape: Shape, classes: int) -> ModelSummary:
    """Describe a network for images of that shape: its input and each layer; `arch` is the name to show.

    An activation is described together with the layer before it.

    Raises:
        UsageError: The network is not valid, or does not fit the images.
    """
    steps = plan(parse(network), image_shape, classes)
    rows = [LayerSummary("input", "input", "pixel / 255", tuple(image_shape), 0, 0, (1, 1))]
    receptive_field = _ReceptiveField(image_shape)
    _summarize(steps, rows, receptive_field, depth=0)
    return ModelSummary(arch, network, tuple(rows))


def _summarize(steps: Sequence[Step], rows: list[LayerSummary], seen: _ReceptiveField, *, depth: int) -> None:
    for i, step in enumerate(steps):
        if isinstance(step.layer, Residual):
            start = len(rows)
            _summarize(step.inside, rows, seen, depth=depth + 1)
            inside = len(rows) - start
            rows.append(LayerSummary(step.name, "add", rows[start - 1].name, step.output_shape, 0, 0,
                                     seen.field, depth, inside))  # fmt: skip
            continue
        if isinstance(step.layer, Activation) and i and isinstance(steps[i - 1].layer, Conv | Dense):
            continue
        seen.add_layer(step.layer)
        following = steps[i + 1].layer if i + 1 < len(steps) else None
        with_activation = isinstance(following, Activation) and isinstance(step.layer, Conv | Dense)
        detail = ", ".join([each for each in (_detail(step.layer), str(following) if with_activation else "") if each])
        parameters = sum(math.prod(each.shape) for each in step.variables().values() if each.trained)
        products = step.layer.multiply_accumulates(step.shape)
        rows.append(
            LayerSummary(step.name, step.layer.kind, detail, step.output_shape, parameters, products, seen.field, depth)
        )


def _detail(layer: Layer) -> str:
    return "" if isinstance(layer, Dense) else layer.detail


class _ReceptiveField:
    """The receptive field after each layer: the rows and columns of the image that one output depends on."""

    def __init__(self, image_shape: Shape) -> None:
        self._sides = tuple(image_shape[:2])
        self._field, self._jump = (1, 1), 1

    @property
    def field(self) -> tuple[int, int]:
        rows, columns = (min(own, side) for own, side in zip(self._field, self._sides, strict=True))
        return rows, columns

    def add_layer(self, layer: Layer) -> None:
        window = layer.window()
        if window is None:
            self._field = self._sides[0], self._sides[1]
        else:
            rows, columns = self._field
            self._field = rows + (window.rows - 1) * self._jump, columns + (window.columns - 1) * self._jump
            self._jump *= window.stride


def describe_sizes(arch: str, sizes: Mapping[str, int], image_shape: Shape) -> ModelSummary:
    """Describe a network by the sizes of its variables, by path, if nothing else is known: one row per layer.

    Shapes are empty and multiply-accumulates 0, because they are unknown.
    """
    parts: Counter[str] = Counter()
    for path, size in sizes.items():
        parts[path.rpartition(".")[0] or path] += size
    rows = [LayerSummary("input", "input", "pixel / 255", tuple(image_shape), 0, 0, (1, 1))]
    rows += [LayerSummary(part, "variables", "", (), size, 0, ()) for part, size in parts.items()]
    return ModelSummary(arch, None, tuple(rows))


def expected_variables(steps: Sequence[Step]) -> dict[str, Variable]:
    """Return all variables of a network by their paths in files, such as "residual1.conv1.kernel"."""
    walked = (each for step in steps for each in step.walk())
    return {f"{step.name}.{name}": each for step in walked for name, each in step.variables().items()}


def canonical(layers: Layers) -> str:
    """Return the canonical text of layers."""
    return ", ".join(map(str, layers))


def short_form(layers: Layers) -> str:
    """Return a short name for a network, such as "conv32-norm-relu-pool2"; runs are named after it."""
    words = [_short(layer) for layer in layers if not isinstance(layer, Init)]
    return "-".join(words)[:NAME_LENGTH].rstrip("-.") or "network"


def difference(a: Layers, b: Layers) -> str:
    """Return how b differs from a: "conv 32 3x3 → conv 64 3x3; + dropout 0.3"; empty if they are equal."""
    ours, theirs = [*map(str, a)], [*map(str, b)]
    changes = []
    for kind, i, j, k, m in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        before, after = ", ".join(ours[i:j]), ", ".join(theirs[k:m])
        match kind:
            case "replace":
                changes.append(f"{before} → {after}")
            case "delete":
                changes.append(f"− {before}")
            case "insert":
                changes.append(f"+ {after}")
    return "; ".join(changes)


def distinguish(texts: Sequence[str]) -> list[str]:
    """Return the texts with the layers that all descriptions start or end with replaced by "…".

    Names from the catalogue, classes in Flax, and descriptions that are all equal are not changed.
    """
    described = sorted({text for text in texts if text and text not in RECIPES and not is_flax(text)})
    short = dict(zip(described, _without_common(described), strict=True))
    return [short.get(text, text) for text in texts]


def _without_common(texts: Sequence[str]) -> list[str]:
    parts = [[str(layer) for layer in parse(text)] for text in texts]
    if len(texts) < 2:
        return [*texts]
    shortest = min(map(len, parts))
    start = next((i for i in range(shortest) if len({each[i] for each in parts}) > 1), shortest)
    room = shortest - start
    end = next((i for i in range(room) if len({each[-1 - i] for each in parts}) > 1), room)
    return [
        ", ".join([*(["…"] if start else []), *each[start : len(each) - end], *(["…"] if end else [])])
        for each in parts
    ]


def _parse_list(text: str, place: str, depth: int) -> Layers:
    layers = []
    for number, part in enumerate(_parts(text, place), start=1):
        here = f"{place}{number}"
        inner = re.fullmatch(r"residual\s*\((.*)\)", part, re.DOTALL)
        if inner and depth == DEEPEST:
            raise _refused(here, "residual", f"at most {DEEPEST} residuals can be nested")
        layers.append(Residual(_parse_list(inner[1], f"{here}.", depth + 1)) if inner else _parse_one(part, here))
    return tuple(layers)


def _parts(text: str, place: str) -> Iterator[str]:
    """Yield the parts between commas that are not in parentheses."""
    depth, start, number = 0, 0, 1
    for i, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            raise _refused(f"{place}{number}", text[start : i + 1].strip(), "a closing parenthesis has no opening one")
        if character == "," and depth == 0:
            yield text[start:i].strip()
            start, number = i + 1, number + 1
    if depth:
        raise _refused(f"{place}{number}", text[start:].strip(), "a parenthesis is not closed")
    yield text[start:].strip()


def _parse_one(part: str, place: str) -> Layer:
    words = part.split()
    if not words:
        raise UsageError(f"Layer {place} of the network is empty: write layers with single commas between them.")
    if words[0] not in USAGES:
        near = suggestion(words[0], USAGES).strip("; .")
        raise _refused(place, part, f"there is no layer {words[0]!r}" + (f" ({near})" if near else ""))
    try:
        return read_layer(words)
    except ValueError as error:
        raise _refused(place, part, str(error)) from error


def _refused(place: str, part: str, why: str) -> UsageError:
    shown = part if len(part) <= 60 else f"{part[:59]}…"
    return UsageError(f"Layer {place}, {shown!r}: {why.rstrip('?.')}; see 'mnistcli help arch'.")


def _plan(layers: Layers, shape: Shape, prefix: str, place: str, initializer: str) -> tuple[tuple[Step, ...], Shape]:
    steps: list[Step] = []
    names: Counter[str] = Counter()
    for number, layer in enumerate(layers, start=1):
        if isinstance(layer, Init):
            initializer = layer.name
            continue
        if isinstance(layer, Dense) and len(shape) > 1:
            steps.append(_flatten(names, prefix, shape, initializer))
            shape = steps[-1].output_shape
        word = "pool" if isinstance(layer, Pool) else layer.kind
        names[word] += 1
        name = f"{prefix}{word}{names[word]}"
        inside: tuple[Step, ...] = ()
        try:
            if isinstance(layer, Residual):
                inside, after = _plan(layer.layers, shape, f"{name}.", f"{place}{number}.", initializer)
                if after != shape:
                    raise ValueError(f"its input is {_text(shape)}, but the layers inside turn it into {_text(after)}")
            else:
                after = layer.output_shape(shape)
        except ValueError as error:
            raise _refused(f"{place}{number}", str(layer), str(error)) from error
        steps.append(Step(name, layer, shape, after, initializer, inside))
        shape = after
    return tuple(steps), shape


def _flatten(names: Counter[str], prefix: str, shape: Shape, initializer: str) -> Step:
    names["flatten"] += 1
    return Step(f"{prefix}flatten{names['flatten']}", Flatten(), shape, (math.prod(shape),), initializer)


def _check_size(steps: Sequence[Step], image_shape: Shape) -> None:
    """Refuse networks that would fill the memory: descriptions may come from untrusted files."""
    outputs_left = MOST_PER_PIXEL * max(math.prod(image_shape), FEWEST_PIXELS)
    parameters_left = MOST_NUMBERS
    for step in (each for outer in steps for each in outer.walk()):
        outputs_left -= math.prod(step.output_shape)
        parameters_left -= sum(math.prod(each.shape) for each in step.variables().values())
        if outputs_left < 0:
            raise UsageError(
                f"The network is too large: the layers up to {step.name} have more than {MOST_PER_PIXEL} outputs for "
                "each pixel of an image."
            )
        if parameters_left < 0:
            raise UsageError(f"The network is too large: up to {step.name} it has over {MOST_NUMBERS:,} parameters.")


def _short(layer: Layer) -> str:
    if isinstance(layer, Residual):
        return "res"
    word, *rest = str(layer).split()
    number = re.match("[0-9.]+", rest[0]) if rest else None
    return word + (number[0] if number else "")


def _walk(layer: Layer) -> Iterator[Layer]:
    yield layer
    if isinstance(layer, Residual):
        for each in layer.layers:
            yield from _walk(each)


def _text(shape: Shape) -> str:
    return "×".join(map(str, shape))
