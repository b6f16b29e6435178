"""Where a result comes from: command, versions, machine."""

import platform
import subprocess
import sys
from importlib.metadata import version
from typing import Any

PACKAGES = ("mnistcli", "jax", "jaxlib", "flax", "optax", "numpy")


def provenance(*, device: str, data_fingerprint: str) -> dict[str, Any]:
    """Return everything that repeating a run needs, except its configuration."""
    return {
        "argv": sys.argv,
        "versions": versions(),
        "platform": platform.platform(),
        "device": device,
        "data_fingerprint": data_fingerprint,
        "git_commit": _git_commit(),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that determine a run's weights."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def _git_commit() -> str | None:
    """Return the Git commit of the working directory; None if it is not in a repository."""
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True)  # noqa: S607
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
