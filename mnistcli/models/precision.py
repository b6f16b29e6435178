"""The precision of matrix products in training.

- "float32": JAX's default; exact on a CPU, but a GPU or TPU may round the factors.
- "highest": float32 factors on every device.
- "bfloat16": factors rounded to bfloat16, sums in float32, forward and backward; weights, activations and the
  optimizer's state stay float32. On the CPUs that were tried, training takes as long as with float32: rounding costs
  what the products gain.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

_rounding = ContextVar("rounds", default=False)


@contextmanager
def computing_with(precision: str) -> Iterator[None]:
    """Trace the computations in this block with a precision, one of `config.PRECISIONS`."""
    before = _rounding.set(precision == "bfloat16")
    try:
        with jax.default_matmul_precision("highest" if precision == "highest" else "default"):
            yield
    finally:
        _rounding.reset(before)


def matmul(a: jax.Array, b: jax.Array) -> jax.Array:
    """Return the product of a [n, m] and b [m, k], float32 [n, k]."""
    return _rounded_product(a, b) if _rounding.get() else a @ b


def convolution(images: jax.Array, kernel: jax.Array, **how: Any) -> jax.Array:
    """Return `lax.conv_general_dilated` of float32 arrays; with "bfloat16", the result is rounded too."""
    if not _rounding.get():
        return lax.conv_general_dilated(images, kernel, **how)
    return lax.conv_general_dilated(_round(images), _round(kernel), **how).astype(jnp.float32)


@jax.custom_vjp
def _rounded_product(a: jax.Array, b: jax.Array) -> jax.Array:
    return _multiply(_round(a), _round(b))


def _forward(a: jax.Array, b: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    factors = _round(a), _round(b)
    return _multiply(*factors), factors


def _backward(factors: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    (a, b), rounded = factors, _round(gradient)
    return _multiply(rounded, b.T), _multiply(a.T, rounded)


_rounded_product.defvjp(_forward, _backward)


def _multiply(a: jax.Array, b: jax.Array) -> jax.Array:
    return lax.dot(a, b, preferred_element_type=jnp.float32)


def _round(x: jax.Array) -> jax.Array:
    return x.astype(jnp.bfloat16)
