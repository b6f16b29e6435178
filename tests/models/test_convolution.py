"""Each platform's way to convolve and to pool gives the same numbers and gradients as XLA's own operations."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from mnistcli.models import convolution
from mnistcli.models.convolution import AXES, conv, conv_relu_pool, max_pool, mean_pool

Way = Callable[..., jax.Array]


def assert_alike(ours: Way, theirs: Way, *arguments: jax.Array) -> None:
    """Both ways give the same numbers, and the same gradients by each argument."""

    def output_and_gradients(way: Way) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        def both(*arguments: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
            output, pull_back = jax.vjp(way, *arguments)
            return output, pull_back(jnp.cos(jnp.arange(output.size)).reshape(output.shape))

        return jax.jit(both)(*arguments)

    (found, our_gradients), (expected, their_gradients) = output_and_gradients(ours), output_and_gradients(theirs)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)
    for a, b in zip(our_gradients, their_gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * float(jnp.abs(b).max() + 1))


def normal(seed: int, *shapes: tuple[int, ...]) -> list[jax.Array]:
    random = np.random.default_rng(seed)
    return [jnp.asarray(random.normal(size=shape), jnp.float32) for shape in shapes]


def xla_s(x: jax.Array, k: jax.Array, *, stride: int, padding: str, groups: int) -> jax.Array:
    return lax.conv_general_dilated(
        x, k, (stride, stride), padding.upper(), dimension_numbers=AXES, feature_group_count=groups
    )


@settings(max_examples=8, derandomize=True)
@given(
    n=st.integers(1, 9),
    sides=st.tuples(st.integers(6, 13), st.integers(6, 13)),
    channels=st.integers(1, 5),
    filters=st.integers(1, 5),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    pool=st.integers(1, 2),
    seed=st.integers(0, 2**31),
)
def test_a_pooled_convolution_is_xla_s_convolution_relu_and_pool(
    n: int, sides: tuple[int, int], channels: int, filters: int, kernel: tuple[int, int], pool: int, seed: int
) -> None:
    arguments = normal(seed, (n, *sides, channels), (*kernel, channels, filters), (filters,))

    def expected(x: jax.Array, k: jax.Array, b: jax.Array) -> jax.Array:
        convolved = xla_s(x, k, stride=1, padding="valid", groups=1)
        return nnx.max_pool(jax.nn.relu(convolved + b), (pool, pool), (pool, pool))

    assert_alike(partial(conv_relu_pool, pool=pool), expected, *arguments)


@pytest.mark.parametrize("side", [2, 5], ids=["stacked", "gathered"])
def test_a_pooled_convolution_whose_patches_would_be_too_large_holds_less_and_comes_to_the_same(
    side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, kernel, bias = normal(0, (40, 28, 28, 1), (side, side, 1, 2), (2,))

    def compiled() -> Any:
        return jax.jit(partial(conv_relu_pool, pool=2)).lower(images, kernel, bias).compile()

    together = compiled()
    monkeypatch.setattr(convolution, "LARGEST", 1000)
    apart = compiled()
    assert apart.memory_analysis().temp_size_in_bytes < together.memory_analysis().temp_size_in_bytes
    np.testing.assert_allclose(apart(images, kernel, bias), together(images, kernel, bias), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(
    ("kernel", "groups"),
    [((3, 3, 6, 4), 1), ((1, 1, 6, 4), 1), ((2, 4, 6, 4), 1), ((5, 5, 6, 4), 1), ((3, 3, 2, 9), 3), ((9, 9, 2, 9), 3),
     ((3, 3, 1, 6), 6), ((3, 2, 1, 12), 6), ((9, 8, 1, 6), 6)],
    ids=str,
)  # fmt: skip
def test_a_convolution_is_xla_s_whatever_its_window_stride_padding_and_groups(
    kernel: tuple[int, ...], groups: int, stride: int, padding: str
) -> None:
    options = {"stride": stride, "padding": padding, "groups": groups}
    assert_alike(partial(conv, **options), partial(xla_s, **options), *normal(0, (2, 13, 10, 6), kernel))


def test_patches_too_many_for_a_constant_of_their_places_come_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    images, kernel = normal(0, (2, 13, 10, 1), (5, 5, 1, 4))
    options = {"stride": 1, "padding": "same", "groups": 1}

    def gathers() -> int:
        return jax.jit(partial(conv, **options)).lower(images, kernel).as_text().count("stablehlo.gather")

    assert gathers() > 0
    monkeypatch.setattr(convolution, "MOST_GATHERED", 100)
    assert gathers() == 0
    assert_alike(partial(conv, **options), partial(xla_s, **options), images, kernel)


@pytest.mark.parametrize(("kernel", "groups"), [((3, 3, 6, 4), 1), ((5, 5, 6, 4), 1), ((3, 3, 2, 9), 3)], ids=str)
def test_a_convolution_that_would_hold_too_much_holds_less_and_comes_to_the_same(
    kernel: tuple[int, ...], groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, weights = normal(0, (8, 33, 30, 6), kernel)

    def held() -> int:
        def loss(k: jax.Array, x: jax.Array) -> jax.Array:
            return (conv(x, k, stride=1, padding="same", groups=groups) ** 2).sum()

        analysis = jax.jit(jax.grad(loss)).lower(weights, images).compile().memory_analysis()
        return int(analysis.temp_size_in_bytes)

    together = held()
    monkeypatch.setattr(convolution, "LARGEST", 1000)
    assert held() < 0.6 * together
    options = {"stride": 2, "padding": "same", "groups": groups}
    assert_alike(partial(conv, **options), partial(xla_s, **options), images, weights)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("window", "stride"), [((2, 2), 2), ((3, 3), 2), ((3, 2), 1), ((2, 3), 3), ((1, 1), 2), ((9, 9), 2), ((13, 10), 1)],
    ids=str,
)  # fmt: skip
def test_pools_are_flax_s_and_padding_does_not_count(window: tuple[int, int], stride: int, padding: str) -> None:
    (images,) = normal(1, (2, 13, 10, 3))
    own, theirs = {"stride": stride, "padding": padding}, {"strides": (stride, stride), "padding": padding.upper()}
    for ours, flax_s in (
        (partial(max_pool, window=window, **own), partial(nnx.max_pool, window_shape=window, **theirs)),
        (
            partial(mean_pool, window=window, **own),
            partial(nnx.avg_pool, window_shape=window, count_include_pad=False, **theirs),
        ),
    ):
        assert_alike(ours, flax_s, images)


def convolves(way: Way, platform: str, *shapes: tuple[int, ...]) -> bool:
    traced = jax.jit(way).trace(*map(jnp.zeros, shapes))
    return "stablehlo.convolution" in traced.lower(lowering_platforms=(platform,)).as_text()


@pytest.mark.parametrize(("platform", "convolution"), [("cpu", False), ("cuda", True), ("tpu", True)])
def test_each_platform_gets_its_own_lowering(platform: str, convolution: bool) -> None:
    pooled = (1, 28, 28, 1), (3, 3, 1, 32), (32,)
    assert convolves(partial(conv_relu_pool, pool=2), platform, *pooled) == convolution
    depthwise = partial(conv, stride=1, padding="same", groups=8)
    plain = partial(conv, stride=1, padding="same", groups=1)
    assert convolves(plain, platform, (1, 28, 28, 8), (3, 3, 8, 32)) == convolution
    assert convolves(depthwise, platform, (1, 28, 28, 8), (3, 3, 1, 8)) == convolution
    assert convolves(plain, platform, (1, 28, 28, 8), (5, 5, 8, 32)) == convolution
    assert convolves(partial(conv_relu_pool, pool=2), platform, (1, 28, 28, 8), (3, 3, 8, 32), (32,)) == convolution
