"""What a terminal of 80×24, the size of most, and a narrower one of 60 columns are sent fits them.

The first screen then has what was asked for, with the prompt below it; -v shows the rest.
"""

import re
import shutil
from pathlib import Path

import pyte
import pytest
import typer
from rich.cells import cell_len

from mnistcli.cli.app import make_app
from tests.conftest import Call, in_terminal

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COMMANDS = [
    "train --arch linear --limit 3000 --epochs 2 --no-plots",
    "evaluate linear",
    "evaluate linear --corrupt fog,glass_blur",
    "inspect linear",
    "inspect builtin digits/test-0000-7.png",
    "compare linear dense",
    "compare linear dense builtin a-run-with-a-long-name-001",
    "evaluate builtin",
    "predict digits/test-0000-7.png",
    "predict digits/test-0000-7.png --run builtin --top 3",
    "predict row.png --run builtin --split-digits",
    "predict nothing-of-this-name-is-in-any-of-these-folders-here.png --run builtin",
    "data show",
    "data show --split test --wrong linear",
    "data info",
    "data verify",
    "data list",
    "data audit --run linear",
    "data export --limit 1 exported",
    "runs list",
    "runs show linear",
    "summary convnet",
    "bench linear --batch-size 1024",
    "doctor",
    "help exit-codes",
]

LONG = ("bench", "predict row.png")  # a line for each measurement; a picture for each digit
ESSENTIALS = {
    COMMANDS[0]: [
        *("loss", "epoch 2", "⠤⠤ training  o validation", "linear-001", "test accuracy", "95 % interval"),
        *("(its weights are kept)", "Try next", "mnistcli evaluate linear-001", "mnistcli compare cnn linear-001"),
    ],
    "evaluate linear": ["accuracy", "95 % interval", "of 10,000 test images", "Confusion matrix", "Σ", "-v shows"],
    "evaluate builtin": ["99.56 %", "44 of 10,000 test images", "Confusion matrix", "Σ", "-v shows"],
    "compare linear dense": ["dense-001 is better", "95 % interval", "worst confusions", "-v shows"],
    "predict digits/test-0000-7.png --run builtin --top 3": ["test-0000-7.png", "7 (", "▀", "█"],
    "data show": ["5  #0", "1  #8", "▀", "-v shows them at full size."],
    "data info": ["70,000", "class", "10,000"],
    "runs show linear": ["test accuracy", "validation", "epoch 2", "learning rate", "-v shows"],
    "summary convnet": ["parameters"],
}


def on_screen(sent: str, lines: int) -> list[str]:
    """Return what a terminal of 80 columns has on it, without the empty lines at its end."""
    screen = pyte.Screen(80, lines)
    pyte.Stream(screen).feed(sent)
    shown = [line.rstrip() for line in screen.display]
    return shown[: max((i for i, line in enumerate(shown, start=1) if line), default=0)]


@pytest.fixture(scope="module")
def folder(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs, of short names and of a long one, the picture of a digit and one of a row of them."""
    from PIL import Image

    from mnistcli.datasets import export_images, load

    folder = tmp_path_factory.mktemp("width")
    shutil.copytree(workspace / "runs", folder / "runs")
    shutil.copytree(workspace / "runs/linear-001", folder / "runs/a-run-with-a-long-name-001")
    export_images(load("mnist"), "test", folder / "digits", limit=7)
    row = Image.new("L", (7 * 32, 40))
    for i, digit in enumerate(sorted((folder / "digits").glob("*.png"))):
        row.paste(Image.open(digit), (i * 32, 6))
    row.save(folder / "row.png")
    return folder


def lines(sent: str) -> list[str]:
    """Return every line that a terminal is sent; a bar that is drawn again and again makes many."""
    return [line.rstrip() for line in re.split(r"[\r\n]+", ESCAPE.sub("", sent))]


@pytest.mark.parametrize("columns", [80, 60])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_is_wider_than_the_terminal_and_80x24_hold_the_essentials(
    command: str, columns: int, folder: Path, tmp_path: Path
) -> None:
    where = tmp_path if command.startswith(("train", "data export")) else folder
    sent = in_terminal(*command.split(), cwd=where, columns=columns)
    shown = lines(sent)
    too_wide = [line for line in shown if cell_len(line) > columns]
    assert [line for line in too_wide if not line.startswith("  mnistcli ")] == [], "a command may be: it is copied"
    assert any(shown)
    if columns == 80:
        first = on_screen(sent, 24)
        assert [each for each in ESSENTIALS.get(command, ()) if each not in "\n".join(first)] == []
        assert len(on_screen(sent, 200)) < 24 or command.startswith(("train", *LONG))


@pytest.mark.parametrize("columns", [80, 60])
def test_a_number_stays_whole_with_its_unit(columns: int, folder: Path, tmp_path: Path) -> None:
    for command in COMMANDS[:3]:
        where = tmp_path if command.startswith("train") else folder
        shown = lines(in_terminal(*command.split(), cwd=where, columns=columns))
        assert [line for line in shown if re.match(r"\s*(%|s\b|nats|images/s|[,.]\d)", line)] == []


def test_compare_tells_its_story_on_the_first_screen_and_all_of_it_with_v(folder: Path) -> None:
    story = lines(in_terminal("compare", "linear", "dense", cwd=folder, columns=80))
    assert len(story) <= 24
    text = "\n".join(story)
    assert all(each in text for each in ("dense-001 is better", "95 % interval", "worst confusions", "read as"))
    assert "linear-001, dense-001 were trained on the first 3,000 images only." in story
    three = lines(in_terminal("compare", "linear", "dense", "builtin", cwd=folder, columns=80))
    assert len(three) <= 24
    assert all(each in "\n".join(three) for each in ("builtin is better", "Cochran's Q", "builtin, worst confusions"))
    whole = in_terminal("compare", "linear", "dense", "-v", cwd=folder, columns=80)
    assert all(each in whole for each in ("Confusion matrix of dense-001", "Difference", "both wrong"))


def test_what_a_narrow_terminal_leaves_out_is_named_and_a_wide_one_or_v_shows_it(folder: Path) -> None:
    narrow = in_terminal("runs", "list", cwd=folder, columns=60)
    (said,) = (line for line in lines(narrow) if line.startswith("Left out: "))
    named = [name.strip() for name in said.removeprefix("Left out: ").split(".")[0].split(",")]
    assert named
    for whole in (
        in_terminal("runs", "list", cwd=folder, columns=160),
        in_terminal("runs", "list", "-v", cwd=folder, columns=60),
    ):
        assert "Left out" not in whole
        assert all(name in ESCAPE.sub("", whole) for name in named)


def commands() -> list[list[str]]:
    """Return the words of every command, groups and the program itself included."""

    def below(command: object, words: list[str]) -> list[list[str]]:
        subcommands = getattr(command, "commands", {})
        return [words, *(each for name, sub in subcommands.items() for each in below(sub, [*words, name]))]

    return below(typer.main.get_command(make_app()), [])


@pytest.mark.parametrize("columns", [80, 60])
def test_no_line_of_any_help_is_wider_than_the_terminal_or_names_a_type_of_python(
    columns: int, mnistcli: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for words in commands():
        shown = mnistcli(*words, "--help").lines
        assert [line for line in shown if cell_len(line) > columns or re.search(r"<\w+(\[\w+\])?>", line)] == [], words
