"""How exactly products of matrices are computed while a network is trained.

- "float32": as JAX does it by default; on a CPU exactly, on a GPU or TPU with factors that the device may round.
- "highest": with float32 factors on every device.
- "bfloat16": with factors rounded to bfloat16 and float32 sums, forward and backward; weights, activations and what an
  optimizer keeps stay float32. On the CPUs that were tried a training takes as long as with float32: what is gained in
  products is lost in rounding.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

_rounds = ContextVar("rounds", default=False)


@contextmanager
def computing_with(precision: str) -> Iterator[None]:
    """Trace what is in this block with a precision, one of `config.PRECISIONS`."""
    before = _rounds.set(precision == "bfloat16")
    try:
        with jax.default_matmul_precision("highest" if precision == "highest" else "default"):
            yield
    finally:
        _rounds.reset(before)


def matmul(a: jax.Array, b: jax.Array) -> jax.Array:
    """Return a [n, m] times b [m, k], float32 [n, k]."""
    return _rounded_product(a, b) if _rounds.get() else a @ b


def convolution(images: jax.Array, kernel: jax.Array, **how: Any) -> jax.Array:
    """Return `lax.conv_general_dilated` of float32 arrays; where factors are rounded, so is the result."""
    if not _rounds.get():
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
