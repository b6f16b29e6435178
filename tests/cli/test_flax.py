"""Networks in Flax at the front door: `--arch FILE.py:CLASS`."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from mnistcli.datasets import export_images, load
from mnistcli.models import flax_file
from tests.conftest import Call, MakeOnce, run_in

EVERYTHING = Path(__file__).parents[1] / "flax_network.py"
ARCH = f"{EVERYTHING.name}:Net"
SHORT = ("--limit", "200", "--epochs", "2", "--no-plots", "--patience", "0")
OFTEN = ("--checkpoint-every", "1")
INITIALIZER = "def __init__(self, image_shape, classes, *, rngs):"
HEAD = "import jax, jax.numpy as jnp\nfrom flax import nnx\n\n\n"
DENSE = f"{HEAD}class Net(nnx.Module):\n    {INITIALIZER}\n        self.dense = nnx.Linear(784, classes, rngs=rngs)\n\n"
CALL = "    def __call__(self, images):\n"
X = "images.reshape(len(images), -1)"


@pytest.fixture(scope="module")
def trained(make_once: MakeOnce) -> Path:
    """A folder with the file and a finished run of its class, net-001."""

    def fill(folder: Path) -> None:
        shutil.copy(EVERYTHING, folder)
        run_in(folder, "train", "--arch", ARCH, *SHORT)

    return make_once("flax", fill)


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_a_run_is_evaluated_compared_and_exported_without_its_code(folder: Path, mnistcli: Call) -> None:
    (folder / EVERYTHING.name).unlink()
    (folder / "runs/net-001" / EVERYTHING.name).write_text("raise SystemError('executed')\n")
    trained = json.loads((folder / "runs/net-001/run.json").read_text())
    evaluated = mnistcli("evaluate", "net-001", "--json").json
    assert evaluated["accuracy"] == trained["results"]["test_accuracy"]
    compared = mnistcli("compare", "net-001", "builtin", "--allow-different-data", "--json").json
    assert compared["runs"][0]["accuracy"] == evaluated["accuracy"]
    assert compared["runs"][0]["parameters"] == trained["results"]["parameters"]
    exported = mnistcli("export", "net-001", "net.stablehlo", "--json").json
    assert exported["same_answers"] == exported["images"] == 10_000


def test_it_predicts_by_jax_and_says_so(folder: Path, mnistcli: Call) -> None:
    export_images(load("mnist"), "test", folder / "digits", limit=3)
    outcome = mnistcli("predict", "-r", "digits", "--format", "jsonl")
    answers = [json.loads(line) for line in outcome.lines if "labels.csv" not in line]
    assert outcome.err.startswith("Reading pictures with run net-001, by JAX, because it is a class in Flax.")
    assert all(abs(sum(each["probabilities"]) - 1) < 1e-5 for each in answers)


def test_what_needs_layers_or_gradients_says_what_it_cannot(folder: Path, mnistcli: Call) -> None:
    export_images(load("mnist"), "test", folder / "digits", limit=1)
    digit = next((folder / "digits").glob("*.png"))
    for command in (
        ("export", "net-001", "net.onnx"),
        ("export", "net-001", "page.html"),
        ("predict", digit, "--explain", "why.png"),
    ):
        outcome = mnistcli(*command)
        assert outcome.code == 4
        assert "class in Flax" in outcome.err.splitlines()[-1]
    assert not (folder / "net.onnx").exists()


def test_the_source_is_kept_and_a_changed_one_does_not_go_on(folder: Path, spawn: Call) -> None:
    run = folder / "runs/begun"
    process = subprocess.Popen(
        [sys.executable, "-m", "mnistcli", "train", "--arch", ARCH, *SHORT, "--name", "begun", *OFTEN],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not (run / "last.safetensors").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (run / EVERYTHING.name).read_bytes() == EVERYTHING.read_bytes()
    unnamed = spawn("train", "--resume", "begun", cwd=folder)
    assert (unnamed.code, unnamed.out) == (2, "")
    assert f"--arch {ARCH}" in unnamed.err
    (folder / "other").mkdir()
    (folder / "other" / EVERYTHING.name).write_text(EVERYTHING.read_text() + "\n")
    changed = spawn("train", "--resume", "begun", "--arch", f"other/{ARCH}", cwd=folder)
    assert (changed.code, changed.out) == (2, "")
    assert "has changed since" in changed.err
    assert spawn("train", "--resume", "begun", "--arch", ARCH, "--no-plots", cwd=folder).code == 0
    whole, resumed = (load_file(folder / "runs" / name / "model.safetensors") for name in ("net-001", "begun"))
    assert whole.keys() == resumed.keys()
    assert all(np.array_equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        ("class Net(:\n", 1, "invalid Python"),
        ("import nowhere_to_be_found\n", 1, "ModuleNotFoundError"),
        ("\n1 / 0\n", 2, "ZeroDivisionError"),
        ("import sys\nsys.exit(0)\n", 2, "SystemExit"),
        ("\0", 1, "invalid Python"),
        ("Net = 3\n", 1, "not a flax.nnx.Module"),
        (HEAD + "class Other(nnx.Module):\n    pass\n", 1, "the file has Other"),
        (HEAD + "class Net(nnx.Module):\n    pass\n", 5, "TypeError"),
        (HEAD + f"class Net(nnx.Module):\n    {INITIALIZER}\n        raise KeyError('lost')\n", 7, "KeyError: 'lost'"),
        (HEAD + f"class Net(nnx.Module):\n    {INITIALIZER}\n        self.a = [nnx.Linear(1, 1, rngs=rngs)]\n", 7,
         "write nnx.List"),
        (DENSE, 5, "TypeError"),
        (f"{DENSE}{CALL}        return self.dense(images)\n", 10, "TypeError"),
        (f"{DENSE}{CALL}        return self.dense({X})[:, 1:]\n", 5, "float32 [2, 10] for 2 images, not float32"),
        (f"{DENSE}{CALL}        return self.dense({X}).argmax(1)\n", 5, "not int32 [2]"),
        (f"{DENSE}{CALL}        return [self.dense({X})]\n", 5, "not list"),
        (f"{DENSE}{CALL}        return self.dense({X}) / 0.0\n", 5, "NaN or infinity"),
        (f"{HEAD}class Net(nnx.Module):\n    {INITIALIZER}\n        pass\n{CALL}        return {X}[:, :10]\n", 5,
         "must have nnx.Param"),
        (f"{DENSE}        self.n = nnx.Param(jnp.zeros((), jnp.int32))\n\n{CALL}        return self.dense({X})\n", 5,
         "all of them floats"),
        (f"{DENSE}{CALL}        self.seen = nnx.BatchStat(images)\n        return self.dense({X})\n", 5, "in __call__"),
        (f"{DENSE}{CALL}        jax.debug.print('{{}}', images)\n        return self.dense({X})\n", 5, "StableHLO"),
        (f"{DENSE}{CALL}        return self.dense({X}) + jnp.linalg.svd(jnp.eye(3) * images.mean())[1].sum()\n", 5,
         "only StableHLO"),
    ],
)  # fmt: skip
def test_what_a_file_does_wrong_is_one_sentence_with_its_line(
    content: str, line: int, said: str, tmp_path: Path, mnistcli: Call
) -> None:
    (tmp_path / "net.py").write_text(content)
    outcome = mnistcli("train", "--arch", "net.py:Net", "--limit", "64")
    assert (outcome.code, outcome.out) == (2, "")
    (sentence,) = outcome.err.splitlines()
    assert sentence.startswith(f"mnistcli: net.py, line {line}: ")
    assert said in sentence
    assert [path.name for path in tmp_path.iterdir()] == ["net.py"]


def test_a_file_that_is_not_there_is_a_usage_error_before_jax_starts(
    mnistcli: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flax_file, "load_source", lambda _: pytest.fail("it was read twice"))
    outcome = mnistcli("train", "--arch", "nowhere.py:Net")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "mnistcli: The network's file 'nowhere.py' cannot be read: No such file or directory.\n"


def test_the_example_of_init_is_trained_and_nothing_is_overwritten(tmp_path: Path, mnistcli: Call) -> None:
    outcome = mnistcli("init", "net.py")
    assert (outcome.code, outcome.out) == (0, "")
    (command,) = re.findall("'mnistcli (.*)'", outcome.err)
    outcome = mnistcli(*command.split(), "--limit", "64", "--epochs", "1", "--no-plots", "--json")
    assert outcome.json["run"] == "net-001"
    (tmp_path / "net.py").write_text("mine")
    outcome = mnistcli("init", "net.py")
    assert (outcome.code, outcome.out) == (2, "")
    assert (tmp_path / "net.py").read_text() == "mine"
    assert mnistcli("summary", "net-001", "--json").json["parameters"] > 0
    assert mnistcli("-q", "init", "quiet.py").err == ""
    assert "mnistcli train --arch 'my net.py:Net'" in mnistcli("init", "my net.py").err


def test_stablehlo_that_calls_something_else_is_refused(folder: Path, mnistcli: Call) -> None:
    import jax
    from jax import export

    shape = jax.ShapeDtypeStruct((250, 28, 28, 1), np.uint8)
    calling = jax.jit(lambda images: (jax.numpy.linalg.cholesky(images[:, :3, :3, 0] * 1.0), images))
    exported = export.export(calling)(shape)
    file = folder / "runs/net-001/model.stablehlo"
    for content, said in ((bytes(exported.serialize()), "only StableHLO"), (b"\0" * 99, "is damaged")):
        file.write_bytes(content)
        outcome = mnistcli("evaluate", "net-001")
        assert (outcome.code, outcome.out) == (4, "")
        assert said in outcome.err
