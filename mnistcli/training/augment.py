"""Random changes to training images that imitate other hands, pens and cameras, on the device inside each step."""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Range(NamedTuple):
    """The range of a uniformly distributed random number."""

    low: float
    high: float


ANGLE = Range(-15, 15)  # degrees
SCALE = Range(0.85, 1.15)  # for each axis separately
SHEAR = Range(-0.25, 0.25)
SHIFT = Range(-2, 2)  # pixels
THICKNESS = Range(-0.5, 0.7)  # towards the darkest (below 0) or lightest of the 3×3 pixels around
BLUR = Range(-0.5, 0.8)  # towards the mean of the 3×3 pixels around; below 0: none
NOISE = Range(-8, 12)  # standard deviation in grey levels; below 0: none


def augment(key: jax.Array, images: jax.Array) -> jax.Array:
    """Return images [n, height, width, channels] uint8, each changed at random."""
    keys = iter(jax.random.split(key, 9))

    def draw(limits: Range) -> jax.Array:
        return jax.random.uniform(next(keys), (len(images), 1, 1, 1), minval=limits.low, maxval=limits.high)

    angle, shear = jnp.radians(draw(ANGLE)), draw(SHEAR)
    x = _warp(images.astype(jnp.float32), angle, shear, (draw(SCALE), draw(SCALE)), (draw(SHIFT), draw(SHIFT)))
    x = _thicken(x, draw(THICKNESS))
    x = x + draw(BLUR).clip(0) * (_neighbourhood_mean(x) - x)
    x = x + jnp.maximum(draw(NOISE), 0) * jax.random.normal(jax.random.fold_in(key, 1), x.shape)
    return x.clip(0, 255).round().astype(jnp.uint8)


def _warp(
    images: jax.Array,
    angle: jax.Array,
    shear: jax.Array,
    scale: tuple[jax.Array, jax.Array],
    shift: tuple[jax.Array, jax.Array],
) -> jax.Array:
    """Rotate, shear, scale and shift about the centre, with bilinear interpolation, black beyond the edge."""
    n, height, width, channels = images.shape
    rows = jnp.arange(height)[None, :, None, None] - (height - 1) / 2 - shift[0]
    columns = jnp.arange(width)[None, None, :, None] - (width - 1) / 2 - shift[1]
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    y = (cosine * rows - sine * columns) / scale[0]
    x = (sine * rows + cosine * columns) / scale[1] + shear * y
    y, x = y[..., 0] + (height - 1) / 2, x[..., 0] + (width - 1) / 2
    top, left = jnp.floor(y), jnp.floor(x)
    flat = images.reshape(n, height * width, channels)

    def corner(row: jax.Array, column: jax.Array) -> jax.Array:
        weight = (1 - jnp.abs(y - row)) * (1 - jnp.abs(x - column))
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        place = row.clip(0, height - 1) * width + column.clip(0, width - 1)
        found = jnp.take_along_axis(flat, place.astype(jnp.int32).reshape(n, -1, 1), axis=1)
        return found.reshape(images.shape) * jnp.where(inside, weight, 0)[..., None]

    return corner(top, left) + corner(top, left + 1) + corner(top + 1, left) + corner(top + 1, left + 1)


def _thicken(x: jax.Array, amount: jax.Array) -> jax.Array:
    neighbours = _neighbours(x)
    lightest, darkest = neighbours.max(0), neighbours.min(0)
    return x + jnp.maximum(amount, 0) * (lightest - x) - jnp.minimum(amount, 0) * (darkest - x)


def _neighbourhood_mean(x: jax.Array) -> jax.Array:
    return _neighbours(x).mean(0)


def _neighbours(x: jax.Array) -> jax.Array:
    """Return the 3×3 pixels around each pixel, [9, n, height, width, channels], black beyond the edge."""
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = x.shape[1:3]
    return jnp.stack([padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)])
