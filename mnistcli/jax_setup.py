"""Set JAX up once, before a command uses it: its environment, its devices, its compilation cache.

A run's configuration alone must determine its weights. So the environment variables of JAX and Flax, which users may
have set for other work, are removed, except those for the platform and for logging.
"""

import hashlib
import os
import platform
import re
import shlex
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache as once
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnistcli.config import Hosts
from mnistcli.errors import LostProcessError, UsageError
from mnistcli.files import private_folder, user_cache
from mnistcli.process import CAN_BIND, cleaning_up, cores, hide_other_cores, require_threads

if TYPE_CHECKING:
    import jax

KEPT_VARIABLES = {"JAX_PLATFORMS", "JAX_LOG_COMPILES", "JAX_LOGGING_LEVEL", "JAX_EXPLAIN_CACHE_MISSES"}
# From 0.10.2 until 0.12.0, XLA computes some fused reductions wrongly on a CPU, and crashes on others: JAX's issues
# 39103, 39257 and 40412. This flag avoids that: YNNPACK then gets only dot products, with nothing fused into them.
MISCOMPILING = (0, 10, 2), (0, 12, 0)
GUARD = "--xla_cpu_experimental_ynn_fusion_type=individual_dot"
FLAGS = "XLA_FLAGS"
PROBE = """
import jax
step = lambda _, x: x @ x + jax.random.uniform(jax.random.key(0, impl="rbg"), x.shape)
jax.jit(lambda x: jax.lax.fori_loop(0, 2, step, x))(jax.numpy.ones((2, 2)))
"""

# XLA aborts the process if it gets fewer threads: it used 13 on one core, 17 on two.
THREADS, THREADS_PER_CORE = 12, 5

ONE_THREAD = "cpu (1 thread)"  # name of the device when XLA computes with a single thread, on any number of cores

JOINING_SECONDS = 120  # how long to wait for the other processes
SHUTDOWN_SECONDS = 86_400  # how long to wait for the first process, which scores and writes last
HEARTBEAT_SECONDS = 30  # without an answer, after which a process counts as lost

WORTH_KEEPING = 0.05  # seconds of compilation; JAX checks all entries for each that it adds
LARGEST = 256 * 2**20  # bytes; JAX removes the least recently used entries


def set_up(
    device: str = "auto",
    *,
    devices: int | None = None,
    hosts: Hosts | None = None,
    cache: bool = True,
    one_thread: bool = False,
    notify: Callable[[str], None] = lambda _: None,
) -> str:
    """Set JAX up and return the name of its device, such as "cpu", "gpu (NVIDIA H100)" or "cpu × 8, 2 processes".

    Args:
        device: "cpu", "gpu", "tpu", or "auto": the fastest kind that JAX finds.
        devices: How many of that kind each process uses; None: all, or one with `one_thread` on a CPU.
        hosts: The processes that train together; None: only this one.
        cache: Whether to keep compiled programs on disk and reuse them.
        one_thread: Whether XLA computes with one thread if the device is a CPU: several processes at once are then
            faster in total. Some sums are added in another order than with several threads.
        notify: Called with a sentence that names the environment variables that are ignored.

    Raises:
        UsageError: There is no device of that kind, or JAX or XLA rejects the environment variables.
        LimitError: The system does not allow the threads that XLA needs.
        LostProcessError: The other processes could not be reached.
    """
    require_threads(THREADS + THREADS_PER_CORE * cores())
    tell_ignored(notify)
    _start_jax(device, cache=cache)
    with hide_other_cores() if one_thread else nullcontext():
        if hosts is not None:
            _join(hosts)
        found = _find_devices(device)
    on_one_thread = one_thread and CAN_BIND and found[0].platform == "cpu"
    own = _take_devices(found, devices or (1 if on_one_thread else len(found)))
    used = own if hosts is None else _take_devices_of_all(own, all_of_them=devices is None)
    import jax

    from mnistcli.mesh import use_devices

    use_devices(used, all_of_them=devices is not None or hosts is not None)
    jax.config.update("jax_default_device", own[0])
    name = name_devices(own[0], len(used))
    if hosts is not None:
        name += f", {jax.process_count()} processes"
    return ONE_THREAD if on_one_thread and len(used) == 1 else name


