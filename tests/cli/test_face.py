"""Streams, formats, exit codes: what holds for every command."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Call, in_terminal

# A command and whether it needs the workspace's runs; all are quick.
COMMANDS = [
    ("train", "--arch", "linear", "--limit", "64", "--epochs", "1", "--no-plots", "--runs-dir", "elsewhere"),
    ("evaluate", "linear"),
    ("compare", "linear", "dense"),
    ("predict", "digit.png"),
    ("data", "show"),
    ("data", "info"),
    ("data", "verify"),
    ("runs", "list"),
    ("runs", "show"),
    ("summary", "cnn"),
    ("doctor",),
    ("export", "linear", "linear.onnx"),
]
MISTAKES = [
    (2, ("train", "--bogus"), "--bogus"),
    (2, ("trian",), "did you mean 'train'"),
    (2, ("train", "--arch", "cn"), "did you mean 'cnn'?"),
    (2, ("train", "--optimizer", "adm"), "did you mean 'adam'?"),
    (2, ("train", "--lr", "nan"), "--lr"),
    (2, ("train", "--lr", "-1"), "--lr"),
    (2, ("train", "--weight-decay", "-1"), "--weight-decay"),
    (2, ("train", "--weight-decay", "nan"), "--weight-decay"),
    (2, ("train", "--epochs", "0"), "--epochs"),
    (2, ("train", "--epochs", "many"), "--epochs"),
    (2, ("train", "--batch-size", "0"), "--batch-size"),
    (2, ("train", "--patience", "-1"), "--patience"),
    (2, ("train", "--seed", "-1"), "--seed"),
    (2, ("train", "--limit", "0"), "--limit"),
    (2, ("train", "--device", "gpuu"), "did you mean 'gpu'?"),
    (2, ("train", "--device", "tpu"), "cpu"),
    (2, ("train", "--runs-dir", "afile"), "is a file"),
    (2, ("train", "--runs-dir", "afile/below"), "afile"),
    (2, ("train", "--name", "../out"), "../out"),
    (2, ("train", "--name", "latest"), "latest"),
    (2, ("train", "--format", "xml"), "xml"),
    (2, ("train", "--color", "blue"), "blue"),
    (2, ("evaluate", "builtin", "--json", "--format", "csv"), "contradict"),
    (2, ("evaluate", "builtin", "--split", "tset"), "did you mean 'test'?"),
    (2, ("evaluate", "builtin", "--plot", "no/such.png"), "no"),
    (2, ("evaluate", "builtin", "--plot", "figure.doc"), ".png"),
    (2, ("evaluate", "builtin", "--theme", "drak"), "did you mean 'dark'?"),
    (2, ("export", "builtin", "digits.bin"), "'digits.bin' must end in .onnx, .stablehlo or .html."),
    (2, ("export", "builtin", "no/such.onnx"), "there is no folder 'no'"),
    (2, ("export", "builtin"), "FILE"),
    (4, ("export", "bultin", "digits.onnx"), "did you mean 'builtin'?"),
    (2, ("evaluate", "builtin", "--fail-under", "98"), "--fail-under"),
    (2, ("compare", "dense"), "two"),
    (2, ("compare", "builtin", "builtin"), "twice"),
    (2, ("compare", "linear", "linear"), "twice"),
    (2, ("runs", "list", "--runs-dir", "afile"), "is a file"),
    (2, ("evaluate", "linear", "--runs-dir", "afile"), "is a file"),
    (4, ("compare", "latest", "linear"), "finished run"),
    (2, ("predict",), "--files-from"),
    (2, ("predict", "a.png", "--top", "0"), "--top"),
    (2, ("predict", "--files-from", "missing.txt"), "missing.txt"),
    (2, ("data", "export", "afile"), "afile"),
    (2, ("data", "show", "--count", "0"), "--count"),
    (2, ("completion", "tcsh"), "bash"),
    (2, ("help", "nonsense"), "nonsense"),
    (3, ("train", "--dataset", "minst"), "did you mean 'mnist'?"),
    (3, ("data", "info", "--dataset", "nonesuch"), "nonesuch"),
    (4, ("evaluate",), "mnistcli train"),
    (4, ("evaluate", "cnn"), "mnistcli train --arch cnn"),
    (4, ("evaluate", "bultin"), "did you mean 'builtin'?"),
    (4, ("evaluate", "afile"), "afile"),
    (4, ("evaluate", "nul\0byte"), "nul"),
    (4, ("summary", "nonesuch"), "nonesuch"),
    (4, ("runs", "show", "nonesuch"), "nonesuch"),
]


@pytest.mark.parametrize(("code", "arguments", "named"), MISTAKES, ids=[" ".join(m[1]) for m in MISTAKES])
def test_a_mistake_gets_one_sentence_its_code_and_leaves_nothing_behind(
    mnistcli: Call, tmp_path: Path, code: int, arguments: tuple[str, ...], named: str
) -> None:
    (tmp_path / "afile").write_text("not a folder, not weights")
    outcome = (
        mnistcli(*arguments, "--quiet") if arguments[0] not in ("trian", "completion", "help") else mnistcli(*arguments)
    )
    assert outcome.code == code
    assert named.lower() in outcome.err.lower()
    assert outcome.out == ""
    assert len(outcome.err.splitlines()) == 1
    assert "Traceback" not in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["afile"]


def test_debug_shows_the_traceback_wherever_it_stands(mnistcli: Call) -> None:
    assert "Traceback" in mnistcli("evaluate", "nonesuch", "--debug").err
    assert "Traceback" in mnistcli("--debug", "evaluate", "nonesuch").err


@pytest.fixture
def folder(workspace: Path, tmp_path: Path, mnistcli: Call) -> Path:
    """An own folder, with the workspace's runs and a picture in it."""
    (tmp_path / "runs").symlink_to(workspace / "runs")
    mnistcli("data", "export", "--limit", "1", tmp_path / "digits")
    next((tmp_path / "digits").glob("*.png")).rename(tmp_path / "digit.png")
    return tmp_path


