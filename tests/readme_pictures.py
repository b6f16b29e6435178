"""README's two pictures: a session in a terminal as an SVG, and the figure of `compare`.

python -m tests.regenerate --pictures
"""

import io
import re
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pyte
from PIL import Image
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.conftest import in_terminal, run_in

COLUMNS = 80
MOST_LINES = 200
SESSION = ("train --arch dense", "compare dense cnn --plot compare.png")


def draw_pictures(to: Path) -> None:
    """Train both networks of the study, and write both pictures into a folder."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_in(folder, "train", "--arch", "cnn")
        for command in SESSION:
            console.print(Text.assemble(("$ ", "dim"), (f"mnistcli {command}", "bold")))
            for line in _lines(in_terminal(*command.split(), cwd=folder, columns=COLUMNS)):
                console.print(line)
        with Image.open(folder / "compare.png") as figure:  # 64 colours take a third of the bytes
            figure.convert("RGB").quantize(64).save(to / "compare.png", optimize=True)
    picture = console.export_svg(title="mnistcli", theme=MONOKAI, unique_id="session")
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)  # no fonts from the network
    (to / "session.svg").write_text(picture.replace("Fira Code", "ui-monospace, Menlo, Consolas"))


def _lines(sent: str) -> Iterator[Text]:
    """Yield what a terminal shows of what it is sent, with its colours."""
    screen = pyte.Screen(COLUMNS, MOST_LINES)
    pyte.Stream(screen).feed(sent)
    last = max(i for i, line in enumerate(screen.display) if line.strip())
    for row in range(last + 1):
        line = Text()
        for style, cells in groupby((screen.buffer[row][column] for column in range(COLUMNS)), key=_style):
            line.append("".join(cell.data for cell in cells), style)
        line.rstrip()
        yield line


def _style(cell: pyte.screens.Char) -> Style:
    colours = {"fg": _colour(cell.fg), "bg": _colour(cell.bg)}
    return Style(color=colours["fg"], bgcolor=colours["bg"], bold=cell.bold, reverse=cell.reverse)


def _colour(name: str) -> str | None:
    """Return Rich's name of a colour of pyte's."""
    if name == "default":
        return None
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    return name.replace("brown", "yellow").replace("bright", "bright_")
