"""How time and memory grow: sums over processes measured on loopback, orders of images, and what they extrapolate to.

python -m tests.benchmarks.scale
"""

import multiprocessing
import socket
import time
import tracemalloc
from collections.abc import Iterator
from multiprocessing.queues import Queue
from statistics import median
from typing import Any

PARAMETERS = 542_230  # of cnn
PIXELS = 28 * 28
FEW = 1_000  # numbers whose sum takes as long as the messages do
REPETITIONS = 30
BATCH = 1024  # images a host and step
IMAGES = 10**9
FEWER_IMAGES = (10**6, 10**7, 10**8)  # whose order is drawn here
HOSTS = (1, 2, 4, 16, 64, 256, 1024)
NETWORK = 10e9 / 8  # bytes a second between two hosts, assumed
DISK = 1e9  # bytes a second that a host reads, assumed
YEAR = 365 * 86_400


def main() -> None:
    measured = {n: _measure_sums(n) for n in (2, 4)}
    for n, (few, many) in measured.items():
        print(f"{n} processes on loopback: a sum of {FEW:,} numbers takes {1e3 * few:.2f} ms, of {PARAMETERS:,} "
              f"{1e3 * many:.2f} ms (medians of {REPETITIONS})")  # fmt: skip
    rate = _images_per_second()
    print(f"one process trains cnn on {rate:,.0f} images/s at batch {BATCH}")
    for images in FEWER_IMAGES:
        kept, peak = _measure_order(images)
        print(f"the order of {images:,} images takes {kept / 1e6:,.0f} MB, and {peak / 1e6:,.0f} MB while it is drawn")
    few, _ = measured[4]
    print("\n| hosts | computing, ms a step | summing | reading | an epoch of 10^9 images | work lost with a host |")
    print("|---|---|---|---|---|---|")
    for row in _table(rate, latency=few / (2 * 3)):
        print(f"| {' | '.join(row)} |")


def _table(rate: float, *, latency: float) -> Iterator[tuple[str, ...]]:
    """Yield the rows: a ring sums in 2 (hosts - 1) messages, each of a part of the gradient."""
    for hosts in HOSTS:
        computing = BATCH / rate
        summing = 2 * (hosts - 1) * (latency + 4 * PARAMETERS / hosts / NETWORK) if hosts > 1 else 0.0
        reading = BATCH * hosts * PIXELS / DISK  # while the window before is trained on
        step = max(computing + summing, reading)
        epoch = IMAGES / (BATCH * hosts) * step
        failure = YEAR / hosts
        interval = (2 * 5 * failure) ** 0.5  # between checkpoints that cost 5 s; J. W. Young (1974)
        yield (
            f"{hosts:,}",
            f"{1e3 * computing:.0f}",
            f"{1e3 * summing:.1f}",
            f"{1e3 * reading:.1f}",
            f"{epoch / 3600:.1f} h",
            f"{interval / 120:.0f} min, once in {failure / 86_400:,.1f} days",
        )


def _measure_sums(n: int) -> tuple[float, float]:
    """Return the median seconds of summing FEW numbers and PARAMETERS numbers over n processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    context = multiprocessing.get_context("spawn")
    answers: Any = context.Queue()
    processes = [context.Process(target=_sum, args=(answers, address, n, i)) for i in range(n)]
    for process in processes:
        process.start()
    few, many = answers.get()
    for process in processes:
        process.join()
    return few, many


def _sum(answers: "Queue[tuple[float, float]]", address: str, n: int, process: int) -> None:
    from mnistcli.config import Hosts
    from mnistcli.jax_setup import set_up

    set_up("cpu", hosts=Hosts(coordinator=address, processes=n, process=process))

    import jax
    import numpy as np

    from mnistcli.mesh import is_first_process, mesh_for, place, replicated, split_along

    mesh = mesh_for(n)
    total = jax.jit(lambda x: x.sum(0), out_shardings=replicated(mesh))

    def seconds(numbers: int) -> float:
        rows = place(np.ones((n, numbers), np.float32), split_along(mesh, 0))
        taken = []
        for _ in range(REPETITIONS + 3):
            started = time.perf_counter()
            total(rows).block_until_ready()
            taken.append(time.perf_counter() - started)
        return median(taken[3:])

    found = seconds(FEW), seconds(PARAMETERS)
    if is_first_process():
        answers.put(found)


def _measure_order(images: int) -> tuple[int, int]:
    """Return the bytes of an epoch's order, and the most bytes held while it is drawn."""
    from mnistcli.training.feed import epoch_order

    tracemalloc.start()
    order = epoch_order(images, batch=BATCH, seed=0, epoch=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return order.nbytes, peak


def _images_per_second() -> float:
    from mnistcli.jax_setup import set_up

    set_up("cpu")

    from mnistcli.commands.bench import measure

    return next(iter(measure(["cnn"], [BATCH]))).images_per_second


if __name__ == "__main__":
    main()
