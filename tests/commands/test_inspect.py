from pathlib import Path

import numpy as np
import pytest

from mnistcli.commands.filmstrip import first_filters
from mnistcli.commands.inspect import principal_plane
from mnistcli.models.language import expected_variables, parse, plan
from mnistcli.runs import StoredModel

TWO_ROWS = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)


@pytest.mark.parametrize("shape", [(60, 7), (7, 60), (5, 5), (40, 2)])
def test_the_plane_is_that_of_numpy_s_svd(shape: tuple[int, int]) -> None:
    features = np.random.default_rng(0).normal(size=shape) * np.linspace(1, 3, shape[1]) + 5
    points, explained = principal_plane(features.astype(np.float32))
    left, spread, _ = np.linalg.svd(features - features.mean(0), full_matrices=False)
    assert explained == pytest.approx((spread**2 / (spread**2).sum())[:2], rel=1e-5)
    signs = np.sign((points * left[:, :2]).sum(0))
    assert points == pytest.approx((left * spread)[:, :2] * signs, abs=1e-4)


def test_an_axis_points_to_where_its_largest_component_is_positive() -> None:
    features = np.outer(np.arange(6.0), [1, -3])
    for each in (features, -features):
        points, _ = principal_plane(each)
        assert (np.diff(points[:, 0]) < 0).all() == (each is features)


@pytest.mark.parametrize("features", [np.ones((4, 3)), np.ones((1, 3)), np.array([[1.0], [2], [4]]), TWO_ROWS])
def test_where_there_are_fewer_than_two_axes_the_others_are_nothing(features: np.ndarray) -> None:
    points, explained = principal_plane(features)
    spread = features - features.mean(0)
    assert points.shape == (len(features), 2)
    assert not points[:, 1].any()
    assert (points**2).sum() == pytest.approx((spread**2).sum())
    assert explained == pytest.approx((1.0 if spread.any() else 0.0, 0.0), abs=1e-9)


def model(network: str, shape: tuple[int, int, int] = (4, 3, 2)) -> StoredModel:
    variables = expected_variables(plan(parse(network), shape, 2))
    arrays = {
        path: np.arange(np.prod(each.shape), dtype=np.float32).reshape(each.shape) for path, each in variables.items()
    }
    return StoredModel("net", network, shape, ("cat", "dog"), "", "whole", 1.0, False, (), arrays, Path("net"))


@pytest.mark.parametrize(
    ("network", "layer", "kind", "shape"),
    [
        ("conv 5 3x2, relu", "conv1", "filter", (5, 3, 2, 2)),
        ("norm, residual(conv 2 3x3 same groups 2)", "residual1.conv1", "filter", (2, 3, 3, 1)),
        ("dense 7", "dense1", "template", (7, 4, 3, 2)),
        ("pool 2 same, dropout 0.1, flatten, norm, dense 7", "dense1", "template", (7, 2, 2, 2)),
        ("flatten", "output", "template", (2, 4, 3, 2)),
        ("mean", "output", "template", (2, 1, 2, 1)),
    ],
)
def test_the_first_kernel_is_found_wherever_it_is(network: str, layer: str, kind: str, shape: tuple[int, ...]) -> None:
    filters = first_filters(model(network))
    assert (filters.layer, filters.kind, filters.values.shape) == (layer, kind, shape)
    assert filters.names == (("cat", "dog") if layer == "output" else tuple(str(i + 1) for i in range(shape[0])))


def test_a_template_has_the_weight_of_each_pixel_in_the_pixel_s_place() -> None:
    stored = model("dense 7")
    image = np.random.default_rng(0).normal(size=stored.image_shape)
    templates = first_filters(stored).values
    assert (templates * image).sum((1, 2, 3)) == pytest.approx(stored.arrays["dense1.kernel"] @ image.ravel())
