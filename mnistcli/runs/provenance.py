"""Where a result comes from: the command, the versions, the machine."""

import platform
import subprocess
import sys
from importlib.metadata import version
from typing import Any

PACKAGES = ("mnistcli", "jax", "jaxlib", "flax", "optax", "numpy")


def provenance(*, device: str, data_fingerprint: str) -> dict[str, Any]:
    """Return all that repeating a run needs beside its configuration."""
    return {
        "argv": sys.argv,
        "versions": versions(),
        "platform": platform.platform(),
        "device": device,
        "data_fingerprint": data_fingerprint,
        "git_commit": _git_commit(),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide a run's weights."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def _git_commit() -> str | None:
    """Return the commit of the folder that the program is called in, where there is one."""
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True)  # noqa: S607
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
