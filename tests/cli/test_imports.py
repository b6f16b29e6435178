"""What must be quick imports nothing heavy."""

import json
import subprocess
import sys

import pytest

HEAVY = {
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
     ("train", "--lr", "-1"), ("evaluate", "--split", "x"), ("completion", "bash"), ("help", "exit-codes")],
    ids=" ".join,
)  # fmt: skip
def test_help_completion_and_usage_errors_import_nothing_heavy(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(arguments)], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(json.loads(done.stderr.splitlines()[-1]))
