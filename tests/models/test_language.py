"""The one-line language: what a description means, how the program writes it, and what it says of a wrong one."""

from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnistcli.models import RECIPES, description
from mnistcli.models.activations import ACTIVATIONS
from mnistcli.models.language import (
    canonical,
    describe,
    difference,
    distinguish,
    expected_variables,
    parse,
    plan,
    short_form,
)
from mnistcli.models.layers import (
    INITIALIZERS,
    PADDINGS,
    Activation,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Init,
    Layer,
    Mean,
    Norm,
    Pool,
    Residual,
)
from tests.conftest import Call

MNIST = (28, 28, 1)

sides, numbers = st.integers(1, 64), st.integers(1, 65_536)
simple: st.SearchStrategy[Layer] = st.one_of(
    st.builds(Conv, numbers, sides, sides, numbers, st.sampled_from(PADDINGS), numbers),
    st.builds(Pool, sides, sides, numbers, st.sampled_from(("max", "mean")), st.sampled_from(PADDINGS)),
    st.builds(Dense, numbers),
    st.builds(Dropout, st.integers(0, 999_999).map(lambda millionths: millionths / 1e6)),
    st.builds(Init, st.sampled_from(INITIALIZERS)),
    st.builds(Activation, st.sampled_from([*ACTIVATIONS])),
    st.sampled_from([Norm(), Mean(), Flatten()]),
)
layer = st.recursive(
    simple, lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda found: Residual(tuple(found)))
)


@settings(max_examples=200)
@given(st.lists(layer, min_size=1, max_size=6).map(tuple))
def test_what_the_program_writes_means_what_it_was_written_of(layers: tuple[Layer, ...]) -> None:
    assert parse(canonical(layers)) == layers


@given(st.lists(simple, min_size=1, max_size=4).map(tuple), st.sampled_from(["", "  ", "\n\t"]))
def test_spaces_change_nothing(layers: tuple[Layer, ...], space: str) -> None:
    text = canonical(layers).replace(", ", f"{space},{space}")
    assert parse(f" {text.replace(' ', '  ')}\n") == layers


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("conv 8 3", "conv 8 3x3"),
        ("conv 8 3×5 valid", "conv 8 3x5"),
        ("conv 08 3x3 stride 1 groups 1", "conv 8 3x3"),
        *((f"conv 8 3x3 {' '.join(each)}", "conv 8 3x3 stride 2 same groups 4")
          for each in permutations(["groups 4", "same", "stride 2"])),
        ("dct 08 3 same stride 2", "dct 8 3x3 stride 2 same"),
        ("pool 2x2 max", "pool 2"),
        ("pool 2 stride 2", "pool 2"),
        ("pool 3x2 same mean", "pool 3x2 mean same"),
        ("pool 3 stride 2", "pool 3 stride 2"),
        ("dropout .50", "dropout 0.5"),
        ("dropout 0.000001", "dropout 0.000001"),
        ("dropout 0.0", "dropout 0"),
        ("residual ( relu ,norm )", "residual(relu, norm)"),
    ],
)  # fmt: skip
def test_one_meaning_is_written_in_one_way(text: str, written: str) -> None:
    assert canonical(parse(text)) == written


def steps(text: str, shape: tuple[int, int, int] = MNIST) -> dict[str, tuple[int, ...]]:
    """Return each step's name and the shape that it makes."""
    return {step.name: step.output_shape for outer in plan(parse(text), shape, 10) for step in outer.walk()}


def test_flatten_and_the_last_layer_are_implied() -> None:
    assert steps("relu") == {"relu1": MNIST, "flatten1": (784,), "output": (10,)}
    assert steps("relu, flatten") == {"relu1": MNIST, "flatten1": (784,), "output": (10,)}
    assert steps("dense 7, relu") == {"flatten1": (784,), "dense1": (7,), "relu1": (7,), "output": (10,)}
    assert steps("mean") == {"mean1": (1,), "output": (10,)}


