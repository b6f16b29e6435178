"""JAX's persistent compilation cache in a folder of the user's own.

What lies in it is machine code that runs: the folder is the user's alone, and another jaxlib, or a CPU with other
features, gets another one. A broken entry only means compiling again.
"""

import hashlib
import os
import platform
import warnings
from importlib.metadata import version
from pathlib import Path

import jax

from mnistcli.files import user_cache

WORTH_KEEPING = 0.05  # seconds of compilation; each entry costs a look at all the others
LARGEST = 256 * 2**20  # bytes; JAX throws out what was not used for longest


def cache_folder() -> Path:
    """Return the folder for this jaxlib and this CPU ; it need not exist."""
    return user_cache() / "xla" / f"jaxlib-{version('jaxlib')}-{_cpu_fingerprint()}"


def enable_compilation_cache() -> None:
    """Let JAX keep compiled programs, where the folder can be made and is nobody else's."""
    folder = cache_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = _is_private(folder)
    except OSError:
        return
    if not private:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", LARGEST)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", WORTH_KEEPING)
    warnings.filterwarnings("ignore", message=".*persistent compilation cache.*")


def _is_private(folder: Path) -> bool:
    if not hasattr(os, "getuid"):
        return True
    status = folder.stat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022 and os.access(folder, os.W_OK)


def _cpu_fingerprint() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        features = next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        features = platform.processor()
    return hashlib.sha256(f"{platform.machine()} {features}".encode()).hexdigest()[:12]
