import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Call

ROOT = Path(__file__).parents[2]
FILES = {"bash": "mnistcli.bash", "zsh": "_mnistcli", "fish": "mnistcli.fish"}


@pytest.mark.parametrize("shell", FILES)
def test_the_files_are_what_the_program_prints(mnistcli: Call, shell: str) -> None:
    printed = mnistcli("completion", shell).out
    assert (ROOT / "completions" / FILES[shell]).read_text() == printed


def bash_completes(line: str, cwd: Path) -> set[str]:
    """What bash offers for the last word of a command line."""
    words = line.split(" ")
    script = f"""
source {ROOT / "completions" / "mnistcli.bash"}
COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
_mnistcli; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        ["bash", "-c", script], cwd=cwd, capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("mnistcli tr", {"train"}),
        ("mnistcli train --arch ", {"linear", "dense", "cnn", "fast", "convnet"}),
        ("mnistcli train --optimizer a", {"adam", "adamw"}),
        ("mnistcli train --pat", {"--patience"}),
        ("mnistcli data ", {"show", "info", "verify", "export", "list", "prepare", "path", "clean", "audit"}),
        ("mnistcli data show --spl", {"--split"}),
        ("mnistcli data show --split t", {"train", "test"}),
        ("mnistcli evaluate dense-", {"dense-001"}),
        ("mnistcli evaluate --format js", {"json", "jsonl"}),
        ("mnistcli runs show l", {"latest", "linear", "linear-001"}),
        ("mnistcli completion ", {"bash", "zsh", "fish"}),
        ("mnistcli predict ru", {"runs"}),
    ],
)
def test_bash_completes_commands_flags_values_and_runs(workspace: Path, line: str, offered: set[str]) -> None:
    assert bash_completes(line, workspace) == offered


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_accept_their_files(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n", str(ROOT / "completions" / FILES[shell])], check=True, capture_output=True)