def test_layers_are_numbered_by_their_word_inside_each_residual() -> None:
    text = "conv 4 3x3, relu, residual(conv 4 1x1, relu, relu, pool 1 mean), pool 2, conv 5 3x3, relu, pool 2 mean"
    assert [*steps(text)] == [
        "conv1", "relu1", "residual1", "residual1.conv1", "residual1.relu1", "residual1.relu2", "residual1.pool1",
        "pool1", "conv2", "relu2", "pool2", "flatten1", "output",
    ]  # fmt: skip
    named = expected_variables(plan(parse("residual(norm), dense 3"), MNIST, 10))
    assert {name: each.shape for name, each in named.items()} == {
        "residual1.norm1.scale": (1,), "residual1.norm1.bias": (1,), "residual1.norm1.mean": (1,),
        "residual1.norm1.variance": (1,), "dense1.kernel": (3, 784), "dense1.bias": (3,), "output.kernel": (10, 3),
        "output.bias": (10,),
    }  # fmt: skip
    assert [name for name, each in named.items() if not each.trained] == [
        "residual1.norm1.mean",
        "residual1.norm1.variance",
    ]


def test_init_holds_from_where_it_stands_to_the_end_of_its_list() -> None:
    found = plan(parse("dense 1, init lecun, residual(dense 1, init glorot, dense 1), dense 1"), MNIST, 10)
    initializers = {step.name: step.initializer for outer in found for step in outer.walk()}
    assert {name: each for name, each in initializers.items() if "dense" in name or name == "output"} == {
        "dense1": "he", "residual1.dense1": "lecun", "residual1.dense2": "glorot", "dense2": "lecun", "output": "lecun",
    }  # fmt: skip


HAND = (
    "conv 8 3x3 same, norm, relu, pool 2, residual(conv 8 3x3 same groups 8, relu), conv 16 3x3 stride 2, mean, "
    "dense 20, tanh"
)


def test_parameters_products_and_receptive_fields_are_those_counted_by_hand() -> None:
    summary = describe("mine", HAND, MNIST, 10)
    counted = {
        each.name: (each.output_shape, each.parameters, each.multiply_accumulates, each.receptive_field[0])
        for each in summary.layers
    }
    assert counted == {
        "input": (MNIST, 0, 0, 1),
        "conv1": ((28, 28, 8), 9 * 8 + 8, 28 * 28 * 8 * 9, 3),
        "norm1": ((28, 28, 8), 16, 0, 3),
        "relu1": ((28, 28, 8), 0, 0, 3),
        "pool1": ((14, 14, 8), 0, 0, 4),
        "residual1.conv1": ((14, 14, 8), 9 * 8 + 8, 14 * 14 * 8 * 9, 8),
        "residual1": ((14, 14, 8), 0, 0, 8),
        "conv2": ((6, 6, 16), 9 * 8 * 16 + 16, 6 * 6 * 16 * 9 * 8, 12),
        "mean1": ((16,), 0, 0, 28),
        "dense1": ((20,), 16 * 20 + 20, 16 * 20, 28),
        "output": ((10,), 20 * 10 + 10, 20 * 10, 28),
    }
    assert summary.parameters == 1894
    assert summary.multiply_accumulates == 56_448 + 14_112 + 41_472 + 320 + 200
    details = {each.name: each.detail for each in summary.layers}
    assert details["conv1"] == "3×3, same"
    assert details["residual1.conv1"] == "3×3, same, groups 8, relu"
    assert details["conv2"] == "3×3, valid, stride 2"
    assert details["dense1"] == "tanh"


def test_a_receptive_field_ends_at_the_image_and_has_rows_and_columns() -> None:
    layers = describe("x", "conv 1 3x7, pool 2, conv 1 5x3 same", (13, 10, 3), 2).layers
    assert {each.name: each.receptive_field for each in layers} == {
        "input": (1, 1), "conv1": (3, 7), "pool1": (4, 8), "conv2": (12, 10), "flatten1": (12, 10), "output": (13, 10),
    }  # fmt: skip


def test_a_difference_names_what_was_changed_left_out_and_added() -> None:
    def told(a: str, b: str) -> str:
        return difference(parse(a), parse(b))

    assert told("conv 8 3, relu", "conv 8 3x3, relu") == ""
    assert told("conv 8 3, relu, pool 2", "conv 16 3, relu, pool 2, norm") == "conv 8 3x3 → conv 16 3x3; + norm"
    assert told("conv 8 3, norm, relu", "conv 8 3, relu") == "− norm"
    assert told("residual(relu)", "residual(relu, norm)") == "residual(relu) → residual(relu, norm)"


