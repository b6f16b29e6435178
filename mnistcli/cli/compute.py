"""The options that choose the device, the same for every command that uses JAX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from mnistcli.config import DEVICES, Hosts
from mnistcli.errors import UsageError, unknown

if TYPE_CHECKING:
    from mnistcli.cli.face import Face
    from mnistcli.commands.crew import Place

PANEL, HOSTS = "Computing", "Several processes"

Device = Annotated[
    str,
    typer.Option(
        metavar="|".join(DEVICES),
        help="The device. auto: the fastest that JAX finds (predict: ONNX Runtime on the CPU).",
        rich_help_panel=PANEL,
    ),
]
Devices = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Number of devices to use; each computes an equal part of every batch.",
        show_default="all",
        rich_help_panel=PANEL,
    ),
]
NoCache = Annotated[
    bool,
    typer.Option("--no-cache", help="Do not use or write the compilation cache.", rich_help_panel=PANEL),
]


@dataclass(frozen=True)
class Compute:
    """The device and cache options on the command line."""

    device: str
    devices: int | None
    cache: bool

    def start(self, face: Face, *, like: str | None = None) -> str:
        """Set JAX up and return the device's name; call this before importing modules that use JAX.

        `like` is the device of the run to continue: if it had one thread, so does this one.
        """
        from mnistcli.jax_setup import ONE_THREAD, set_up

        used = set_up(
            self.device, devices=self.devices, cache=self.cache, one_thread=like == ONE_THREAD, notify=face.note
        )
        face.explain(f"Computing on {used}.")
        return used

    def place(self, face: Face, *, source: str | None, hosts: Hosts | None = None) -> Place:
        """Return the device settings for child processes; `source` is the FILE.py:CLASS that they execute."""
        from mnistcli.jax_setup import tell_ignored

        tell_ignored(face.note)  # before this process or a child imports JAX

        from mnistcli.commands.crew import Place

        return Place(self.device, self.cache, source, self.devices, hosts)


def make_compute(*, device: Device = "auto", devices: Devices = None, no_cache: NoCache = False) -> Compute:
    """Collect the options and check them.

    Raises:
        UsageError: The kind of device is unknown, or the number is below 1.
    """
    if device not in DEVICES:
        raise UsageError(unknown("device", device, DEVICES))
    if devices is not None and devices < 1:
        raise UsageError(f"--devices must be at least 1, not {devices}.")
    return Compute(device, devices, cache=not no_cache)


def make_hosts(
    *,
    distributed: Annotated[
        bool,
        typer.Option(
            "--distributed",
            help="Train one run with all processes of this job; JAX finds them under Slurm, Open MPI, Kubernetes and "
            "on Cloud TPUs.",
            rich_help_panel=HOSTS,
        ),
    ] = False,
    coordinator: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Without such a scheduler: the address on which process 0 listens. Anyone who reaches it can take "
            "part: use a network that you trust.",
            show_default=False,
            rich_help_panel=HOSTS,
        ),
    ] = None,
    num_processes: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Without such a scheduler: the number of processes.",
            show_default=False,
            rich_help_panel=HOSTS,
        ),
    ] = None,
    process_id: Annotated[
        int | None,
        typer.Option(
            metavar="I",
            help="Without such a scheduler: this process's number, from 0; process 0 writes the run.",
            show_default=False,
            rich_help_panel=HOSTS,
        ),
    ] = None,
) -> Hosts | None:
    """Return Hosts, or None if this process trains alone.

    Raises:
        UsageError: They contradict each other.
    """
    given = (coordinator, num_processes, process_id)
    if not distributed and given == (None, None, None):
        return None
    return Hosts(coordinator=coordinator, processes=num_processes, process=process_id)
