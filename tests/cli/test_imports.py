"""What must be quick imports nothing heavy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from mnistcli.datasets import load

HEAVY = {
    "onnx",
    "onnxruntime",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "numpy",
    "scipy",
    "matplotlib",
    "tensorflow",
    "tensorflow_datasets",
    "PIL",
    "safetensors",
}
PROBE = """
import json, sys
sys.argv = ["mnistcli", *json.loads(sys.argv[1])]
from mnistcli.cli.app import main
try:
    main()
except SystemExit:
    pass
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("train", "--help"), ("--version",), ("train", "--bogus"), ("train", "--arch", "cn"),
     ("train", "--lr", "-1"), ("train", "--arch", "conv 32 3x3, rlu"), ("train", "--config", "no.toml"),
     ("train", "--print-config"),
     ("evaluate", "--split", "x"), ("evaluate", "--corrupt", "fogg"), ("completion", "bash"), ("help", "exit-codes")],
    ids=" ".join,
)  # fmt: skip
def test_help_completion_and_usage_errors_import_nothing_heavy(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(arguments)], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(json.loads(done.stderr.splitlines()[-1]))


def test_predict_imports_no_jax(tmp_path: Path) -> None:
    Image.fromarray(load("mnist").test.images[0, ..., 0]).save(tmp_path / "digit.png")
    arguments = json.dumps(["predict", "digit.png"])
    done = subprocess.run([sys.executable, "-c", PROBE, arguments], capture_output=True, cwd=tmp_path, check=True)
    assert done.stdout.startswith(b"digit.png\t")
    imported = set(json.loads(done.stderr.splitlines()[-1]))
    assert HEAVY & imported == {"numpy", "PIL", "onnxruntime"}


def test_evaluate_imports_no_scipy_and_no_figures(workspace: Path) -> None:
    arguments = json.dumps(["evaluate", "linear", "--json"])
    done = subprocess.run([sys.executable, "-c", PROBE, arguments], capture_output=True, cwd=workspace, check=True)
    imported = set(json.loads(done.stderr.splitlines()[-1]))
    assert not {"scipy", "matplotlib", "onnx", "onnxruntime"} & imported
