"""The results of `bench`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mnistcli.errors import UsageError
from mnistcli.files import read_bounded

SCHEMA = "mnistcli.bench/1"
LONGEST_FILE = 2**20  # bytes of a file of an earlier measurement
Key = tuple[str, str, int]


@dataclass(frozen=True)
class Speed:
    """How fast a device trains or applies one network with batches of one size.

    Attributes:
        work: "train" or "predict".
        compile_seconds: The time for tracing and compilation.
        images_per_second: The median of several repetitions.
        flops: Floating-point operations per second in convolutions and dense layers, two per multiply-accumulate.
        product_flops: The same for a square matrix product with as many operations as one batch, on the same device.
        memory_bytes: The program's memory on the device for arguments, results and intermediate values.
    """

    arch: str
    work: str
    batch_size: int
    compile_seconds: float
    images_per_second: float
    flops: float
    product_flops: float
    memory_bytes: int

    @property
    def product_share(self) -> float:
        """`flops` as a fraction of `product_flops`."""
        return self.flops / self.product_flops

    @property
    def key(self) -> Key:
        """The key that identifies it in a measurement."""
        return self.arch, self.work, self.batch_size


@dataclass(frozen=True)
class BenchResult:
    """The measurement of one device, and an earlier one to compare it with.

    Attributes:
        versions: The versions of Python and of the packages that compute, by name.
        against: Images per second in the earlier measurement, by `Speed.key`; empty if there is none.
    """

    device: str
    cores: int
    versions: dict[str, str]
    speeds: tuple[Speed, ...]
    against: Mapping[Key, float]

    @property
    def machine(self) -> str:
        """The device, and the number of cores that the process may use."""
        return _machine(self.device, self.cores)

    def ratio(self, speed: Speed) -> float | None:
        """Return images per second divided by the earlier value; None if that was not measured."""
        earlier = self.against.get(speed.key)
        return speed.images_per_second / earlier if earlier else None


def _machine(device: str, cores: int) -> str:
    return f"{device}, {cores} core{'s' if cores > 1 else ''}"


def read_speeds(path: Path) -> tuple[str, Mapping[Key, float]]:
    """Return an earlier measurement's `BenchResult.machine`, and its images per second by `Speed.key`.

    Raises:
        UsageError: The file cannot be read, or is not an output of `mnistcli bench --json`.
    """
    try:
        document = json.loads(read_bounded(path, most=LONGEST_FILE))
        if document["schema"] != SCHEMA:
            raise ValueError
        rates = {
            (str(each["arch"]), str(each["work"]), int(each["batch_size"])): float(each["images_per_second"])
            for each in document["speeds"]
        }
        if not all(0 < rate < math.inf for rate in rates.values()):
            raise ValueError
        return _machine(document["device"], int(document["cores"])), rates
    except OSError as error:
        raise UsageError(f"--against: {str(path)!r} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise UsageError(f"--against: {str(path)!r} is not an output of 'mnistcli bench --json'.") from error
