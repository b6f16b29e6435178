"""One device or several: the same training. Eight virtual devices stand in for accelerators."""

import json
import os
import stat
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from tests.conftest import Call, Outcome

NETWORKS = {  # with the relative difference of losses after an epoch
    "dense": ("dense", (), 1e-5),
    "batch statistics": ("conv 8 3x3, norm, relu, pool 2, dense 32, relu", ("--epochs", "1"), 1e-5),
    # Augmented pixels are rounded to whole numbers, which makes more of a difference in the last bit.
    "random draws": ("dropout 0.2, dense 32, relu", ("--epochs", "1", "--augment"), 5e-4),
}


def on_devices(n: int, folder: Path, *arguments: str) -> Outcome:
    """Call the program where the CPU is parted into n devices."""
    environment = os.environ | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={n}"}
    command = [sys.executable, "-m", "mnistcli", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
    return Outcome(done.returncode, done.stdout, done.stderr)


def metrics(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", NETWORKS)
def test_eight_devices_train_as_one_does(name: str, tmp_path: Path) -> None:
    arch, more, difference = NETWORKS[name]
    command = ("train", "--arch", arch, "--limit", "3000", "--epochs", "2", "--no-plots", "--json", *more)
    alone, together = (on_devices(n, tmp_path, *command, "--name", f"on-{n}") for n in (1, 8))
    assert (alone.code, together.code) == (0, 0)
    assert (alone.json["device"], together.json["device"]) == ("cpu", "cpu × 8")
    assert abs(alone.json["test_accuracy"] - together.json["test_accuracy"]) <= 0.001
    for one, eight in zip(*(metrics(tmp_path / "runs" / f"on-{n}") for n in (1, 8)), strict=True):
        assert one["train_loss"] == pytest.approx(eight["train_loss"], rel=difference * one["epoch"])


def test_images_that_no_device_holds_whole_are_parted_among_them(tmp_path: Path) -> None:
    code = """
import numpy as np
from mnistcli.datasets import Split
from mnistcli.jax_setup import set_up
set_up("cpu")
from mnistcli.mesh import mesh_for
from mnistcli.training import feed
train = Split(np.arange(70, dtype=np.uint8).repeat(4).reshape(70, 2, 2, 1), np.arange(70))
feed.SHARE = 2 * train.images.nbytes / 8 / feed._memory()
window = next(feed.make_feed(train, batch=16, seed=0, mesh=mesh_for(16)).windows(1))
whole = np.asarray(window.images)[:70, 0, 0, 0].tolist() == [*range(70)]
print(window.images.sharding.shard_shape(window.images.shape)[0], len(window.images), whole)
"""
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["9", "72", "True"]


def test_evaluation_on_eight_devices_answers_alike(workspace: Path) -> None:
    command = ("evaluate", "dense-001", "--split", "validation", "--json")
    one, eight = (on_devices(n, workspace, *command) for n in (1, 8))
    assert one.json["confusion"] == eight.json["confusion"]
    assert one.json["loss"] == pytest.approx(eight.json["loss"], rel=1e-5)


@pytest.mark.parametrize(
    ("n", "flags", "said"),
    [
        (2, ("--devices", "3"), "JAX finds only 2 cpu devices here, but --devices asks for 3"),
        (2, ("--devices", "0"), "--devices must be at least 1"),
        (3, ("--devices", "3"), "A batch of 32 images cannot be divided equally among 3 devices"),
    ],
)
def test_devices_that_are_not_there_or_do_not_fit_are_refused(
    n: int, flags: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    refused = on_devices(n, tmp_path, "train", *flags)
    assert refused.code == 2
    assert said in refused.err
    assert not (tmp_path / "runs").exists()


def test_a_batch_that_does_not_divide_over_all_devices_uses_fewer(tmp_path: Path) -> None:
    done = on_devices(3, tmp_path, "train", "--limit", "320", "--epochs", "1", "--no-plots", "--json")
    assert done.json["device"] == "cpu × 2"
    assert "Batches of 32 images cannot be divided equally among 3 devices, so 2 are used." in done.err


def test_precision_is_recorded_and_changes_products_alone(tmp_path: Path, spawn: Call) -> None:
    runs = {}
    for precision in ("float32", "bfloat16"):
        command = ("train", "--limit", "3000", "--epochs", "1", "--no-plots", "--precision", precision)
        assert spawn(*command, "--name", precision).code == 0
        record = json.loads((tmp_path / "runs" / precision / "run.json").read_text())
        assert record["config"]["precision"] == precision
        (runs[precision],) = metrics(tmp_path / "runs" / precision)
    assert runs["float32"]["train_loss"] != runs["bfloat16"]["train_loss"]
    assert runs["float32"]["train_loss"] == pytest.approx(runs["bfloat16"]["train_loss"], rel=0.02)
    refused = spawn("train", "--precision", "float16")
    assert refused.code == 2
    assert "Unknown precision 'float16'" in refused.err


def with_driver(folder: Path, answer: str, plugin: str = "") -> dict[str, str]:
    """Return an environment in which nvidia-smi does that, and a plugin of JAX, as "cuda12 0.10.2", seems installed."""
    driver = folder / "nvidia-smi"
    driver.write_text(f"#!/bin/sh\n{answer}\n")
    driver.chmod(driver.stat().st_mode | stat.S_IXUSR)
    if plugin:
        kind, number = plugin.split()
        metadata = folder / f"jax_{kind}_plugin-{number}.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: jax-{kind}-plugin\nVersion: {number}\n")
    return os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(folder)}


H100 = "echo 'NVIDIA H100, 580.65.06, 100, 81559'"
OLDER = "echo 'NVIDIA A100, 550.54.15, 100, 40960'"


@pytest.mark.parametrize(
    ("answer", "plugin", "said"),
    [
        (H100, "", "only JAX for CPUs is installed: pip install 'jax[cuda13]=="),
        (OLDER, "", "only JAX for CPUs is installed: pip install 'jax[cuda12]=="),
        ("echo 'Tesla K80, 470.1, 100, 11441'", "", "the driver is too old for JAX, which needs 525 or newer"),
        ("echo 'Failed: version mismatch'; exit 18", "", "driver does not answer (Failed: version mismatch)"),
        (OLDER, "cuda13 1.2.3", "jax-cuda13-plugin needs driver 580 or newer: update it, or pip install 'jax[cuda12]"),
        (H100, "cuda12 1.2.3", f"jax-cuda12-plugin 1.2.3 does not match jaxlib {version('jaxlib')}"),
        ("echo 'H100, 580.6, 81000, 81559'", f"cuda12 {version('jaxlib')}", "81,000 of 81,559 MiB of its memory are"),
        (H100, f"cuda12 {version('jaxlib')}", "JAX does not use it: check CUDA_VISIBLE_DEVICES"),
    ],
)
def test_doctor_says_what_keeps_jax_from_a_gpu(
    answer: str, plugin: str, said: str, tmp_path: Path, spawn: Call
) -> None:
    refused = spawn("doctor", "--device", "gpu", env=with_driver(tmp_path, answer, plugin))
    assert refused.code == 2
    assert "JAX finds no gpu here" in refused.err
    assert said in refused.err


def test_doctor_marks_a_gpu_that_jax_does_not_use(tmp_path: Path, spawn: Call) -> None:
    environment = with_driver(tmp_path, H100)
    found = spawn("doctor", "--json", env=environment)
    assert found.code == 1
    (accelerator,) = [check for check in found.json["checks"] if check["name"] == "accelerator"]
    assert not accelerator["ok"]
    assert "only JAX for CPUs is installed" in accelerator["value"]
    assert spawn("doctor", "--device", "cpu", env=environment).code == 0


def test_what_people_set_for_jax_does_not_reach_a_group(tmp_path: Path, spawn: Call) -> None:
    group = ("train", "--arch", "linear", "--seeds", "2", "--limit", "600", "--epochs", "1", "--no-plots")
    done = spawn(*group, env=os.environ | {"JAX_ENABLE_X64": "1"})
    assert done.code == 0
    assert done.err.count("Ignoring JAX_ENABLE_X64, so that the same command gives the same result.") == 1
    weights = load_file(tmp_path / "runs/linear-group-001-s0/model.safetensors")
    assert {str(array.dtype) for array in weights.values()} == {"float32"}
