"""Which device JAX computes on."""

import jax

from mnistcli.config import DEVICES
from mnistcli.device.compilation_cache import enable_compilation_cache
from mnistcli.errors import UsageError, unknown


def use_device(name: str, *, cache: bool = True) -> jax.Device:
    """Make the named kind of device the one that JAX computes on, and return it.

    Args:
        name: "cpu", "gpu", "tpu", or "auto": the fastest kind that JAX finds.
        cache: Whether compiled programs are kept on disk and used again.

    Raises:
        UsageError: There is no such kind, or none of it here.
    """
    if name not in DEVICES:
        raise UsageError(unknown("device", name, DEVICES))
    if name == "cpu":
        jax.config.update("jax_platforms", "cpu")  # else JAX would take hold of an accelerator beside it
    if cache:
        enable_compilation_cache()
    device = _first_device(name)
    jax.config.update("jax_default_device", device)
    return device


def describe(device: jax.Device) -> str:
    """Return the device's name as results record it, as in "cpu" or "gpu (NVIDIA H100)"."""
    kind = device.device_kind
    return device.platform if kind.lower() == device.platform else f"{device.platform} ({kind})"


def visible_devices() -> list[jax.Device]:
    """Every device that JAX sees.

    Raises:
        UsageError: JAX cannot start the platform that JAX_PLATFORMS asks for.
    """
    try:
        return jax.devices()
    except RuntimeError as error:
        raise UsageError(f"JAX finds no device: {str(error).splitlines()[0]}") from error


def _first_device(name: str) -> jax.Device:
    visible = visible_devices()
    if name == "auto":
        return visible[0]
    try:
        return jax.devices(name)[0]
    except RuntimeError as error:
        found = ", ".join(sorted({device.platform for device in visible}))
        raise UsageError(
            f"There is no {name} that JAX can use here, only: {found}. Choose --device {found}."
        ) from error
