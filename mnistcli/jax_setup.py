"""JAX set up once, before a command uses it: its environment, its device, its compilation cache.

A run's weights follow from its configuration, so what people have set for other work must not reach it: JAX's and
Flax's environment variables are dropped, but for the choice of a platform and for what JAX logs.
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
from mnistcli.process import CAN_BIND, cores, require_threads, seen_as_one_core, undoing

if TYPE_CHECKING:
    import jax

KEPT_VARIABLES = {"JAX_PLATFORMS", "JAX_LOG_COMPILES", "JAX_LOGGING_LEVEL", "JAX_EXPLAIN_CACHE_MISSES"}
# From 0.10.2 until 0.12.0 XLA computes some fused reductions wrongly on a CPU, and crashes on others: JAX's issues
# 39103, 39257 and 40412. It does not where its YNNPACK gets only dot products, with nothing fused into them.
MISCOMPILING = (0, 10, 2), (0, 12, 0)
GUARD = "--xla_cpu_experimental_ynn_fusion_type=individual_dot"
FLAGS = "XLA_FLAGS"
PROBE = """
import jax
step = lambda _, x: x @ x + jax.random.uniform(jax.random.key(0, impl="rbg"), x.shape)
jax.jit(lambda x: jax.lax.fori_loop(0, 2, step, x))(jax.numpy.ones((2, 2)))
"""

# XLA ends the process where it gets fewer threads: 13 were seen on one core, 17 on two.
THREADS, THREADS_PER_CORE = 12, 5

ONE_THREAD = "cpu (1 thread)"  # the device of a process that computes with one thread, however many cores there are

JOINING_SECONDS = 120  # to wait for the other processes
SHUTDOWN_SECONDS = 86_400  # to wait for the first process, which scores and writes after the others have ended
HEARTBEAT_SECONDS = 30  # without a sign of life, after which a process is taken for lost

WORTH_KEEPING = 0.05  # seconds of compilation; each entry costs a look at all the others
LARGEST = 256 * 2**20  # bytes; JAX throws out what was not used for longest


def set_up(
    device: str = "auto",
    *,
    devices: int | None = None,
    hosts: Hosts | None = None,
    cache: bool = True,
    one_thread: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> str:
    """Set JAX up, and return what it computes on, such as "cpu", "gpu (NVIDIA H100)" or "cpu × 8, 2 processes".

    Args:
        device: "cpu", "gpu", "tpu", or "auto": the fastest kind that JAX finds.
        devices: How many of that kind each process uses; None: all, and with `one_thread` on a CPU one.
        hosts: The processes that train together; None: this one alone.
        cache: Whether compiled programs are kept on disk and used again.
        one_thread: Whether XLA computes with one thread where that device is a CPU: many processes at once then do more
            together. Some sums go in another order than with several threads.
        tell: Hears which variables of the environment are ignored.

    Raises:
        UsageError: There is no device of that kind here; or JAX or XLA refuses the environment.
        LimitError: The system refuses the threads that XLA needs.
        LostProcessError: The other processes could not be reached.
    """
    require_threads(THREADS + THREADS_PER_CORE * cores())
    tell_ignored(tell)
    try:
        import jax
    except ValueError as error:  # one of KEPT_VARIABLES has a value that JAX does not know
        raise UsageError(f"JAX refuses its environment variables: {error}") from error
    if cache:
        _keep_compiled_programs()
    # JAX_PLATFORMS is for auto; and for the CPU JAX need not take hold of an accelerator beside it.
    if device != "auto":
        jax.config.update("jax_platforms", "cpu" if device == "cpu" else "")
    with seen_as_one_core() if one_thread else nullcontext():
        if hosts is not None:
            _join(hosts)
        found = _find_devices(device)
    on_one_thread = one_thread and CAN_BIND and found[0].platform == "cpu"
    own = _choose(found, devices or (1 if on_one_thread else len(found)))
    used = own if hosts is None else _choose_everywhere(own, all_of_them=devices is None)
    from mnistcli.mesh import use_devices

    use_devices(used, all_of_them=devices is not None or hosts is not None)
    jax.config.update("jax_default_device", own[0])
    name = _describe(own[0]) if len(used) == 1 else f"{_describe(own[0])} × {len(used)}"
    if hosts is not None:
        name += f", {jax.process_count()} processes"
    return ONE_THREAD if on_one_thread and len(used) == 1 else name


def tell_ignored(tell: Callable[[str], None]) -> None:
    """Prepare this process's environment for JAX, here and in processes that it starts; tell what is dropped.

    Raises:
        UsageError: As of `prepare_environment`.
    """
    if ignored := prepare_environment():
        tell(f"Ignored, so that the same command gives the same result: {', '.join(ignored)}.")


def visible_devices() -> list[str]:
    """Return the name of every device that JAX sees, once it is set up."""
    import jax

    return [_describe(device) for device in jax.devices()]


@once
def prepare_environment() -> list[str]:
    """Change this process's environment to what JAX must find when it starts, and return the variables dropped.

    Raises:
        UsageError: XLA refuses the user's XLA_FLAGS; it would end the process.
    """
    named = sorted(name for name in os.environ if name.startswith(("JAX_", "FLAX_")) and name not in KEPT_VARIABLES)
    dropped = [] if "jax" in sys.modules else named  # a notebook's JAX has read them
    for name in dropped:
        del os.environ[name]
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # else three quarters of a GPU's memory are taken
    flags = _user_flags()
    if flags.endswith(GUARD):  # the process that started this one has prepared it
        return dropped
    first_wrong, first_right = MISCOMPILING
    if first_wrong <= _release(version("jaxlib")) < first_right:
        os.environ[FLAGS] = f"{flags} {GUARD}".strip()  # of two values XLA takes the last
    if flags:
        _check_flags()
    return dropped


def cache_folder() -> Path:
    """Return the folder of compiled programs for this jaxlib, this CPU and these flags; it need not exist.

    What lies in it is machine code that runs: the folder is the user's alone. A broken entry only means compiling
    again.
    """
    return user_cache() / "xla" / f"jaxlib-{version('jaxlib')}-{_fingerprint()}"


def _check_flags() -> None:
    """Try the flags in a process of its own: XLA ends the process in which it meets one that it cannot obey."""
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_TRACEBACK_FILTERING": "off"}
    environment.pop("PJRT_NAMES_AND_LIBRARY_PATHS", None)
    command = [sys.executable, "-P", "-c", PROBE]
    streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, errors="replace", **streams) as probe, undoing(probe.kill):  # noqa: S603
        _, errors = probe.communicate()
    if probe.returncode:
        said = re.search(r"^(?:[EF]\d{4} .*?\]|[\w.]+Error:) (.+?)\.?(?: \(.*)?$", errors, re.MULTILINE)
        raise _refused_flags(said[1] if said else f"it ended with code {probe.returncode}")


def _user_flags() -> str:
    """Return the flags themselves: XLA_FLAGS may name a file of them.

    XLA reads no further than the first word that is not a flag, and to the end of a quotation: not as far as ours.
    """
    text = os.environ.get(FLAGS, "").strip()
    try:
        if text and not text.startswith("-"):
            text = Path(text).read_text(encoding="utf-8")
        words = shlex.split(text)
    except OSError as error:
        raise _refused_flags(f"it is not a flag, nor a file that can be read ({error.strerror})") from error
    except ValueError as error:  # another encoding, a quotation that does not end
        raise _refused_flags(str(error)) from error
    for word in words:
        if not word.startswith("-"):
            raise _refused_flags(f"{word!r} is not a flag")
    return text.strip()


def _refused_flags(reason: str) -> UsageError:
    return UsageError(f"XLA refuses {FLAGS}={os.environ[FLAGS]!r}: {reason}; correct or unset it.")


def _release(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


def _join(hosts: Hosts) -> None:
    """Join the processes that train together."""
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
    """Send what XLA and its transports write to file descriptors nowhere: one of these is the result's.

    Python's own streams go on.
    """
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        for name, descriptor in (("stdout", 1), ("stderr", 2)):
            getattr(sys, name).flush()
            setattr(sys, name, os.fdopen(os.dup(descriptor), "w", encoding="utf-8", errors="backslashreplace"))
            os.dup2(nowhere.fileno(), descriptor)


def _choose(found: "list[jax.Device]", n: int) -> "list[jax.Device]":
    if n > len(found):
        platform = found[0].platform
        devices = f"{len(found)} {platform} device{'s' * (len(found) > 1)}"
        how = f": XLA_FLAGS=--xla_force_host_platform_device_count={n} splits a CPU" if platform == "cpu" else ""
        raise UsageError(f"JAX finds {devices} here, but --devices asks for {n}{how}.")
    return found[:n]


def _choose_everywhere(own: "list[jax.Device]", *, all_of_them: bool) -> "list[jax.Device]":
    """Return the devices that all processes use, as many in each as in this one.

    Raises:
        UsageError: Some have more than others, and all are to be used.
    """
    import jax

    every = jax.devices(own[0].platform)
    by_process = [[each for each in every if each.process_index == i] for i in range(jax.process_count())]
    counts = [len(each) for each in by_process]
    if all_of_them and len({*counts}) > 1:
        told, least = ", ".join(map(str, counts)), min(counts)
        raise UsageError(f"The processes have different numbers of devices ({told}): give each --devices {least}.")
    return [device for devices in by_process for device in devices[: len(own)]]


def _find_devices(name: str) -> "list[jax.Device]":
    """Return this process's devices of a kind."""
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


def _describe(device: "jax.Device") -> str:
    kind = device.device_kind
    return device.platform if kind.lower() == device.platform else f"{device.platform} ({kind})"


def _keep_compiled_programs() -> None:
    """Let JAX keep compiled programs, where the folder can be made and is nobody else's."""
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
