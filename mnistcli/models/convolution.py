"""Convolution and pooling, each implemented for the platform that it runs on.

XLA's own convolution is slow on a CPU, and slower inside a loop, as in a training step: there it takes 8 to 80 times as
long as matrix products (forward and backward, 16 shapes of 12 to 32 pixels a side and 1 to 64 channels, one core, jax
0.10.2). So here a convolution is the product of all patches with the kernel. If patches are large, it is a sum of
products, one for each row of the kernel: that copies the images once for each column of the kernel, not for each pixel.

If pooling follows and an image has few channels, one pooled pixel depends on a patch of (kernel + pool − 1)² pixels.
The convolution's output at each of the pool² offsets inside the patch (its phases) is a product of the patch with the
kernel shifted by the offset. So the pooled output is the maximum of pool² products, and the convolution's full output
is never stored. Bias and ReLU are monotonic, so they can follow the maximum, on fewer numbers. With four or more
channels this is slower, because of the gradient with respect to the images.
"""

from collections.abc import Callable
from functools import partial, reduce
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mnistcli.models.precision import convolution, matmul

LARGEST_FUSED = 4  # side of the largest pool that is fused: there is one product for each of its pixels
FEW = 3  # channels; images with more are convolved first, then pooled
SMALL = 128  # numbers in a patch; larger patches are multiplied row by row
LARGEST = 2**26  # numbers that a convolution may store besides input and output; above, it works image by image
MOST_SLICES = 64  # pixels of a window that is split into slices; larger ones use lax
MOST_STACKED = 16  # pixels of a window; larger patches are gathered
MOST_GATHERED = 2**18  # numbers in an image's patches; their indices are a constant of the program
AXES = ("NHWC", "HWIO", "NHWC")


def conv(images: jax.Array, kernel: jax.Array, *, stride: int, padding: str, groups: int) -> jax.Array:
    """Convolve.

    Args:
        images: [n, height, width, channels] float32.
        kernel: [rows, columns, channels / groups, filters] float32.
        stride: Pixels from one window to the next.
        padding: "valid", or "same" (zeros around the images).
        groups: Number of groups of channels and filters; the filters of a group see only its channels.

    Returns:
        [n, height', width', filters] float32.
    """

    def by_convolution(x: jax.Array, k: jax.Array) -> jax.Array:
        return convolution(
            x,
            k,
            window_strides=(stride, stride),
            padding=padding.upper(),
            dimension_numbers=AXES,
            feature_group_count=groups,
        )

    def by_products(x: jax.Array, k: jax.Array) -> jax.Array:
        window, at_once = k.shape[:2], prod(k.shape[:3]) <= SMALL
        x, rows, columns = _padded(x, window, stride, padding, fill=0)
        if groups > 1 and k.shape[2] == 1 and prod(window) <= MOST_SLICES:
            return _depthwise(_slices(x, window, stride, rows, columns), k, groups)

        def multiply(x: jax.Array) -> jax.Array:
            if at_once:
                return _product(_patches(x, window, stride, rows, columns), k.reshape(-1, *k.shape[2:]), groups)
            wide = jnp.stack([x[:, :, _every(stride, j, columns)] for j in range(window[1])], axis=3)
            return reduce(jnp.add, (_product(wide[:, _every(stride, i, rows)], k[i], groups) for i in range(window[0])))

        numbers = prod(window) * x.shape[3] + (0 if at_once else window[0] * k.shape[3])  # for each pixel
        if len(x) * rows * columns * numbers <= LARGEST:
            return multiply(x)
        return lax.map(jax.checkpoint(lambda image: multiply(image[None])[0]), x)

    return lax.platform_dependent(images, kernel, cpu=by_products, default=by_convolution)


