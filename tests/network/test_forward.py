from typing import Any

import numpy as np
import pytest

from mnistcli.network import ConvReluPool, Dense, Flatten, flatten, from_json, output_shape, to_json, unflatten

LAYERS = (("conv", ConvReluPool(2)), ("flatten", Flatten()), ("output", Dense("relu")))
SHAPES = {"conv.kernel": (3, 3, 1, 4), "conv.bias": (4,), "output.kernel": (10, 36), "output.bias": (10,)}


def params(**changes: tuple[int, ...] | None) -> dict[str, Any]:
    shapes = SHAPES | {name.replace("__", "."): shape for name, shape in changes.items()}
    return unflatten({name: np.zeros(shape) for name, shape in shapes.items() if shape is not None})


def test_layers_go_to_json_and_back() -> None:
    assert from_json(to_json(LAYERS)) == LAYERS


def test_names_are_flattened_and_back() -> None:
    tree = {"a": {"kernel": 1, "bias": 2}, "b": {"kernel": 3}}
    assert flatten(tree) == {"a.kernel": 1, "a.bias": 2, "b.kernel": 3}
    assert unflatten(flatten(tree)) == tree


def test_parameters_that_fit_give_the_logits_shape() -> None:
    assert output_shape(LAYERS, params(), (8, 8, 1)) == (10,)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"conv__bias": (5,)}, r"conv\.bias \(4,\), found \(5,\)"),
        ({"output__kernel": (10, 35)}, r"output\.kernel \(10, 36\), found \(10, 35\)"),
        ({"output__bias": None}, r"output\.bias \(10,\), found none"),
        ({"output__kernel": None}, r"output\.kernel, found none"),
        ({"output__gain": (1,)}, r"output\.gain not at all, found \(1,\)"),
        ({"other__kernel": (1,)}, r"no other\.kernel"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named(changes: dict[str, tuple[int, ...] | None], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        output_shape(LAYERS, params(**changes), (8, 8, 1))


def test_an_image_smaller_than_a_kernel_is_refused() -> None:
    with pytest.raises(ValueError, match=r"conv\.kernel smaller .* 3×1"):
        output_shape(
            LAYERS[:1], unflatten({"conv.kernel": np.zeros((5, 5, 1, 4)), "conv.bias": np.zeros(4)}), (3, 1, 1)
        )
