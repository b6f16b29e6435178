import jax
import jax.numpy as jnp
import numpy as np

from mnistcli.network import Dense
from mnistcli.network.arrays import relu

NUMBERS = [-3.0, -0.5, 0.0, 0.5, 3.0, np.inf]


def test_relu_and_its_gradient_are_jax_s() -> None:
    x = jnp.array(NUMBERS)
    np.testing.assert_array_equal(relu(x), jax.nn.relu(x))
    np.testing.assert_array_equal(relu(np.array(NUMBERS)), jax.nn.relu(x))
    np.testing.assert_array_equal(jax.vmap(jax.grad(relu))(x), jax.vmap(jax.grad(jax.nn.relu))(x))
    assert np.isnan(relu(np.array(np.nan)))


def test_dense_is_the_sum_over_inputs_and_a_bias() -> None:
    random = np.random.default_rng(0)
    x, kernel, bias = random.normal(size=(5, 7)), random.normal(size=(3, 7)), random.normal(size=3)
    expected = np.array([[sum(row * weights) + b for weights, b in zip(kernel, bias, strict=True)] for row in x])
    params = {"kernel": kernel, "bias": bias}
    np.testing.assert_allclose(Dense()(x, params), expected)
    np.testing.assert_allclose(Dense("relu")(x, params), np.maximum(expected, 0))
