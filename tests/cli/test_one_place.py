"""What is written in one place is everywhere: a hyper-parameter, an optimizer, a schedule."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FIELD = """    clip: float = setting(
        0.0, metavar="NORM", help="Scale gradients down to this norm; 0: never.", bounds=(at_least(0),)
    )
"""
# The program as it is with that field in mnistcli.config, and an entry more in each table of mnistcli.optimizers.
PROBE = """
import contextlib, importlib.util, io, json, sys
from mnistcli.optimizers import OPTIMIZERS, SCHEDULES, Optimizer, Schedule
OPTIMIZERS["lion"] = Optimizer(0.003, lambda optax, rate: optax.lion(rate))
SCHEDULES["linear"] = Schedule("it falls evenly", lambda optax, rate, steps: optax.linear_schedule(rate, 0, steps))
spec = importlib.util.find_spec("mnistcli.config")
with open(spec.origin) as file:
    source = file.read().replace("    augment: bool = setting(", sys.argv[1] + "    augment: bool = setting(", 1)
sys.modules["mnistcli.config"] = config = importlib.util.module_from_spec(spec)
exec(compile(source, spec.origin, "exec"), config.__dict__)
from mnistcli.cli.app import main
said = []
for words in json.loads(sys.argv[2]):
    sys.argv = ["mnistcli", *words]
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream), contextlib.suppress(SystemExit):
        main()
    stream.seek(0)
    said.append(stream.read())
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the program says to each command."""
    folder = tmp_path_factory.mktemp("one-place")
    (folder / "recipe.toml").write_text("clip = 2\n")
    commands = [
        *("train --help", "train --print-config", "train --clip 0.5 --print-config", "train --clip -1"),
        *("train --config recipe.toml --print-config", "tune dense --space clip=a", "completion bash"),
        *("train --optimizer lion --schedule linear --print-config", "train --optimizer lio", "tune --help"),
    ]
    done = subprocess.run(
        [sys.executable, "-c", PROBE, FIELD, json.dumps([each.split() for each in commands])],
        cwd=folder,
        env={"COLUMNS": "300", "PATH": str(Path(sys.executable).parent)},
        capture_output=True,
        check=True,
    )
    return dict(zip(commands, json.loads(done.stdout), strict=True))


def test_a_hyper_parameter_is_declared_in_one_place(said: dict[str, str]) -> None:
    (line,) = [line for line in said["train --help"].splitlines() if "--clip" in line]
    assert "Scale gradients down to this norm; 0: never. [default: (0)]" in line.partition("NORM")[2]
    assert "\nclip = 0.0  # recipe\n" in said["train --print-config"]
    assert "\nclip = 0.5  # flag\n" in said["train --clip 0.5 --print-config"]
    assert "\nclip = 2.0  # file\n" in said["train --config recipe.toml --print-config"]
    assert said["train --clip -1"] == "mnistcli: --clip must be at least 0, not -1.\n"
    assert "does not give values of clip, as in clip=" in said["tune dense --space clip=a"]
    assert "label_smoothing, clip, augment, dropout." in said["tune --help"]
    assert '"train:--clip") return' in said["completion bash"]


def test_an_optimizer_and_a_schedule_are_entries_of_a_table(said: dict[str, str]) -> None:
    assert "sgd|rmsprop|adam|adamw|lion" in said["train --help"]
    assert "linear: it falls evenly." in said["train --help"]
    chosen = said["train --optimizer lion --schedule linear --print-config"]
    assert "\nlr = 0.003  # optimizer\n" in chosen
    assert '\nschedule = "linear"  # flag\n' in chosen
    assert "did you mean 'lion'?" in said["train --optimizer lio"]
    assert "sgd rmsprop adam adamw lion" in said["completion bash"]
