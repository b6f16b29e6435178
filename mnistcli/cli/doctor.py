"""mnistcli doctor."""

import typer

from mnistcli.cli.compute import Compute
from mnistcli.cli.face import Face
from mnistcli.cli.options import RunsDir
from mnistcli.config import RUNS_DIR
from mnistcli.errors import ExitCode, UsageError

EXAMPLES = ["mnistcli doctor", "mnistcli doctor --device gpu --json"]


def doctor(face: Face, compute: Compute, *, runs_dir: RunsDir = RUNS_DIR) -> None:
    """Check the installation: versions, devices, compiler, folders, data, and two steps of training."""
    try:
        used = compute.start(face)
    except UsageError as error:
        from mnistcli.commands.accelerators import accelerator_checks

        problems = [f"{check.value}." for check in accelerator_checks("cpu") if not check.ok]
        raise UsageError(" ".join([str(error), *problems])) from error

    from mnistcli.commands.doctor import diagnose
    from mnistcli.render.doctor import diagnosis_view

    checks = diagnose(runs_dir, device=used, asked=compute.device)
    face.show(diagnosis_view(checks))
    if not all(check.ok for check in checks):
        face.complain("Something is wrong with this installation: see the lines marked above.")
        raise typer.Exit(ExitCode.FAILED)
