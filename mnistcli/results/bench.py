"""What `bench` measures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mnistcli.errors import UsageError
from mnistcli.files import read_bounded

SCHEMA = "mnistcli.bench/1"
LONGEST_FILE = 2**20  # bytes of an earlier measurement
Key = tuple[str, str, int]


@dataclass(frozen=True)
class Speed:
    """How fast a device trains or applies one network with batches of one size.

    Attributes:
        work: "train" or "predict".
        compile_seconds: Of tracing and compilation.
        images_per_second: The median of several repetitions.
        flops: Floating-point operations a second of convolutions and dense layers, counted as two a
            multiply-accumulate.
        product_flops: Those of a square matrix product with as many operations as one batch, on the same device.
        memory_bytes: What the program holds on the device: its arguments, results and intermediate numbers.
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
        """The speed as a share of that product's."""
        return self.flops / self.product_flops

    @property
    def key(self) -> Key:
        """What tells it from the others of a measurement."""
        return self.arch, self.work, self.batch_size


@dataclass(frozen=True)
class BenchResult:
    """What one device did, and the same of an earlier measurement where there is one.

    Attributes:
        versions: Of Python and of the packages that compute, by name.
        against: Images a second of the earlier measurement, by `Speed.key`.
    """

    device: str
    cores: int
    versions: dict[str, str]
    speeds: tuple[Speed, ...]
    against: Mapping[Key, float]

    @property
    def machine(self) -> str:
        """The device, and how many cores the process may use beside it."""
        return _machine(self.device, self.cores)

    def ratio(self, speed: Speed) -> float | None:
        """Return the images a second divided by the earlier ones; None: these were not measured then."""
        earlier = self.against.get(speed.key)
        return speed.images_per_second / earlier if earlier else None


def _machine(device: str, cores: int) -> str:
    return f"{device}, {cores} core{'s' if cores > 1 else ''}"


def read_speeds(path: Path) -> tuple[str, Mapping[Key, float]]:
    """Return the machine of an earlier measurement, as `BenchResult.machine` names it, and its images a second.

    Raises:
        UsageError: The file cannot be read, or is not what `mnistcli bench --json` writes.
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
        raise UsageError(f"--against: {str(path)!r} is not a result of 'mnistcli bench --json'.") from error
