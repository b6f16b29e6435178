from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mnistcli.network.convolution import PART, _by_convolution, _by_phases, conv_relu_pool


@settings(max_examples=8)
@given(
    n=st.integers(1, 2 * PART),
    height=st.integers(6, 13),
    width=st.integers(6, 13),
    channels=st.integers(1, 3),
    filters=st.integers(1, 5),
    side=st.integers(1, 5),
    pool=st.integers(1, 2),
    seed=st.integers(0, 2**31),
)
def test_phases_and_numpy_s_rows_are_xla_s_convolution_forward_and_gradient(
    n: int, height: int, width: int, channels: int, filters: int, side: int, pool: int, seed: int
) -> None:
    keys = jax.random.split(jax.random.key(seed), 3)
    images = jax.random.normal(keys[0], (n, height, width, channels))
    kernel = jax.random.normal(keys[1], (side, side, channels, filters))
    bias = jax.random.normal(keys[2], (filters,))

    def output_and_gradients(way: Callable[..., jax.Array]) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        def both(*arguments: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
            output, pull_back = jax.vjp(lambda *a: way(*a, pool), *arguments)
            return output, pull_back(output)

        return jax.jit(both)(images, kernel, bias)

    ours, our_gradients = output_and_gradients(_by_phases)
    theirs, their_gradients = output_and_gradients(_by_convolution)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-4)
    by_numpy = conv_relu_pool(*map(np.asarray, (images, kernel, bias)), pool=pool)
    np.testing.assert_allclose(by_numpy, theirs, rtol=1e-5, atol=1e-4)
    for a, b in zip(our_gradients, their_gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3 * float(jnp.abs(b).max() + 1))


@pytest.mark.parametrize(("platform", "convolution"), [("cpu", False), ("cuda", True), ("tpu", True)])
def test_each_platform_gets_its_own_lowering(platform: str, convolution: bool) -> None:
    arguments = jnp.zeros((1, 28, 28, 1)), jnp.zeros((3, 3, 1, 32)), jnp.zeros(32)
    traced = jax.jit(lambda *a: conv_relu_pool(*a, pool=2)).trace(*arguments)
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    assert ("stablehlo.convolution" in text) == convolution