@pytest.mark.parametrize("arguments", COMMANDS, ids=[" ".join(command[:2]) for command in COMMANDS])
def test_every_command_speaks_every_format(mnistcli: Call, folder: Path, arguments: tuple[str, ...]) -> None:
    document = mnistcli(*arguments, "--json", cwd=folder)
    assert document.code == 0
    assert document.json["schema"].startswith("mnistcli.")
    for line in mnistcli(*arguments, "--format", "jsonl", cwd=folder).lines:
        assert json.loads(line)["schema"].startswith(document.json["schema"].split("/")[0])
    header, *rows = mnistcli(*arguments, "--format", "csv", cwd=folder).lines
    assert "," in header
    assert rows
    plain = mnistcli(*arguments, cwd=folder)
    assert all("\t" in line for line in plain.lines)
    assert "\x1b" not in plain.out + plain.err
    assert "\x1b" not in mnistcli(*arguments, "--format", "table", cwd=folder).out
    assert "\x1b" in mnistcli(*arguments, "--format", "table", "--color", "always", cwd=folder).out


def shell(script: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = f'mnistcli() {{ "{sys.executable}" -m mnistcli "$@"; }}; {script}'
    return subprocess.run(["bash", "-c", command], cwd=cwd, capture_output=True, timeout=120)


@pytest.mark.parametrize("arguments", [COMMANDS[i] for i in (0, 1, 3, 4, 7)], ids=lambda command: " ".join(command[:2]))
def test_commands_bear_a_closed_stdin_and_a_pipe_that_closes_early(folder: Path, arguments: tuple[str, ...]) -> None:
    words = " ".join(arguments)
    closed = shell(f"mnistcli {words} <&- | cat; exit ${{PIPESTATUS[0]}}", folder)
    assert closed.returncode == 0
    for flags in ("", "--format table"):
        early = shell(f"mnistcli {words} {flags} | true; exit ${{PIPESTATUS[0]}}", folder)
        assert early.returncode == 0
    assert b"Traceback" not in closed.stderr + early.stderr
    assert b"Broken" not in early.stderr
    assert b"Exception" not in early.stderr


@pytest.mark.parametrize("words", ["--help", "train --help", "--version", "help", "help exit-codes", "completion bash"])
def test_help_bears_a_pipe_that_closes_early(folder: Path, words: str) -> None:
    early = shell(f"mnistcli {words} | true; exit ${{PIPESTATUS[0]}}", folder)
    assert (early.returncode, early.stderr) == (0, b"")


def test_a_terminal_gets_tables_colour_and_a_progress_bar(folder: Path) -> None:
    assert "\x1b[" in in_terminal("runs", "list", cwd=folder)
    assert "━" in in_terminal(*COMMANDS[0], cwd=folder)


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_color_and_a_dumb_terminal_are_honoured(folder: Path, variables: dict[str, str]) -> None:
    shown = in_terminal("evaluate", "linear", cwd=folder, **variables)
    assert "Confusion matrix" in shown
    assert "\x1b[3" not in shown
    assert "\x1b[4" not in shown


def test_force_color_colours_a_pipe(monkeypatch: pytest.MonkeyPatch, mnistcli: Call, folder: Path) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in mnistcli("runs", "list", "--format", "table", cwd=folder).out


def test_brackets_in_names_are_shown_as_they_are(mnistcli: Call, folder: Path) -> None:
    (folder / "x[red]y").symlink_to(folder / "runs" / "linear-001")
    outcome = mnistcli("evaluate", "./x[red]y/model.safetensors", "--format", "table", cwd=folder)
    assert outcome.code == 0
    outcome = mnistcli(*COMMANDS[0][:-1], "br[/b]", "--format", "table", cwd=folder)
    assert "br[/b]" in outcome.out


def test_a_full_disk_gets_a_sentence(folder: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    full = shell("mnistcli runs list > /dev/full", folder)
    assert full.returncode == 1
    assert b"No space left" in full.stderr
    assert b"Traceback" not in full.stderr


def test_help_lists_commands_and_each_command_s_help_has_examples(mnistcli: Call) -> None:
    overview = mnistcli("-h").out
    for group in ("data", "runs"):
        assert f"mnistcli {group}" in mnistcli(group, "-h").out.split("Examples:")[1]
    for arguments in COMMANDS:
        command = arguments[: 2 if arguments[0] in ("data", "runs") else 1]
        assert command[0] in overview
        assert f"mnistcli {' '.join(command)}" in mnistcli(*command, "--help").out.split("Examples:")[1]


def test_exit_codes_are_listed(mnistcli: Call) -> None:
    assert re.findall(r"^\| (\d+) ", mnistcli("help", "exit-codes").out, re.MULTILINE) == [
        "0",
        "1",
        "2",
        "3",
        "4",
        "130",
    ]


def test_an_option_s_value_before_a_command_is_not_taken_for_the_command(mnistcli: Call) -> None:
    assert mnistcli("--color", "never", "data", "path").out == mnistcli("data", "path").out != ""
    assert "--arch" in mnistcli("--color", "never", "help", "train").out


def test_version_and_help_on_a_command(mnistcli: Call) -> None:
    assert mnistcli("--version").out.startswith("mnistcli ")
    assert "--arch" in mnistcli("help", "train").out
    assert "--limit" in mnistcli("help", "data", "export").out