def test_descriptions_side_by_side_keep_only_what_distinguishes_them() -> None:
    assert distinguish(["conv 8 3, relu, dense 9, relu", "conv 8 3x3, relu, dense 5, norm, relu"]) == [
        "…, dense 9, …", "…, dense 5, norm, …",
    ]  # fmt: skip
    assert distinguish(["relu, norm", "relu"]) == ["…, norm", "…"]
    assert distinguish(["relu, norm", "norm, relu"]) == ["relu, norm", "norm, relu"]
    assert distinguish(["relu", "relu"]) == ["relu", "relu"]


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("init he, conv 32 3x3 same, norm, relu, pool 2", "conv32-norm-relu-pool2"),
        ("residual(conv 8 3), dropout 0.5, dense 10", "res-dropout0.5-dense10"),
        ("init lecun", "network"),
        (", ".join(["conv 32 3x3"] * 9), "conv32-conv32-conv32-con"),
        ("pool 2x3, hard_sigmoid", "pool2-hard_sigmoid"),
    ],
)
def test_a_short_form_names_words_and_first_numbers(text: str, short: str) -> None:
    assert short_form(parse(text)) == short


@given(st.lists(layer, min_size=1, max_size=9).map(tuple))
def test_a_short_form_can_be_part_of_a_run_s_name(layers: tuple[Layer, ...]) -> None:
    short = short_form(layers)
    assert 0 < len(short) <= 24
    assert short[0].isalpha()
    assert all(each.isalnum() or each in "._-" for each in short)


@pytest.mark.parametrize("arch", RECIPES)
def test_the_catalogue_s_networks_are_written_as_the_program_writes(arch: str) -> None:
    assert canonical(parse(description(arch))) == description(arch)


def nested(depth: int) -> str:
    return "residual(" * depth + "relu" + ")" * depth


