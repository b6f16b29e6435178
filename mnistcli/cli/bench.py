"""mnistcli bench."""

from pathlib import Path
from typing import Annotated

import typer

from mnistcli.cli.compute import Device, Devices, make_compute
from mnistcli.cli.face import Face
from mnistcli.errors import UsageError
from mnistcli.models import RECIPES, find_recipe, is_flax
from mnistcli.process import cores

EXAMPLES = [
    "mnistcli bench",
    "mnistcli bench --json > monday.json",
    "mnistcli bench --against monday.json",
    'mnistcli bench cnn "conv 32 5x5, relu, pool 2, dense 64, relu" --batch-size 1024',
]
ARCHITECTURES = ["dense", "cnn", "convnet"]
BATCH_SIZES = [32, 128, 1024]
LARGEST_BATCH = 50_000


def bench(
    face: Face,
    *,
    archs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ARCH",
            help=f"Architectures ({', '.join(RECIPES)}, or layers in one line).",
            show_default=" ".join(ARCHITECTURES),
        ),
    ] = None,
    batch_size: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N",
            min=1,
            max=LARGEST_BATCH,
            help="Images per step; repeat it for several sizes.",
            show_default=", ".join(map(str, BATCH_SIZES)),
        ),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Compare with an earlier result of 'mnistcli bench --json'.")
    ] = None,
    device: Device = "auto",
    devices: Devices = None,
) -> None:
    """Measure how fast a device compiles, trains and predicts.

    Speed is given in images per second and in floating-point operations per second. The latter is compared with a
    square matrix product that takes as many operations as one batch. The compilation cache is not used.
    """
    archs = archs or ARCHITECTURES
    for arch in archs:
        find_recipe(arch)
        if is_flax(arch):
            raise UsageError(f"bench takes networks described in one line, not a class in Flax: {arch!r}.")

    from mnistcli.results.bench import BenchResult, read_speeds

    before, earlier = read_speeds(against) if against else (None, {})
    used = make_compute(device=device, devices=devices, no_cache=True).start(face)

    from mnistcli.commands.bench import measure
    from mnistcli.render.bench import bench_view, speed_line
    from mnistcli.runs.provenance import versions

    speeds = []
    for speed in measure(archs, batch_size or BATCH_SIZES):
        face.note(speed_line(speed))
        speeds.append(speed)
    result = BenchResult(used, cores(), versions(), tuple(speeds), earlier)
    if before not in (None, result.machine):
        face.note(f"{against} was measured on another machine: {before}, not {result.machine}.")
    face.show(bench_view(result))
