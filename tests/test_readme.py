"""README and the manual: what they show exists, and what is generated is the program's."""

import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from mnistcli.cli.app import make_app
from mnistcli.errors import ExitCode
from tests.conftest import Call, in_terminal
from tests.regenerate import MANUAL, ROOT, generated

README = (ROOT / "README.md").read_text()
PAGES = sorted(MANUAL.glob("*.md"))
DOCUMENTS = [ROOT / "README.md", *PAGES]
PROGRAM = typer.main.get_command(make_app())
OPERATORS = "();<>|&\n"
# Trainings of the tour take the first images only; no browser, no server.
SHORT = """#!/bin/sh
case "$1" in
    train) exec {python} -m mnistcli "$@" --limit 300 --epochs 1 ;;
    tune) exec {python} -m mnistcli "$@" --limit 300 --epochs 1 --trials 2 ;;
    *) exec {python} -m mnistcli "$@" ;;
esac
"""


def commands_in(text: str) -> Iterator[list[str]]:
    """Yield the words of each call of mnistcli in a shell's text; also those inside quotes, as in sbatch --wrap '…'."""
    parts = shlex.shlex(re.sub(r"(^|\s)#.*", "", text, flags=re.MULTILINE), posix=True, punctuation_chars=OPERATORS)
    parts.whitespace, parts.whitespace_split = " \t", True
    words: list[str] | None = None
    for word in [*parts, "\n"]:
        if "mnistcli " in word:
            yield from commands_in(word[word.index("mnistcli ") :].rstrip(')"'))
        if word[0] in OPERATORS or word == ":::":
            if words is not None:
                yield words
            words = None
        elif word == "mnistcli" or word.endswith("/mnistcli"):
            words = []
        elif words is not None:
            words.append(word)


def shown_commands(document: Path) -> list[list[str]]:
    """Return the calls of mnistcli that a document shows, in blocks and in `code`."""
    text = document.read_text()
    blocks = re.findall(r"```(?:sh|yaml)?\n(.*?)```", text, re.DOTALL)
    prompts = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    scripts = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`(mnistcli [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [words for shell in [*prompts, *scripts, *inline] for words in commands_in(shell)]


def parse(words: list[str]) -> None:
    """Parse a command line as the program would; COMMAND and TOPIC stand for any."""
    command = PROGRAM
    while hasattr(command, "commands") and words and words[0] not in ("--version", "--help", "COMMAND", "TOPIC"):
        command, words = command.commands[words[0]], words[1:]
    if not hasattr(command, "commands"):
        command.make_context("mnistcli", words)


@pytest.mark.parametrize("path", generated(), ids=lambda path: path.name)
def test_what_is_generated_is_the_program_s(path: Path) -> None:
    assert path.read_text() == generated()[path], "run python -m tests.regenerate"


def test_ci_runs_the_readme_s_test_command() -> None:
    extracted = subprocess.run(
        ["bash", ".ci/run", "--print-test-command"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert extracted in README
    assert extracted.startswith("python3 -m venv")
    assert "pytest" in extracted


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert len(README.splitlines()) <= 200
    assert "@@" not in README


def test_the_manual_names_every_exit_code() -> None:
    page = (MANUAL / "exit-codes.md").read_text()
    for code in ExitCode:
        assert re.search(rf"^\| {code.value} \| \w.*\|$", page, re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_no_line_but_a_table_s_is_longer_than_the_source_s(document: Path) -> None:
    lines = document.read_text().splitlines()
    assert [line for line in lines if len(line) > 120 and not line.startswith(("|", "  "))] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_links_lead_to_files_headings_and_pages_of_the_manual(document: Path) -> None:
    text = document.read_text()
    pictures = [(target, "") for target in re.findall(r'<img src="([^"]+)"', text)]
    for target, heading in [*re.findall(r"\]\(([^):#]*)(?:#([^)]*))?\)", text), *pictures]:
        file = document.parent / target if target else document
        assert file.exists(), target
        headings = re.findall(r"^#+ (.*)", file.read_text(), re.MULTILINE) if heading else []
        assert not heading or heading in [re.sub(r"[^\w-]", "", each.lower().replace(" ", "-")) for each in headings]
    for topic in re.findall(r"mnistcli help ([a-z-]+)", text):
        assert (MANUAL / f"{topic}.md").exists() or topic in PROGRAM.commands, topic


def test_the_readme_links_to_every_page_of_the_manual() -> None:
    assert [page.name for page in PAGES if f"(mnistcli/manual/{page.name})" not in README] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_command_that_is_shown_is_one_that_the_program_takes(document: Path) -> None:
    for words in shown_commands(document):
        try:
            parse(words)
        except Exception as error:
            raise AssertionError(f"mnistcli {' '.join(words)}: {error}") from error


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_help_shows_a_page_of_the_manual_as_written_and_then_the_command_of_that_name(
    mnistcli: Call, page: Path
) -> None:
    shown, text = mnistcli("help", page.stem).out, page.read_text()
    assert shown.startswith(text)
    if page.stem in PROGRAM.commands:
        assert f"Usage: mnistcli {page.stem}" in shown
    else:
        assert shown == text


def test_a_terminal_gets_a_page_laid_out(tmp_path: Path) -> None:
    shown = in_terminal("help", "arch", cwd=tmp_path)
    assert "## In one line" not in shown
    assert "In one line" in shown
    assert "residual(LAYER, LAYER, …)" in shown


def test_the_commands_of_the_readme_run_one_after_the_other(tmp_path: Path) -> None:
    program = tmp_path / "bin/mnistcli"
    program.parent.mkdir()
    program.write_text(SHORT.format(python=shlex.quote(sys.executable)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    environment = os.environ | {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    commands = re.findall(r"^\$ (mnistcli .*)", README, re.MULTILINE)
    assert len(commands) >= 10
    for command in commands:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert (command, done.returncode, done.stderr if done.returncode else "") == (command, 0, "")