WRONG = [
    ("", "Layer 1 ", "is empty"),
    ("conv 32 3x3,, relu", "Layer 2 ", "is empty"),
    ("relu,", "Layer 2 ", "is empty"),
    ("residual()", "Layer 1.1 ", "is empty"),
    ("conv 32 3x3, rlu", "Layer 2, 'rlu'", "there is no layer 'rlu' (did you mean 'relu'?)"),
    ("Conv 32 3x3", "Layer 1, 'Conv 32 3x3'", "there is no layer 'Conv'"),
    ("relu, residual(norm, residual(dense 5, rlu))", "Layer 2.2.2, 'rlu'", "there is no layer"),
    ("relu, \x1b[31mrlu", r"Layer 2, '\x1b[31mrlu'", "there is no layer"),
    ("norm, conv", "Layer 2, 'conv'", "write 'conv FILTERS SIZE"),
    ("conv 32", "Layer 1, 'conv 32'", "write 'conv FILTERS SIZE"),
    ("conv 8 3x3 relu", "Layer 1, 'conv 8 3x3 relu'", "write 'conv FILTERS SIZE"),
    ("conv 3x3 32", "Layer 1, 'conv 3x3 32'", "filters must be a whole number from 1 to 65536, not '3x3'"),
    ("conv 0 3x3", "Layer 1, 'conv 0 3x3'", "not '0'"),
    ("conv -8 3x3", "Layer 1, 'conv -8 3x3'", "not '-8'"),
    ("conv ٣ 3x3", "Layer 1, ", "filters must be a whole number"),
    ("conv 70000 3x3", "Layer 1, 'conv 70000 3x3'", "from 1 to 65536, not '70000'"),
    ("relu, conv 8 3x", "Layer 2, 'conv 8 3x'", "the size must be as in 3x3, up to 64 a side, not '3x'"),
    ("conv 8 3xfoox3", "Layer 1, 'conv 8 3xfoox3'", "the size must be as in 3x3"),
    ("conv 8 3x3x3", "Layer 1, 'conv 8 3x3x3'", "the size must be as in 3x3"),
    ("conv 8 0x3", "Layer 1, 'conv 8 0x3'", "the size must be as in 3x3"),
    ("conv 8 65", "Layer 1, 'conv 8 65'", "up to 64 a side"),
    ("conv 8 3x3 stride", "Layer 1, 'conv 8 3x3 stride'", "stride must be a whole number"),
    ("conv 8 3x3 stride 0", "Layer 1, 'conv 8 3x3 stride 0'", "stride must be a whole number"),
    ("conv 8 3 stride 2 stride 2", "Layer 1, 'conv 8 3 stride 2 stride 2'", "'stride' is there twice"),
    ("conv 8 3x3 same valid", "Layer 1, 'conv 8 3x3 same valid'", "'valid' contradicts 'same'"),
    ("dct 8", "Layer 1, 'dct 8'", "write 'dct FILTERS SIZE"),
    ("dct 8 3x3 groups 2", "Layer 1, 'dct 8 3x3 groups 2'", "write 'dct FILTERS SIZE"),
    ("dct 7 3x3", "Layer 1, 'dct 7 3x3'", "FILTERS must be even and at most 18 here, not 7"),
    ("conv 4 1x1, dct 74 3x3", "Layer 2, 'dct 74 3x3'", "FILTERS must be even and at most 72 here, not 74"),
    ("dense 9, dct 4 3x3", "Layer 2, 'dct 4 3x3'", "it takes an image, but gets 9 numbers in a row"),
    ("pool 2 max mean", "Layer 1, 'pool 2 max mean'", "'mean' contradicts 'max'"),
    ("pool 2 median", "Layer 1, 'pool 2 median'", "write 'pool SIZE"),
    ("pool", "Layer 1, 'pool'", "write 'pool SIZE"),
    ("dense 10 10", "Layer 1, 'dense 10 10'", "write 'dense UNITS'"),
    ("dense 3.5", "Layer 1, 'dense 3.5'", "units must be a whole number from 1 to 65536, not '3.5'"),
    ("norm 3", "Layer 1, 'norm 3'", "write 'norm'"),
    ("dense 9, dropout 1", "Layer 2, 'dropout 1'", "the rate must be from 0 to below 1, as in 0.3, not '1'"),
    ("dropout 30%", "Layer 1, 'dropout 30%'", "the rate must be from 0 to below 1"),
    ("init random", "Layer 1, 'init random'", "expected he, glorot, lecun, not 'random'"),
    ("residual(relu", "Layer 1, 'residual(relu'", "a parenthesis is not closed"),
    ("relu, norm), relu", "Layer 2, 'norm)'", "a closing parenthesis has no opening one"),
    ("residual relu", "Layer 1, 'residual relu'", "write 'residual(LAYER"),
    (nested(9), "Layer 1.1.1.1.1.1.1.1.1, 'residual'", "at most 8 residuals can be nested"),
    ("flatten, conv 8 3x3", "Layer 2, 'conv 8 3x3'", "it takes an image, but gets 784 numbers in a row"),
    ("dense 10, pool 2", "Layer 2, 'pool 2'", "it takes an image, but gets 10 numbers in a row"),
    ("mean, mean", "Layer 2, 'mean'", "it takes an image, but gets 1 numbers in a row"),
    ("conv 8 29x29", "Layer 1, 'conv 8 29x29'", "larger than the image, which is 28×28 here"),
    ("pool 2, pool 2, pool 2, residual(pool 4)", "Layer 4.1, 'pool 4'", "larger than the image, which is 3×3 here"),
    ("relu, residual(conv 8 3x3)", "Layer 2, 'residual(conv 8 3x3)'",
     "its input is 28×28×1, but the layers inside turn it into 26×26×8"),
    ("conv 4 3, conv 8 3x3 groups 3", "Layer 2, 'conv 8 3x3 groups 3'",
     "4 channels and 8 filters do not both fall into 3 groups"),
    ("dense 65536, dense 65536", "dense2", "the network is too large"),
    ("conv 60000 1x1", "conv1", "the network is too large"),
    (", ".join(["relu"] * 301), "at most 300 layers", "at most 300"),
    (", ".join(["relu"] * 1000), "at most 5,000 characters", "not 5,998"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "reason"), WRONG, ids=[text[:50] for text, _, _ in WRONG])
def test_a_wrong_description_is_refused_in_a_sentence_that_names_the_layer_and_the_reason(
    text: str, place: str, reason: str, mnistcli: Call, tmp_path: Path
) -> None:
    outcome = mnistcli("train", "--arch", text)
    assert (outcome.code, outcome.out) == (2, ""), outcome
    (sentence,) = outcome.err.splitlines()
    assert sentence.startswith("mnistcli: ")
    assert sentence.isprintable()
    assert sentence.endswith(".")
    assert place in sentence
    assert reason.lower() in sentence.lower()
    assert [*tmp_path.iterdir()] == []
