import re
import subprocess
from pathlib import Path

import pytest

from mnistcli.errors import ExitCode
from tests.conftest import Call
from tests.regenerate import ROOT, with_reference

README = (ROOT / "README.md").read_text()


def test_the_command_reference_is_the_program_s() -> None:
    assert with_reference(README) == README, "run python -m tests.regenerate"


def test_ci_runs_the_readme_s_test_command() -> None:
    extracted = subprocess.run(
        ["bash", ".ci/run", "--print-test-command"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert extracted in README
    assert extracted.startswith("python3 -m venv")
    assert "pytest" in extracted


def test_the_readme_names_every_exit_code() -> None:
    for code in ExitCode:
        assert f"| {code.value} | {code.meaning} |" in README


def test_no_line_but_a_table_s_is_longer_than_the_source_s() -> None:
    assert [line for line in README.splitlines() if len(line) > 120 and not line.startswith("|")] == []


def test_nothing_is_left_to_fill_in() -> None:
    assert "@@" not in README


def test_the_readme_s_links_to_files_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^(?:\$ )?mnistcli ([a-z]+)", README, re.MULTILINE))))
def test_every_command_that_the_readme_shows_exists(mnistcli: Call, tmp_path: Path, command: str) -> None:
    assert mnistcli(command, "--help").code == 0


PAGES = [page for page in sorted((ROOT / "mnistcli/manual").glob("*.md")) if page.stem != "python"]  # see test_api.py


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_of_the_manual_is_shown_as_written_and_names_flags_that_exist(
    mnistcli: Call, tmp_path: Path, page: Path
) -> None:
    text = page.read_text()
    assert mnistcli("help", page.stem).out == text
    shown = re.findall(
        r"mnistcli ([a-z]+)((?: [^\n`\"']+)?)", "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    )
    assert len(shown) > 5
    for command, words in shown:
        known = mnistcli(command, "--help").out
        for flag in re.findall(r"--[a-z][a-z-]*", words):
            assert flag in known, (command, flag)