def name_devices(device: "jax.Device", n: int) -> str:
    """Return the name of n devices of one kind: "cpu", "gpu (NVIDIA H100) × 8"."""
    kind = device.device_kind
    name = device.platform if kind.lower() == device.platform else f"{device.platform} ({kind})"
    return name if n == 1 else f"{name} × {n}"


def tell_ignored(notify: Callable[[str], None]) -> None:
    """Prepare the environment for JAX, in this process and its children, and notify of the variables that are ignored.

    Raises:
        UsageError: As `prepare_environment`.
    """
    if ignored := prepare_environment():
        notify(f"Ignoring {', '.join(ignored)}, so that the same command gives the same result.")


def visible_devices() -> list[str]:
    """Return the names of all devices that JAX sees; call `set_up` first."""
    import jax

    return [name_devices(device, 1) for device in jax.devices()]


@once
def prepare_environment() -> list[str]:
    """Prepare this process's environment for JAX, and return the names of the variables that were removed.

    Raises:
        UsageError: XLA would abort the process because of the user's XLA_FLAGS.
    """
    dropped = sorted(name for name in os.environ if name.startswith(("JAX_", "FLAX_")) and name not in KEPT_VARIABLES)
    for name in dropped:
        del os.environ[name]
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the default takes 3/4 of a GPU's memory
    flags = _user_flags()
    if flags.endswith(GUARD):  # the parent process has prepared it
        return dropped
    first_wrong, first_right = MISCOMPILING
    if first_wrong <= _version_tuple(version("jaxlib")) < first_right:
        os.environ[FLAGS] = f"{flags} {GUARD}".strip()  # if a flag is given twice, XLA takes the last
    if flags:
        _check_flags()
    return dropped


def cache_folder() -> Path:
    """Return the folder of compiled programs for this jaxlib, CPU and XLA_FLAGS; it may not exist yet.

    Its files are machine code that will run, so the folder must be private to the user. If an entry is damaged, the
    program is compiled again.
    """
    return user_cache() / "xla" / f"jaxlib-{version('jaxlib')}-{_fingerprint()}"


def _start_jax(device: str, *, cache: bool) -> None:
    """Import JAX and configure its platform and its compilation cache."""
    try:
        import jax
    except ValueError as error:  # JAX does not know the value of one of KEPT_VARIABLES
        raise UsageError(f"JAX rejects its environment variables: {error}") from error
    if cache:
        _enable_compilation_cache()
    # JAX_PLATFORMS counts only for "auto"; and with "cpu", JAX should not initialise an accelerator.
    if device != "auto":
        jax.config.update("jax_platforms", "cpu" if device == "cpu" else "")


def _check_flags() -> None:
    """Try the flags in a child process: XLA aborts a process if it does not know a flag or its value."""
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_TRACEBACK_FILTERING": "off"}
    environment.pop("PJRT_NAMES_AND_LIBRARY_PATHS", None)
    command = [sys.executable, "-P", "-c", PROBE]
    streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, errors="replace", **streams) as probe, cleaning_up(probe.kill):  # noqa: S603
        _, errors = probe.communicate()
    if probe.returncode:
        message = re.search(r"^(?:[EF]\d{4} .*?\]|[\w.]+Error:) (.+?)\.?(?: \(.*)?$", errors, re.MULTILINE)
        raise _rejected_flags(message[1] if message else f"it ended with code {probe.returncode}")


def _user_flags() -> str:
    """Return the flags in XLA_FLAGS, or in the file that it names.

    XLA stops reading at the first word that is not a flag, and at an unclosed quotation mark, and so would ignore the
    flag that we append. Such values are refused.
    """
    text = os.environ.get(FLAGS, "").strip()
    try:
        if text and not text.startswith("-"):
            text = Path(text).read_text(encoding="utf-8")
        words = shlex.split(text)
    except OSError as error:
        raise _rejected_flags(f"it is neither a flag nor a file that can be read ({error.strerror})") from error
    except ValueError as error:  # not UTF-8, or a quotation mark is not closed
        raise _rejected_flags(str(error)) from error
    for word in words:
        if not word.startswith("-"):
            raise _rejected_flags(f"{word!r} is not a flag")
    return text.strip()