def _depthwise(slices: list[jax.Array], kernel: jax.Array, groups: int) -> jax.Array:
    """Return the sum of slices [n, h, w, channels], each times its pixel of a kernel with one channel per filter."""
    weights = kernel.reshape(-1, kernel.shape[-1])
    repeats = kernel.shape[-1] // groups
    return reduce(jnp.add, (jnp.repeat(each, repeats, axis=-1) * weights[i] for i, each in enumerate(slices)))


def _product(patches: jax.Array, kernel: jax.Array, groups: int) -> jax.Array:
    """Return patches times a kernel; each group of filters sees only its own channels.

    Patches are [n, h, w, pixels, channels], the kernel [pixels, channels / groups, filters], the result
    [n, h, w, filters].
    """
    *shape, pixels, channels = patches.shape
    if groups == 1:
        product = matmul(patches.reshape(-1, pixels * channels), kernel.reshape(pixels * channels, -1))
    else:
        grouped = patches.reshape(*shape, pixels, groups, channels // groups)
        product = jnp.einsum("nhwpgc,pcgf->nhwgf", grouped, kernel.reshape(*kernel.shape[:2], groups, -1))
    return product.reshape(*shape, -1)


def conv_relu_pool(images: jax.Array, kernel: jax.Array, bias: jax.Array, *, pool: int) -> jax.Array:
    """Convolve (stride 1, no padding), add the bias, apply ReLU, and take the maximum of pool × pool windows.

    Args:
        images: [n, height, width, channels] float32.
        kernel: [rows, columns, channels, filters] float32.
        bias: [filters] float32.
        pool: Side and stride of the pooling windows; rows and columns that do not fill a window are dropped.

    Returns:
        [n, (height − rows + 1) // pool, (width − columns + 1) // pool, filters] float32.
    """
    n, height, width, channels = images.shape
    patches = n * (height // pool) * (width // pool) * prod(side + pool - 1 for side in kernel.shape[:2]) * channels
    by_products = _by_phases if channels <= FEW and patches <= LARGEST else _conv_then_pool
    return lax.platform_dependent(
        images, kernel, bias, cpu=partial(by_products, pool=pool), default=partial(_xla_conv_then_pool, pool=pool)
    )


def _xla_conv_then_pool(images: jax.Array, kernel: jax.Array, bias: jax.Array, pool: int) -> jax.Array:
    convolved = convolution(images, kernel, window_strides=(1, 1), padding="VALID", dimension_numbers=AXES)
    window = (1, pool, pool, 1)
    return lax.reduce_window(jax.nn.relu(convolved + bias), -np.inf, lax.max, window, window, "VALID")


def _by_phases(images: jax.Array, kernel: jax.Array, bias: jax.Array, pool: int) -> jax.Array:
    n, height, width, channels = images.shape
    side, across, _, filters = kernel.shape
    rows, columns = (height - side + 1) // pool, (width - across + 1) // pool
    patch = side + pool - 1, across + pool - 1
    patches = _patches(images, patch, pool, rows, columns).reshape(-1, prod(patch) * channels)
    phases = [_shift(kernel, i, j, patch).reshape(-1, filters) for i in range(pool) for j in range(pool)]
    largest = reduce(jnp.maximum, (matmul(patches, phase) for phase in phases))
    return jax.nn.relu(largest + bias).reshape(n, rows, columns, filters)


def _conv_then_pool(images: jax.Array, kernel: jax.Array, bias: jax.Array, pool: int) -> jax.Array:
    convolved = conv(images, kernel, stride=1, padding="valid", groups=1)
    return jax.nn.relu(max_pool(convolved, (pool, pool), stride=pool, padding="valid") + bias)


def _shift(kernel: jax.Array, down: int, right: int, patch: tuple[int, int]) -> jax.Array:
    """Return the kernel at an offset inside a patch of zeros, [*patch, channels, filters]."""
    below, beyond = patch[0] - kernel.shape[0] - down, patch[1] - kernel.shape[1] - right
    return jnp.pad(kernel, ((down, below), (right, beyond), (0, 0), (0, 0)))


def max_pool(images: jax.Array, window: tuple[int, int], *, stride: int, padding: str) -> jax.Array:
    """Return the maximum of each window of images [n, height, width, channels]; padding is −∞."""
    if prod(window) > MOST_SLICES:
        return _reduce_window(images, -np.inf, lax.max, window, stride, padding)
    padded, rows, columns = _padded(images, window, stride, padding, fill=-np.inf)
    return reduce(jnp.maximum, _slices(padded, window, stride, rows, columns))


def mean_pool(images: jax.Array, window: tuple[int, int], *, stride: int, padding: str) -> jax.Array:
    """Return the mean of each window of images [n, height, width, channels]; padding does not count."""

    def total(x: jax.Array) -> jax.Array:
        if prod(window) > MOST_SLICES:
            return _reduce_window(x, 0.0, lax.add, window, stride, padding)
        padded, rows, columns = _padded(x, window, stride, padding, fill=0)
        return reduce(jnp.add, _slices(padded, window, stride, rows, columns))

    return total(images) / total(jnp.ones((1, *images.shape[1:3], 1)))


def _reduce_window(
    x: jax.Array, start: float, operation: Callable[..., Any], window: tuple[int, int], stride: int, padding: str
) -> jax.Array:
    reduced: jax.Array = lax.reduce_window(
        x, start, operation, (1, *window, 1), (1, stride, stride, 1), padding.upper()
    )
    return reduced


def _patches(images: jax.Array, window: tuple[int, ...], stride: int, rows: int, columns: int) -> jax.Array:
    """Return the pixels in each window, [n, rows, columns, pixels of the window, channels].

    For many pixels, a gather is faster than slices: conv 24 5x5 stride 2 of 64 images of 28×28 takes 0.22 ms instead of
    0.41 (two cores, medians of 25 alternating runs). Its gradient would be a slow scatter, so the slices' is used.
    """

    def slice_all(x: jax.Array) -> jax.Array:
        return jnp.stack(_slices(x, window, stride, rows, columns), axis=3)

    numbers = rows * columns * prod(window) * images.shape[3]
    if prod(window) <= MOST_STACKED or numbers > MOST_GATHERED:
        return slice_all(images)

    @jax.custom_vjp
    def gather(x: jax.Array) -> jax.Array:
        indices = np.arange(prod(x.shape[1:]), dtype=np.int32).reshape(1, *x.shape[1:])
        slices = _slices(indices, window, stride, rows, columns)
        return x.reshape(len(x), -1)[:, np.stack(slices, axis=3)[0]]

    gather.defvjp(lambda x: (gather(x), x), lambda x, gradient: jax.vjp(slice_all, x)[1](gradient))
    return gather(images)


def _slices(images: Any, window: tuple[int, ...], stride: int, rows: int, columns: int) -> list[Any]:
    """Return, for each pixel of the window, row by row, the image pixels under it, [n, rows, columns, channels]."""
    return [
        images[:, _every(stride, i, rows), _every(stride, j, columns)]
        for i in range(window[0])
        for j in range(window[1])
    ]


def _padded(
    images: jax.Array, window: tuple[int, ...], stride: int, padding: str, *, fill: float
) -> tuple[jax.Array, int, int]:
    """Return the padded images, and the numbers of rows and columns of windows in them."""
    sides = images.shape[1:3]
    if padding == "same":
        around = lax.padtype_to_pads(sides, window, (stride, stride), "SAME")
        images = jnp.pad(images, ((0, 0), *around, (0, 0)), constant_values=fill)
    rows, columns = ((side - length) // stride + 1 for side, length in zip(images.shape[1:3], window, strict=True))
    return images, rows, columns


def _every(stride: int, first: int, count: int) -> slice:
    """Return the slice of `count` indices, `stride` apart, that starts at `first`."""
    return slice(first, first + stride * (count - 1) + 1, stride)
