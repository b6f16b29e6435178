"""Every layer by JAX and by ONNX Runtime, against an independent reference: NumPy's loops, jax.nn, flax.nnx."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft
from flax import nnx
from jax import export

from mnistcli.inference.logits import predict_logits
from mnistcli.inference.onnx_file import onnx_file
from mnistcli.inference.onnx_model import OnnxModel, open_onnx
from mnistcli.inference.stablehlo import make_stablehlo
from mnistcli.models.activations import ACTIVATIONS
from mnistcli.models.language import expected_variables, parse, plan
from mnistcli.models.layers import EPSILON, LAYERS, MOMENTUM, Dropout, Norm
from mnistcli.models.network import Network, restore
from tests.models import reference

SHAPE = (13, 10, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (4, *SHAPE), np.uint8)
X = IMAGES.astype(np.float32) / 255
Arrays = dict[str, np.ndarray]


def random_arrays(network: str) -> Arrays:
    """Return arrays for every variable; statistics and scales are positive."""
    random = np.random.default_rng(1)
    return {
        path: (random.uniform(0.5, 2, each.shape) if path.endswith("variance") else random.normal(0.1, 0.5, each.shape))
        .astype(np.float32)
        for path, each in expected_variables(plan(parse(network), SHAPE, 5)).items()
    }  # fmt: skip


def by_onnx(network: str, arrays: Arrays, shape: tuple[int, int, int] = SHAPE, **more: Any) -> OnnxModel:
    """Return the network as ONNX Runtime has it; its metadata may say more."""
    metadata = {
        "image_shape": shape,
        "class_names": list("abcde"),
        "pictures": "whole",
        "temperature": 2.0,
        "arch": "it",
        "data_fingerprint": "",
    } | more
    steps = plan(parse(network), shape, 5)
    file = onnx_file(steps, arrays, metadata)
    return open_onnx(file, name="it")


def answers(network: str, arrays: Arrays) -> np.ndarray:
    """Return the logits of IMAGES by JAX, having seen that ONNX Runtime's are the same."""
    model = by_onnx(network, arrays)
    by_jax = predict_logits(*restore(network, SHAPE, 5, arrays), IMAGES)
    np.testing.assert_allclose(model.logits(IMAGES), by_jax, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(model.probabilities(IMAGES), jax.nn.softmax(by_jax / 2), rtol=1e-4, atol=1e-5)
    return by_jax


def output(x: Any, arrays: Arrays) -> np.ndarray:
    """Return what the last layer makes of x [n, …]."""
    return np.asarray(x).reshape(len(x), -1) @ arrays["output.kernel"].T + arrays["output.bias"]


def check(network: str, expected: Callable[[Arrays], Any]) -> None:
    """JAX, ONNX Runtime and what is expected before the last layer give the same logits."""
    arrays = random_arrays(network)
    np.testing.assert_allclose(answers(network, arrays), output(expected(arrays), arrays), rtol=1e-4, atol=1e-4)


def test_all_layers_and_activations_are_met_here() -> None:
    words = {each.usage.split()[0].partition("(")[0].partition("|")[0] for each in LAYERS}
    assert words == {"conv", "dct", "dense", "norm", "relu", "pool", "mean", "flatten", "dropout", "residual", "init"}


def test_a_network_that_rejects_leaves_a_probability_for_none_of_its_classes() -> None:
    arrays = random_arrays("flatten")
    model = by_onnx("flatten", arrays, rejects=True)
    with_zero = np.pad(model.logits(IMAGES), ((0, 0), (0, 1)))
    expected = jax.nn.softmax(with_zero / 2)[:, :-1]
    assert model.rejects
    np.testing.assert_allclose(model.probabilities(IMAGES), expected, rtol=1e-4, atol=1e-6)
    stablehlo = make_stablehlo(*restore("flatten", SHAPE, 5, arrays), image_shape=SHAPE, temperature=2, rejects=True)
    answer = export.deserialize(bytearray(stablehlo)).call(IMAGES)
    np.testing.assert_allclose(answer[1], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("function", ACTIVATIONS)
def test_an_activation_is_jax_nn_s_of_each_small_and_each_large_number(function: str) -> None:
    """Images of one pixel, spread over −40 to 40, whose activations are the logits."""
    network, shape = f"conv 5 1x1, {function}, mean", (1, 1, 1)
    images = np.arange(256, dtype=np.uint8).reshape(256, *shape)
    factors, shifts = np.array([2, 5, 10, -10, 80], np.float32), np.array([-1, -2, -5, 5, -40], np.float32)
    arrays = {
        "conv1.kernel": factors.reshape(1, 1, 1, 5), "conv1.bias": shifts, "output.kernel": np.eye(5, dtype=np.float32),
        "output.bias": np.zeros(5, np.float32),
    }  # fmt: skip
    expected = getattr(jax.nn, function)(jnp.asarray(images.reshape(256, 1) / np.float32(255) * factors + shifts))
    by_jax = predict_logits(*restore(network, shape, 5, arrays), images)
    np.testing.assert_allclose(by_jax, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(by_onnx(network, arrays, shape).logits(images), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("written", "options"),
    [("conv 4 3x3", {}), ("conv 4 3x2 same", {"same": True}), ("conv 4 3x3 stride 2", {"stride": 2}),
     ("conv 4 3x3 stride 2 same", {"stride": 2, "same": True}),
     ("conv 4 2x5 stride 3 same", {"stride": 3, "same": True}),
     ("conv 4 1x1 stride 6 same", {"stride": 6, "same": True}),
     ("conv 6 3x3 groups 3", {"groups": 3}),
     ("conv 6 2x2 stride 3 same groups 3", {"stride": 3, "same": True, "groups": 3}),
     ("conv 4 5x7", {}), ("conv 6 4x5 stride 2 same groups 3", {"stride": 2, "same": True, "groups": 3})],
    ids=lambda each: each if isinstance(each, str) else "",
)  # fmt: skip
def test_a_convolution_is_numpy_s_loop(written: str, options: dict[str, Any]) -> None:
    check(written, lambda arrays: reference.conv(X, arrays["conv1.kernel"], arrays["conv1.bias"], **options))


@pytest.mark.parametrize(
    ("written", "options"), [("dct 18 3x3", {}), ("dct 6 2x5 stride 3 same", {"stride": 3, "same": True})]
)
def test_dct_is_a_convolution(written: str, options: dict[str, Any]) -> None:
    check(written, lambda arrays: reference.conv(X, arrays["dct1.kernel"], arrays["dct1.bias"], **options))


@pytest.mark.parametrize(("patch", "filters"), [((5, 5, 1), 24), ((3, 2, 3), 36), ((1, 1, 1), 2)], ids=str)
def test_dct_s_filters_are_scipy_s_basis_from_the_lowest_frequency_up_and_their_negatives(
    patch: tuple[int, ...], filters: int
) -> None:
    (step, *_) = plan(parse(f"dct {filters} {patch[0]}x{patch[1]}"), (9, 9, patch[2]), 5)
    kernel = np.asarray(Network((step,), rngs=nnx.Rngs(0)).dct1.kernel[...])
    np.testing.assert_array_equal(kernel[..., filters // 2 :], -kernel[..., : filters // 2])
    found = []
    for i in range(filters // 2):
        seen = scipy.fft.dctn(kernel[..., i], norm="ortho")
        (frequency,) = np.argwhere(np.abs(seen) > 1e-5)
        found.append(tuple(frequency))
        np.testing.assert_allclose(seen[tuple(frequency)], (1 + sum(frequency)) / 3, rtol=1e-5)
    assert len({*found}) == len(found)
    sums = [*map(sum, found)]
    assert sums == sorted(sums)
    assert sums == sorted(np.indices(patch).sum(0).ravel())[: len(sums)]


@pytest.mark.parametrize("groups", [2, 4])
def test_groups_of_several_channels_see_their_own_channels_alone(groups: int) -> None:
    def expected(arrays: Arrays) -> np.ndarray:
        first = reference.conv(X, arrays["conv1.kernel"], arrays["conv1.bias"])
        return reference.conv(first, arrays["conv2.kernel"], arrays["conv2.bias"], same=True, groups=groups)

    check(f"conv 4 1x1, conv 8 3x3 same groups {groups}", expected)


@pytest.mark.parametrize(
    ("written", "window", "options"),
    [("pool 2", (2, 2), {"stride": 2}), ("pool 3 stride 2 same", (3, 3), {"stride": 2, "same": True}),
     ("pool 3x2 stride 1", (3, 2), {"stride": 1}), ("pool 4 stride 3 same", (4, 4), {"stride": 3, "same": True}),
     ("pool 2 stride 3 same", (2, 2), {"stride": 3, "same": True}),
     ("pool 1 stride 6 same", (1, 1), {"stride": 6, "same": True}),
     ("pool 9 stride 2 same", (9, 9), {"stride": 2, "same": True}),
     ("pool 13x10 stride 1", (13, 10), {"stride": 1})],
    ids=lambda each: each if isinstance(each, str) else "",
)  # fmt: skip
@pytest.mark.parametrize("of", ["max", "mean"])
def test_a_pool_is_numpy_s_loop_and_what_same_puts_around_does_not_count(
    written: str, window: tuple[int, int], options: dict[str, Any], of: str
) -> None:
    function = np.nanmax if of == "max" else np.nanmean
    check(f"{written} {of}", lambda _: reference.pool(X, window, of=function, **options))


@pytest.mark.parametrize("pool", [2, 3])
def test_conv_relu_pool_in_one_is_the_three_of_them(pool: int) -> None:
    def expected(arrays: Arrays) -> np.ndarray:
        hidden = np.maximum(reference.conv(X, arrays["conv1.kernel"], arrays["conv1.bias"]), 0)
        return reference.pool(hidden, (pool, pool), stride=pool)

    check(f"conv 4 3x2, relu, pool {pool}", expected)


def test_mean_flatten_init_and_dropout_in_evaluation() -> None:
    check("mean", lambda _: X.mean((1, 2)))
    check("flatten", lambda _: X)
    check("init glorot, flatten, dropout 0.9", lambda _: X)
    check("dropout 0.5, mean", lambda _: X.mean((1, 2)))


def test_a_residual_adds_its_input_inside_another_and_without_variables_too() -> None:
    def expected(arrays: Arrays) -> np.ndarray:
        conv = partial(reference.conv, same=True)
        own = {name: [arrays[f"{name}.{each}"] for each in ("kernel", "bias")] for name in
               ("residual1.conv1", "residual1.residual1.conv1")}  # fmt: skip
        hidden = conv(X, *own["residual1.conv1"])
        hidden = hidden + np.tanh(conv(hidden, *own["residual1.residual1.conv1"]))
        return 2 * (X + hidden)

    check("residual(conv 3 3x3 same, residual(conv 3 1x1 same, tanh)), residual(dropout 0.5)", expected)


def flax_s_norm(arrays: Arrays, channels: int, prefix: str) -> nnx.BatchNorm:
    norm = nnx.BatchNorm(channels, momentum=MOMENTUM, epsilon=EPSILON, rngs=nnx.Rngs(0))
    for theirs, ours in {"scale": "scale", "bias": "bias", "mean": "mean", "var": "variance"}.items():
        getattr(norm, theirs)[...] = jnp.asarray(arrays[f"{prefix}.{ours}"])
    return norm


@pytest.mark.parametrize("network", ["norm", "flatten, norm"])
def test_norm_is_flax_s_by_running_statistics(network: str) -> None:
    x = X if network == "norm" else X.reshape(4, -1)

    def expected(arrays: Arrays) -> Any:
        return flax_s_norm(arrays, x.shape[-1], "norm1")(jnp.asarray(x), use_running_average=True)

    check(network, expected)


def in_training(network: str, arrays: Arrays) -> Any:
    """Return the module in training, its variables these arrays."""
    model: Any = Network(plan(parse(network), SHAPE, 5), rngs=nnx.Rngs(0))
    for path, array in arrays.items():
        layer, _, name = path.rpartition(".")
        getattr(getattr(model, layer), name)[...] = jnp.asarray(array)
    model.train()
    return model


@pytest.mark.parametrize("network", ["norm", "flatten, norm"])
def test_norm_is_flax_s_in_training_and_so_are_its_gradients_and_what_it_remembers(network: str) -> None:
    arrays = random_arrays(network)
    x = jnp.asarray(X if network == "norm" else X.reshape(4, -1))
    ours, theirs = in_training(network, arrays), flax_s_norm(arrays, x.shape[-1], "norm1")
    own = ours.norm1
    layer = Norm()
    np.testing.assert_allclose(layer.apply(x, own, ours), theirs(x), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(own.mean[...], theirs.mean[...], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(own.variance[...], theirs.var[...], rtol=1e-4, atol=1e-5)
    weights = jnp.cos(jnp.arange(x.size)).reshape(x.shape)
    found = nnx.grad(lambda x, own: (weights * layer.apply(x, own, ours)).sum())(x, own)
    expected = nnx.grad(lambda x, norm: (weights * norm(x)).sum())(x, theirs)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_norm_in_training_forgets_a_tenth_and_sees_the_batch_alone() -> None:
    arrays = random_arrays("norm")
    model = in_training("norm", arrays)
    seen = np.asarray(Norm().apply(jnp.asarray(X), model.norm1, model))
    whitened = (seen - arrays["norm1.bias"]) / arrays["norm1.scale"]
    np.testing.assert_allclose(whitened.mean((0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(whitened.std((0, 1, 2)), 1, atol=1e-2)
    kept = 0.9 * arrays["norm1.mean"] + 0.1 * X.mean((0, 1, 2))
    np.testing.assert_allclose(model.norm1.mean[...], kept, rtol=1e-5)


def test_dropout_makes_its_share_zero_anew_each_time_and_keeps_the_mean() -> None:
    model = in_training("dropout 0.3, mean", random_arrays("dropout 0.3, mean"))
    ones = jnp.ones((100, 20, 10))
    one, other = (np.asarray(Dropout(0.3).apply(ones, None, model)) for _ in range(2))
    assert np.unique(one).tolist() == pytest.approx([0, 1 / 0.7])
    assert (one == 0).mean() == pytest.approx(0.3, abs=0.02)
    assert one.mean() == pytest.approx(1, abs=0.02)
    assert 0.3 < (one != other).mean() < 0.5
    model.eval()
    assert Dropout(0.3).apply(ones, None, model) is ones


def test_a_whole_network_of_everything_answers_alike_by_jax_and_onnx_runtime() -> None:
    network = (
        "conv 8 3x3 same, norm, gelu, pool 3 stride 2 same, residual(norm, silu, conv 8 3x3 same groups 8, "
        "conv 8 1x1, dropout 0.1), conv 12 3x3 stride 2 groups 4, mish, pool 2 mean, dropout 0.2, dense 9, norm, elu"
    )
    found = answers(network, random_arrays(network))
    assert found.shape == (4, 5)
    assert np.ptp(found, axis=0).min() > 1e-3


def test_the_file_s_metadata_comes_back() -> None:
    steps = plan(parse("mean"), SHAPE, 5)
    metadata = {
        "image_shape": SHAPE,
        "class_names": list("abcde"),
        "pictures": "whole",
        "arch": "it",
        "data_fingerprint": "",
        "temperature": 0.25,
    }
    file = onnx_file(steps, random_arrays("mean"), metadata)
    model = open_onnx(file, name="it")
    assert (model.image_shape, model.class_names) == (SHAPE, tuple("abcde"))
    assert (model.pictures, model.temperature) == ("whole", 0.25)