def _rejected_flags(reason: str) -> UsageError:
    return UsageError(f"XLA rejects {FLAGS}={os.environ[FLAGS]!r}: {reason}; correct or unset it.")


def _version_tuple(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


def _join(hosts: Hosts) -> None:
    """Connect to the other processes of this training."""
    import jax

    _silence_libraries()
    address = hosts.coordinator
    try:
        jax.distributed.initialize(
            address,
            hosts.processes,
            hosts.process,
            coordinator_bind_address=address,
            initialization_timeout=JOINING_SECONDS,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=SHUTDOWN_SECONDS,
        )
    except ValueError as error:
        raise UsageError(
            "--distributed finds neither Slurm, Open MPI, Kubernetes nor a Cloud TPU here: give --coordinator "
            "HOST:PORT, --num-processes and --process-id."
        ) from error
    except RuntimeError as error:
        where = f" at {address}" if address else ""
        raise LostProcessError(
            f"The processes of this training did not all connect{where}: {str(error).splitlines()[0]}."
        ) from error


def _silence_libraries() -> None:
    """Discard what XLA and its transports write to file descriptors 1 and 2: stdout is for the result alone.

    Python's own streams keep working.
    """
    with open(os.devnull, "w") as discard:  # noqa: PTH123
        for name, descriptor in (("stdout", 1), ("stderr", 2)):
            getattr(sys, name).flush()
            setattr(sys, name, os.fdopen(os.dup(descriptor), "w", encoding="utf-8", errors="backslashreplace"))
            os.dup2(discard.fileno(), descriptor)


def _take_devices(found: "list[jax.Device]", n: int) -> "list[jax.Device]":
    if n > len(found):
        platform = found[0].platform
        devices = f"{len(found)} {platform} device{'s' * (len(found) > 1)}"
        how = f": set XLA_FLAGS=--xla_force_host_platform_device_count={n} to split a CPU" if platform == "cpu" else ""
        raise UsageError(f"JAX finds only {devices} here, but --devices asks for {n}{how}.")
    return found[:n]


def _take_devices_of_all(own: "list[jax.Device]", *, all_of_them: bool) -> "list[jax.Device]":
    """Return the devices of all processes, the same number from each as from this one.

    Raises:
        UsageError: Some processes have more devices than others, and all are to be used.
    """
    import jax

    every = jax.devices(own[0].platform)
    by_process = [[each for each in every if each.process_index == i] for i in range(jax.process_count())]
    counts = [len(each) for each in by_process]
    if all_of_them and len({*counts}) > 1:
        jax.distributed.shutdown()  # waits for the others, which would otherwise only see that this process ended
        listed, fewest = ", ".join(map(str, counts)), min(counts)
        raise UsageError(f"The processes have different numbers of devices ({listed}): give each --devices {fewest}.")
    return [device for devices in by_process for device in devices[: len(own)]]


def _find_devices(name: str) -> "list[jax.Device]":
    """Return this process's devices of a kind: "cpu", "gpu", "tpu", or "auto"."""
    import jax

    try:
        return jax.local_devices(backend=None if name == "auto" else name)
    except Exception as error:
        from jax.extend.backend import clear_backends

        clear_backends()
        jax.config.update("jax_platforms", "")
        try:
            found = sorted({device.platform for device in jax.devices()})
        except RuntimeError as broken:
            raise UsageError(f"JAX cannot start with these environment variables: {broken}") from broken
        wanted = f"JAX finds no {name} here"
        if name == "auto":
            wanted = f"JAX finds no device for JAX_PLATFORMS={os.environ.get('JAX_PLATFORMS')!r}"
        raise UsageError(f"{wanted}, only {' and '.join(found)}: use --device {' or '.join(found)}.") from error


def _enable_compilation_cache() -> None:
    """Let JAX keep compiled programs, if their folder can be created and is private to the user."""
    import jax

    folder = private_folder(cache_folder())
    if folder is None:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", LARGEST)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", WORTH_KEEPING)
    warnings.filterwarnings("ignore", message=".*persistent compilation cache.*")


def _fingerprint() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        features = next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        features = platform.processor()
    return hashlib.sha256(f"{platform.machine()} {features} {os.environ.get(FLAGS)}".encode()).hexdigest()[:12]
