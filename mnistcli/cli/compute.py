"""Where a command computes: the options that say it, the same for every command that uses JAX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from mnistcli.config import DEVICES
from mnistcli.errors import UsageError, unknown

if TYPE_CHECKING:
    from mnistcli.cli.face import Face

PANEL = "Computing"

Device = Annotated[
    str,
    typer.Option(
        metavar="|".join(DEVICES),
        help="Where to compute; auto: the fastest device that JAX finds; for predict ONNX Runtime on the CPU.",
        rich_help_panel=PANEL,
    ),
]
NoCache = Annotated[
    bool,
    typer.Option("--no-cache", help="Do not use or write the compilation cache.", rich_help_panel=PANEL),
]


@dataclass(frozen=True)
class Compute:
    """What the command line says of the device and of compiled programs."""

    device: str
    cache: bool

    def start(self, face: Face, *, like: str | None = None) -> str:
        """Set JAX up, which comes before the first import of a module that uses it, and return the device's name.

        `like` is the device that a run was begun on: where it had one thread, this has too.
        """
        from mnistcli.jax_setup import ONE_THREAD, set_up

        used = set_up(self.device, cache=self.cache, one_thread=like == ONE_THREAD, tell=face.note)
        face.explain(f"Computing on {used}.")
        return used


def make_compute(*, device: Device = "auto", no_cache: NoCache = False) -> Compute:
    """Gather the options.

    Raises:
        UsageError: There is no such kind of device.
    """
    if device not in DEVICES:
        raise UsageError(unknown("device", device, DEVICES))
    return Compute(device, cache=not no_cache)
