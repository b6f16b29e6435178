"""Check whether the program works here: versions, devices, the compiler, folders, and two steps of training."""

import platform
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import jax
import jax.numpy as jnp

from mnistcli.commands.accelerators import accelerator_checks
from mnistcli.commands.course import Session
from mnistcli.commands.train import train
from mnistcli.datasets import verify_embedded
from mnistcli.errors import InterruptedRunError, MnistcliError
from mnistcli.jax_setup import cache_folder, visible_devices
from mnistcli.models import configure
from mnistcli.results.lists import Check
from mnistcli.runs import RunsFolder

PACKAGES = (
    "mnistcli",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "numpy",
    "tensorflow-datasets",
    "tensorflow-cpu",
    "tensorflow",
)


def diagnose(runs_dir: Path, *, device: str, asked: str) -> list[Check]:
    """Return the checks, one per line of output.

    `device` is the name of the device that JAX uses, `asked` the value of --device.
    """
    return [
        Check("Python", f"{platform.python_version()} on {platform.platform()}"),
        *(Check(name, _version(name)) for name in PACKAGES),
        Check("devices", ", ".join(visible_devices())),
        Check("device used", device),
        *(accelerator_checks(device) if asked != "cpu" else ()),
        _compiler_check(),
        _folder_check("runs folder", runs_dir),
        _folder_check("compilation cache", cache_folder()),
        _data_check(),
        _training_check(device),
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _folder_check(name: str, path: Path) -> Check:
    """Check that files can be created in the folder, or in its nearest existing parent."""
    path = path.absolute()
    try:
        nearest = next(folder for folder in (path, *path.parents) if folder.exists())
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        return Check(name, f"{path}: {error.strerror}", ok=False)
    return Check(name, str(path) if path == nearest else f"{path} (does not exist yet)")


def _data_check() -> Check:
    broken = [check.file for check in verify_embedded() if not check.ok]
    return Check(
        "embedded MNIST", f"damaged: {', '.join(broken)}" if broken else "4 files, as published", ok=not broken
    )


def _compiler_check() -> Check:
    """Check that XLA compiles sums of squares of products correctly, which jaxlib 0.10.2 did not.

    The numbers are from JAX's issue 39103: the last row is [n, 0, 0], and its sum of squares n².
    """
    n = 2**15

    @jax.jit
    def sums_of_squares(rows: jax.Array) -> jax.Array:
        return jax.vmap(lambda row: jnp.sum((jnp.eye(3) @ row) ** 2))(rows)

    rows = jnp.zeros((n + 1, 3)).at[:, 0].set(jnp.arange(n + 1))
    found = float(sums_of_squares(rows)[-1])
    if found != n**2:
        return Check("compiler", f"XLA computes a sum of squares as {found:,.0f} instead of {n**2:,}", ok=False)
    return Check("compiler", f"computes sums correctly ({n**2:,})")


def _training_check(device: str) -> Check:
    """Train `dense` for two steps in a temporary folder."""
    started = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as folder:
            config = configure("dense", epochs=1, batch_size=32, limit=64)
            train(config, Session(lambda _: None, device), runs=RunsFolder(Path(folder)))
    except InterruptedRunError as error:
        raise InterruptedRunError("Interrupted.") from error
    except (MnistcliError, OSError, jax.errors.JaxRuntimeError) as error:
        return Check("two training steps", str(error), ok=False)
    return Check("two training steps", f"{time.perf_counter() - started:.1f} s, including compilation")
