"""Arguments and options that several commands take, and their checks before any work begins."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from mnistcli.config import SPLITS, THEMES, check_theme
from mnistcli.errors import UsageError

FIGURE_SUFFIXES = (".png", ".pdf", ".svg")
RUN_HELP = "A run's name or path, an architecture (its newest finished run), 'latest' or 'builtin'."
MODEL_HELP = f"{RUN_HELP[:-1]}, or an ONNX file."


def _known_theme(name: str) -> str:
    check_theme(name)
    return name


RunArgument = Annotated[str, typer.Argument(metavar="RUN", help=MODEL_HELP)]
RunsDir = Annotated[Path, typer.Option(metavar="DIR", envvar="MNISTCLI_RUNS_DIR", help="The runs folder.")]
Split = Annotated[str, typer.Option(metavar="|".join(SPLITS), help="Which part of the data set.")]
Plot = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Draw a figure: .png, .pdf or .svg.", show_default=False)
]
Theme = Annotated[
    str,
    typer.Option(metavar="|".join(THEMES), envvar="MNISTCLI_THEME", callback=_known_theme, help="Colours of figures."),
]
Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="Write a self-contained report: .html.", show_default=False),
]


def refuse(*cases: tuple[bool, str]) -> None:
    """Raise UsageError with the sentence of the first case that holds."""
    for is_refused, sentence in cases:
        if is_refused:
            raise UsageError(sentence)


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """Return I and N of "I/N".

    Raises:
        UsageError: The text is not I/N with I from 1 to N.
    """
    if text is None:
        return None
    found = re.fullmatch("([0-9]{1,9})/([0-9]{1,9})", text)
    part, parts = map(int, found.groups()) if found else (0, 0)
    if not 1 <= part <= parts:
        raise UsageError(f"--shard takes I/N with I from 1 to N, as in 2/8, not {text!r}.")
    return part, parts


def check_html(path: Path | None) -> None:
    """Check a page's path before any work begins.

    Raises:
        UsageError: It does not end in .html, or no file can be created in its folder.
    """
    if path is not None:
        check_writable(path, (".html",), name="--html")


def check_plot(path: Path | None, *, flag: str = "--plot") -> None:
    """Check a figure's path before any work begins.

    Raises:
        UsageError: Its suffix is not that of a format, or no file can be created in its folder.
    """
    if path is not None:
        check_writable(path, FIGURE_SUFFIXES, name=flag)


def check_writable(path: Path, suffixes: tuple[str, ...], *, name: str) -> None:
    """Check the path of a file to write before any work begins; `name` is what error messages call it.

    Raises:
        UsageError: It has none of the suffixes, or no file can be created in its folder.
    """
    if path.suffix.lower() not in suffixes:
        *others, last = suffixes
        expected = f"{', '.join(others)} or {last}" if others else last
        raise UsageError(f"{name} {str(path)!r} must end in {expected}.")
    try:
        if path.is_dir():
            raise UsageError(f"{name} {str(path)!r} is a folder: name a file.")
        if not path.parent.is_dir():
            raise UsageError(f"{name} {str(path)!r}: there is no folder {str(path.parent)!r}.")
        with tempfile.TemporaryFile(dir=path.parent):  # permission bits show neither root's rights nor read-only mounts
            pass
    except OSError as error:
        raise UsageError(f"{name} {str(path)!r} cannot be written: {error.strerror}.") from error
