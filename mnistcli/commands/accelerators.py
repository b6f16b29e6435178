"""Find out why JAX cannot use this machine's accelerators, and what to install."""

import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from mnistcli.results.lists import Check

# The oldest driver for each of JAX's CUDA plugins. Source: the CUDA Toolkit release notes, "CUDA Driver".
DRIVERS = {"13": 580, "12": 525}
QUERY = ["--query-gpu=name,driver_version,memory.used,memory.total", "--format=csv,noheader,nounits"]
TAKEN = 0.9  # fraction of a GPU's memory in use; training is likely to fail if more is taken
SECONDS = 20  # to wait for nvidia-smi
NO_ANSWER = "The NVIDIA driver does not answer ({}): restart the machine or reinstall the driver."


class Gpu(NamedTuple):
    """A GPU as its driver describes it; memory in MiB."""

    name: str
    driver: str
    used: int
    total: int


def accelerator_checks(device: str) -> list[Check]:
    """Check this machine's GPUs and TPUs; `device` is the name of the device that JAX uses."""
    found = _nvidia_gpus()
    if isinstance(found, str):
        return [Check("accelerator", found, ok=False)]
    if found:
        return [_check_nvidia(found, used=device.startswith("gpu"))]
    if any(Path("/dev").glob("accel*")) and not device.startswith("tpu"):
        return [_missing("a TPU", "libtpu", "pip install 'jax[tpu]'")]
    if Path("/dev/kfd").exists() and not device.startswith("gpu"):
        return [_missing("an AMD GPU", "jax-rocm7-plugin", "see the ROCm section of JAX's installation guide")]
    return [Check("accelerator", "none found" if device.startswith("cpu") else "in use")]


def _nvidia_gpus() -> list[Gpu] | str:
    """Return the GPUs, or a sentence that says why the driver does not list them."""
    if shutil.which("nvidia-smi") is None:
        return []
    try:
        answer = subprocess.run(  # noqa: S603
            ["nvidia-smi", *QUERY],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return NO_ANSWER.format(type(error).__name__)
    if answer.returncode:
        message = next(iter((answer.stdout + answer.stderr).strip().splitlines()), f"code {answer.returncode}")
        return NO_ANSWER.format(message.rstrip("."))
    rows = [line.split(", ") for line in answer.stdout.splitlines()]
    return [Gpu(row[0], row[1], _number(row[2]), _number(row[3])) for row in rows if len(row) == 4]


def _check_nvidia(gpus: list[Gpu], *, used: bool) -> Check:
    first = gpus[0]
    here = f"{first.name}{f' and {len(gpus) - 1} more' if len(gpus) > 1 else ''}, driver {first.driver}"
    driver = _number(first.driver.partition(".")[0])
    fitting = next((cuda for cuda, least in DRIVERS.items() if driver >= least), None)
    install = f"pip install 'jax[cuda{fitting}]=={version('jax')}'"
    if fitting is None:
        return _wrong(here, f"the driver is too old for JAX, which needs {min(DRIVERS.values())} or newer: update it")
    plugins = {cuda: found for cuda in DRIVERS if (found := _installed(f"jax-cuda{cuda}-plugin"))}
    if not plugins:
        return _wrong(here, f"only JAX for CPUs is installed: {install}")
    cuda, plugin = next(iter(plugins.items()))
    if driver < DRIVERS[cuda]:
        return _wrong(here, f"jax-cuda{cuda}-plugin needs driver {DRIVERS[cuda]} or newer: update it, or {install}")
    if plugin != version("jaxlib"):
        return _wrong(here, f"jax-cuda{cuda}-plugin {plugin} does not match jaxlib {version('jaxlib')}: {install}")
    if full := [gpu for gpu in gpus if gpu.total and gpu.used > TAKEN * gpu.total]:
        taken = f"{full[0].used:,} of {full[0].total:,} MiB of its memory are in use"
        return _wrong(here, f"{taken}: 'nvidia-smi' shows the processes")
    if not used:
        return _wrong(here, "JAX does not use it: check CUDA_VISIBLE_DEVICES, JAX_PLATFORMS and --device")
    return Check("accelerator", here)


def _missing(what: str, package: str, install: str) -> Check:
    why = "JAX does not use it" if _installed(package) else f"{package} is not installed: {install}"
    return _wrong(what, why)


def _wrong(here: str, why: str) -> Check:
    return Check("accelerator", f"{here}; {why}", ok=False)


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _number(text: str) -> int:
    found = re.search(r"\d+", text)
    return int(found[0]) if found else 0
