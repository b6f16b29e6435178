"""JAX as the program sets it up: right sums, nothing from the environment that changes a run, a private cache."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from tests.conftest import Call, Outcome

TRAIN = ("train", "--arch", "linear", "--epochs", "1", "--limit", "200", "--no-plots", "--json")
# After the command, in its process, JAX's issue 39103: products, and of each row the sum of its squares.
THEN_SUM = """
import sys
from mnistcli.cli.app import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
import jax, jax.numpy as jnp
rows = jnp.stack([jnp.arange(32769.0), jnp.zeros(32769), jnp.zeros(32769)], axis=1)
print(float(jax.jit(jax.vmap(lambda row: jnp.sum((jnp.eye(3) @ row) ** 2)))(rows)[-1]), file=sys.stderr)
"""
USING_JAX = [
    "train --arch linear --epochs 1 --limit 64 --no-plots",
    "evaluate linear",
    "compare linear dense",
    "data audit --run linear",
    "data show --wrong linear",
    "predict digits/test-0000-7.png --device cpu",
    "predict digits/test-0000-7.png --explain why.png",
]
# A value that JAX takes and that would change types, compilation, numbers or checks, and one that it refuses.
FOR_OTHER_WORK = {
    "JAX_ENABLE_X64": "1",
    "JAX_DISABLE_JIT": "1",
    "JAX_DEBUG_NANS": "1",
    "JAX_DEBUG_INFS": "1",
    "JAX_CHECK_TRACER_LEAKS": "1",
    "JAX_TRANSFER_GUARD": "disallow",
    "JAX_NUMPY_RANK_PROMOTION": "raise",
    "JAX_NUMPY_DTYPE_PROMOTION": "strict",
    "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
    "JAX_DEFAULT_PRNG_IMPL": "threefry2x32",
    "JAX_RANDOM_SEED_OFFSET": "7",
    "JAX_NUM_CPU_DEVICES": "3",
    "JAX_ENABLE_COMPILATION_CACHE": "0",
    "JAX_COMPILATION_CACHE_DIR": "/proc/nowhere",
    "JAX_COMPILATION_CACHE_MAX_SIZE": "nonsense",
    "JAX_ENABLE_CHECKS": "nonsense",
    "FLAX_LAZY_RNG": "nonsense",
}


def environment(**variables: str) -> dict[str, str]:
    """Return a user's environment: without the guard that this process has, and with these variables."""
    return {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"} | variables


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def entries(cache: Path, kind: str = "cache") -> dict[Path, bytes]:
    """Compiled programs in JAX's cache, or the times of their last use ("atime")."""
    return {path: path.read_bytes() for path in cache.rglob(f"*-{kind}") if path.is_file()}


@pytest.fixture(scope="module")
def folder(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs and the picture of a digit."""
    folder = tmp_path_factory.mktemp("using-jax")
    (folder / "runs").symlink_to(workspace / "runs")
    export = [sys.executable, "-m", "mnistcli", "data", "export", "--limit", "1", "digits"]
    subprocess.run(export, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("command", USING_JAX)
def test_what_a_command_s_process_compiles_adds_up_rightly(command: str, folder: Path, tmp_path: Path) -> None:
    runs = tmp_path if command.startswith("train") else folder / "runs"
    done = subprocess.run(
        [sys.executable, "-c", THEN_SUM, *command.split()],
        cwd=folder, env=environment(MNISTCLI_RUNS_DIR=str(runs)), capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1:] == [f"{2.0**30}"], done.stderr


@pytest.mark.parametrize("in_a_file", [False, True])
def test_the_user_s_xla_flags_stand_beside_the_guard(spawn: Call, tmp_path: Path, in_a_file: bool) -> None:
    flags = "--xla_force_host_platform_device_count=3"
    if in_a_file:
        (tmp_path / "flags.txt").write_text(f"{flags}\n")
        flags = "flags.txt"
    outcome = spawn("doctor", "--json", env=environment(XLA_FLAGS=flags))
    found = {check["name"]: check for check in outcome.json["checks"]}
    assert (outcome.code, found["devices"]["value"]) == (0, "cpu, cpu, cpu")
    assert "1,073,741,824" in found["compiler"]["value"]


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("XLA_FLAGS", "--nonsense", "Unknown flag in XLA_FLAGS: --nonsense"),
        ("XLA_FLAGS", "--xla_force_host_platform_device_count=abc", "interpret value abc"),
        ("XLA_FLAGS", "--xla_force_host_platform_device_count=0", "correct or unset it"),
        ("XLA_FLAGS", "--xla_disable_all_hlo_passes=true", "correct or unset it"),
        ("XLA_FLAGS", "nowhere.txt", "nowhere.txt"),
        ("XLA_FLAGS", "--xla_force_host_platform_device_count=2 junk", "'junk' is not a flag"),
        ("XLA_FLAGS", "--xla_dump_to='abc", "No closing quotation"),
        ("XLA_FLAGS", "/", "Is a directory"),
        ("JAX_PLATFORMS", "cuda", "only cpu: use --device cpu."),
        ("JAX_PLATFORMS", "nonsense", "only cpu: use --device cpu."),
        ("JAX_LOG_COMPILES", "perhaps", "'perhaps'"),
    ],
)
def test_what_jax_and_xla_refuse_is_one_sentence_before_any_run_is_begun(
    spawn: Call, tmp_path: Path, variable: str, value: str, said: str
) -> None:
    outcome = spawn(*TRAIN, env=environment(**{variable: value}))
    (sentence,) = outcome.err.splitlines()
    assert (outcome.code, sentence.startswith("mnistcli: ")) == (2, True)
    assert all(word in sentence for word in (variable, said))
    assert list(tmp_path.iterdir()) == []


def test_device_chooses_whatever_jax_platforms_says(spawn: Call) -> None:
    outcome = spawn(*TRAIN, "--device", "cpu", env=environment(JAX_PLATFORMS="cuda"))
    assert (outcome.code, outcome.json["device"]) == (0, "cpu")


def test_jax_s_variables_for_other_work_are_named_and_change_no_bit(spawn: Call, tmp_path: Path) -> None:
    def train(name: str, variables: dict[str, str]) -> tuple[Outcome, dict[str, bytes]]:
        outcome = spawn(*TRAIN, "--name", name, env=environment(**variables))
        assert outcome.code == 0, outcome.err
        tensors = load_file(tmp_path / "runs" / name / "last.safetensors")
        return outcome, {path: tensor.tobytes() for path, tensor in tensors.items()}

    plain, weights = train("plain", {})
    other, same = train("other", FOR_OTHER_WORK)
    assert (other.json["test_loss"], same) == (plain.json["test_loss"], weights)
    (named,) = [line for line in other.err.splitlines() if line.startswith("Ignoring")]
    assert all(name in named for name in FOR_OTHER_WORK)
    assert "Ignoring" not in plain.err


def test_what_jax_logs_can_be_asked_for(spawn: Call) -> None:
    outcome = spawn(*TRAIN, env=environment(JAX_LOG_COMPILES="1"))
    assert outcome.code == 0
    assert "Compiling" in outcome.err


def test_compiled_programs_are_kept_privately_and_used_again(spawn: Call, cache: Path) -> None:
    own = environment(MNISTCLI_CACHE_DIR=str(cache))
    first = spawn(*TRAIN, env=own)
    kept, used = entries(cache), entries(cache, "atime")
    assert kept
    assert stat.S_IMODE(next(iter(kept)).parent.stat().st_mode) == 0o700
    again = spawn(*TRAIN, env=own)
    assert kept.items() <= entries(cache).items()
    now = entries(cache, "atime")
    assert all(now[path] != then for path, then in used.items())
    assert again.json["test_loss"] == first.json["test_loss"]


def test_programs_compiled_with_other_flags_are_not_used(spawn: Call, cache: Path) -> None:
    def folder(flags: str) -> str:
        own = environment(MNISTCLI_CACHE_DIR=str(cache), XLA_FLAGS=flags)
        checks = spawn("doctor", "--json", env=own).json["checks"]
        return next(check["value"] for check in checks if check["name"] == "compilation cache")

    folders = [folder(flags) for flags in ("", "--xla_cpu_enable_fast_min_max=true", "")]
    assert folders[0] == folders[2] != folders[1]


def test_a_broken_entry_only_means_compiling_again(spawn: Call, cache: Path) -> None:
    own = environment(MNISTCLI_CACHE_DIR=str(cache))
    first = spawn(*TRAIN, env=own)
    for path, content in entries(cache).items():
        path.write_bytes(content[:-100] + b"\0" * 50)
    again = spawn(*TRAIN, env=own)
    assert (again.code, again.json["test_loss"]) == (0, first.json["test_loss"])


def test_without_a_cache_nothing_is_kept(spawn: Call, cache: Path) -> None:
    outcome = spawn(*TRAIN, "--no-cache", env=environment(MNISTCLI_CACHE_DIR=str(cache)))
    assert outcome.code == 0
    assert not cache.exists()


def test_a_folder_that_others_may_write_to_is_not_used(spawn: Call, cache: Path) -> None:
    own = environment(MNISTCLI_CACHE_DIR=str(cache))
    spawn(*TRAIN, env=own)
    folder = next(iter(entries(cache))).parent
    for path in folder.iterdir():
        path.unlink()
    folder.chmod(0o777)
    assert spawn(*TRAIN, env=own).code == 0
    assert entries(cache) == {}


def test_a_cache_that_cannot_be_made_is_done_without(spawn: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = spawn(*TRAIN, env=environment(MNISTCLI_CACHE_DIR=str(tmp_path / "file" / "cache")))
    assert outcome.code == 0
