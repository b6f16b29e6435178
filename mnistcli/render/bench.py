"""How the measurements of `bench` are shown."""

from dataclasses import asdict

from rich.console import RenderableType

from mnistcli.render.tables import NOTHING, make_table, percent, seconds, short_arch
from mnistcli.render.view import Row, View
from mnistcli.results.bench import SCHEMA, BenchResult, Speed

WORKS = {"train": "training", "predict": "prediction"}


def bench_view(result: BenchResult) -> View:
    """Return the measurements in all formats."""
    return View(
        schema=SCHEMA,
        document=lambda: {
            "device": result.device,
            "cores": result.cores,
            "versions": result.versions,
            "speeds": [_row(result, each) for each in result.speeds],
        },
        rows=lambda: [_row(result, each) for each in result.speeds],
        terminal=lambda _: [_table(result)],
    )


def speed_line(speed: Speed) -> str:
    """Return a measurement as one line of progress."""
    network, rate = short_arch(speed.arch), f"{speed.images_per_second:,.0f} images/s"
    return f"{network}, {WORKS[speed.work]}, batches of {speed.batch_size:,}: {rate}"


def _row(result: BenchResult, speed: Speed) -> Row:
    return asdict(speed) | {"product_share": speed.product_share, "ratio": result.ratio(speed)}


def _table(result: BenchResult) -> RenderableType:
    earlier = ("× earlier",) if result.against else ()
    table = make_table(
        *("network", "work", "batch", "images/s", *earlier, "GFLOP/s", "of matmul", "compiled in", "memory"),
        title=result.machine,
        numbers=6 + len(earlier),
        optional=("memory", "compiled in", "GFLOP/s"),
    )
    for speed in result.speeds:
        ratio = result.ratio(speed)
        table.add_row(
            *(short_arch(speed.arch), WORKS[speed.work], f"{speed.batch_size:,}", f"{speed.images_per_second:,.0f}"),
            *((NOTHING if ratio is None else f"{ratio:.2f}",) if result.against else ()),
            *(f"{speed.flops / 1e9:,.1f}", percent(speed.product_share, 0)),
            *(seconds(speed.compile_seconds), f"{speed.memory_bytes / 2**20:,.0f} MiB"),
        )
    return table
