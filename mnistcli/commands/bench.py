"""Measure compilation, training and prediction on this device, and compare with matrix products of the same size."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from statistics import median
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from mnistcli.datasets import Dataset, load
from mnistcli.mesh import mesh_for
from mnistcli.models import configure, description
from mnistcli.models.language import describe
from mnistcli.models.network import build as build_network
from mnistcli.models.network import define, logits, split
from mnistcli.results.bench import Speed
from mnistcli.training.feed import make_feed
from mnistcli.training.optimizer import make_optimizer
from mnistcli.training.step import TrainState, empty_tally, make_train_steps

REPETITIONS, LEAST_SECONDS = 5, 0.1  # of each measurement, and the shortest time for one of them
PREDICTED = 4096  # images per call to predict; one batch if that is more


class Work(NamedTuple):
    """Work to measure.

    Attributes:
        compile: Traces and compiles the program.
        run: Runs the program the given number of times and returns its last result, which may still be pending.
        images: The number of images in one run.
    """

    compile: Callable[[], Any]
    run: Callable[[Any, int], Any]
    images: int


def measure(archs: Sequence[str], batch_sizes: Sequence[int]) -> Iterator[Speed]:
    """Measure how fast each architecture trains and predicts the embedded images, and yield each result.

    Raises:
        UsageError: The architecture is unknown.
    """
    data = load("mnist")
    operations = {arch: _operations(arch, data) for arch in archs}  # raises if a network does not fit the images
    for arch in archs:
        for batch in batch_sizes:
            for name, make in (("train", _training), ("predict", _prediction)):
                work = make(arch, data, batch)
                started = time.perf_counter()
                program = work.compile()
                compile_seconds = time.perf_counter() - started
                images_per_second = work.images / _seconds(partial(work.run, program))
                flops = images_per_second * operations[arch][name]
                side = max(1, round((batch * operations[arch][name] / 2) ** (1 / 3)))
                yield Speed(
                    arch=arch,
                    work=name,
                    batch_size=batch,
                    compile_seconds=compile_seconds,
                    images_per_second=images_per_second,
                    flops=flops,
                    product_flops=_product_flops(side),
                    memory_bytes=_memory(program),
                )


def _training(arch: str, data: Dataset, batch: int) -> Work:
    config = configure(arch, batch_size=batch)
    graph = define(*_shape(arch, data)).training
    mesh = mesh_for(batch)
    window = next(make_feed(data.train, batch=batch, seed=config.seed, mesh=mesh).windows(1))
    optimizer = make_optimizer(config, steps=window.stop * config.hyper.epochs)
    _, parts = split(build_network(*_shape(arch, data), seed=config.seed))
    state = TrainState(parts.params, parts.rest, optimizer.init(parts.params))
    before = parts.streams, window, jnp.uint32(config.seed), jnp.uint32(1), jnp.int32(0)
    train_steps = make_train_steps(graph, optimizer, config, mesh)

    def run(program: Any, times: int) -> Any:
        nonlocal state
        epochs, rest = divmod(times, window.stop)
        for stop in [window.stop] * epochs + [rest] * bool(rest):
            state, tally = program(state, empty_tally(), *before, jnp.int32(stop))
        return tally

    return Work(lambda: train_steps.lower(state, empty_tally(), *before, jnp.int32(0)).compile(), run, batch)


def _prediction(arch: str, data: Dataset, batch: int) -> Work:
    graph = define(*_shape(arch, data)).use
    _, parts = split(build_network(*_shape(arch, data), seed=0))
    batches = max(1, PREDICTED // batch)
    images = jnp.asarray(data.train.images[: batches * batch]).reshape(batches, batch, *data.image_shape)
    predict = jax.jit(lambda parts, images: lax.map(partial(logits, graph, parts), images))

    def run(program: Any, times: int) -> Any:
        for _ in range(times):
            answer = program(parts, images)
        return answer

    return Work(lambda: predict.lower(parts, images).compile(), run, batches * batch)


def _shape(arch: str, data: Dataset) -> tuple[str, tuple[int, ...], int]:
    return arch, data.image_shape, len(data.class_names)


def _seconds(run: Callable[[int], Any]) -> float:
    """Return the median time in seconds for running the work once, after a warm-up."""

    def seconds(times: int) -> float:
        started = time.perf_counter()
        jax.block_until_ready(run(times))
        return time.perf_counter() - started

    seconds(1)
    times = 1
    while (taken := seconds(times)) < LEAST_SECONDS:
        times = max(2 * times, min(10 * times, round(times * LEAST_SECONDS / taken)))
    return median(seconds(times) for _ in range(REPETITIONS)) / times


def _operations(arch: str, data: Dataset) -> dict[str, int]:
    """Return the floating-point operations per image in matrix products, for "train" and "predict".

    Training also computes the gradient of each trained kernel, and of a layer's input if a layer before it is trained.
    """
    train = predict = 0
    trained = False
    for layer in describe(arch, description(arch) or "", data.image_shape, len(data.class_names)).layers:
        forward = 2 * layer.multiply_accumulates
        predict += forward
        train += forward * (1 + bool(layer.parameters) + trained)
        trained |= bool(layer.parameters)
    return {"train": train, "predict": predict}


@cache
def _product_flops(side: int) -> float:
    """Return the floating-point operations per second in products of two float32 matrices [side, side]."""
    matrix = jnp.ones((side, side))
    multiply = jax.jit(lambda times, x: lax.fori_loop(0, times, lambda _, product: product @ x / side, x))
    return 2 * side**3 / _seconds(lambda times: multiply(jnp.int32(times), matrix))


def _memory(program: Any) -> int:
    sizes = program.memory_analysis()
    return int(
        sizes.argument_size_in_bytes + sizes.output_size_in_bytes - sizes.alias_size_in_bytes + sizes.temp_size_in_bytes
    )
