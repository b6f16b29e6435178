"""What every command shares: its streams, format and verbosity, and the options that set them."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from mnistcli.cli.compute import make_compute, make_hosts
from mnistcli.cli.data_options import make_data
from mnistcli.cli.onnx_options import make_onnx
from mnistcli.cli.recipe_options import make_sources
from mnistcli.cli.terse import Command
from mnistcli.errors import ClosedPipeError, UsageError, suggestion
from mnistcli.render.view import FORMATS, printable, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from matplotlib.figure import Figure

    from mnistcli.render.screen import Screen
    from mnistcli.render.view import View
    from mnistcli.results.report import Report
    from mnistcli.runs import Run

COLOURS = ("auto", "always", "never")
PANEL = "Output"
WIDE = 160  # columns of a table that is written to a file

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the result and errors.", rich_help_panel=PANEL)]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print more detail.", rich_help_panel=PANEL)]
Colour = Annotated[
    str,
    typer.Option(metavar="|".join(COLOURS), help="When to use colour; NO_COLOR is honoured.", rich_help_panel=PANEL),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=PANEL)]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="|".join(FORMATS),
        help="How to write the result.",
        show_default="table on a terminal, plain elsewhere",
        rich_help_panel=PANEL,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Short for --format json.", rich_help_panel=PANEL)]


@dataclass(frozen=True)
class Face:
    """A command's output: the result on stdout, everything else on stderr."""

    format: str
    quiet: bool
    verbose: bool
    color: str

    @functools.cached_property
    def out(self) -> Screen:
        """The console of the result."""
        return self._screen(sys.stdout)

    @functools.cached_property
    def err(self) -> Screen:
        """The console of progress, notes and errors."""
        return self._screen(sys.stderr)

    def show(self, view: View) -> None:
        """Write the result to stdout in the chosen format."""
        view.write(self.format, stdout=sys.stdout, screen=self.out)

    def save_figure(self, figure: Figure, path: Path) -> None:
        """Save a figure and say where it is."""
        from mnistcli.render.style import save

        save(figure, path)
        self.note(f"Saved the figure to {path}.")

    def save_page(self, report: Report, path: Path) -> None:
        """Save a page and say where it is."""
        from mnistcli.render.page import save_page

        save_page(report, path)
        self.note(f"Saved the page to {path}.")

    def note(self, text: str) -> None:
        """Print a note on stderr; -q silences it."""
        if not self.quiet:
            self.complain(text)

    def note_caveats(self, runs: Iterable[Run]) -> None:
        """Print each caveat with the runs that it applies to."""
        names: dict[str, list[str]] = {}
        for run in runs:
            for caveat in run.caveats():
                names.setdefault(caveat, []).append(run.name)
        for caveat, those in names.items():
            self.note(f"{', '.join(those)} {'was' if len(those) == 1 else 'were'} {caveat}.")

    def complain(self, text: str) -> None:
        """Print what went wrong on stderr; -q does not silence it."""
        with contextlib.suppress(BrokenPipeError):
            print(wrapped(printable(text), sys.stderr), file=sys.stderr, flush=True)

    def explain(self, text: str) -> None:
        """Print a note that only -v shows."""
        if self.verbose:
            self.note(text)

    def _screen(self, stream: TextIO) -> Screen:
        from rich.console import ConsoleDimensions

        from mnistcli.render.screen import Screen

        # Rich itself honours NO_COLOR, FORCE_COLOR, TERM=dumb and COLUMNS.
        choice: dict[str, Any] = {"auto": {}, "always": {"color_system": "256"}, "never": {"color_system": None}}
        screen = Screen(stream, brief=stream.isatty() and not self.verbose, **choice[self.color])
        if self.color == "always":
            screen.no_color = False
        if not stream.isatty() and "COLUMNS" not in os.environ:
            screen.size = ConsoleDimensions(WIDE, screen.height)
        return screen


def command(app: typer.Typer, *, examples: list[str], name: str | None = None) -> Callable[[Callable[..., None]], None]:
    """Register a function as a command; its parameters such as `data` and `face` are built from shared options."""

    def register(function: Callable[..., None]) -> None:
        own = dict(_parameters(function))
        known: dict[str, Callable[..., Any]] = {
            "compute": make_compute,
            "hosts": make_hosts,
            "data": make_data,
            "onnx": make_onnx,
            "sources": make_sources,
            "face": _make_face,
        }
        makers = {name: make for name, make in known.items() if own.pop(name, None)}
        shared = {name: _parameters(make) for name, make in makers.items()}

        @functools.wraps(function)
        def run(**arguments: Any) -> None:
            options = {name: {each: arguments.pop(each) for each in shared[name]} for name in makers}
            try:
                function(**arguments, **{name: make(**options[name]) for name, make in makers.items()})
            except BrokenPipeError as error:  # Typer would turn it into exit code 1
                raise ClosedPipeError from error

        every = [*own.values(), *(each for parameters in shared.values() for each in parameters.values())]
        parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in every]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        del run.__wrapped__
        app.command(name, cls=Command, help=paragraphs(function.__doc__ or ""), epilog=format_examples(examples))(run)

    return register


def paragraphs(docstring: str) -> str:
    """Return a docstring with each paragraph on one line; the terminal's width decides where it breaks."""
    return "\n\n".join(" ".join(each.split()) for each in docstring.split("\n\n"))


@functools.cache  # options shared by commands are inspected once
def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function, eval_str=True).parameters


def format_examples(examples: list[str]) -> str:
    """Return the end of a help text: one example per line."""
    lines = "\n\n".join(f"  {example}" for example in examples)
    return f"Examples:\n\n{lines}"


def _make_face(
    *,
    ctx: typer.Context,
    format: Format = None,  # noqa: A002
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    color: Colour = "auto",
    debug: Debug = False,  # noqa: ARG001  (the front door reads it before anything is parsed)
) -> Face:
    before: dict[str, Any] = ctx.find_root().obj or {}
    color = color if color != "auto" else before.get("color", "auto")
    _check_choice("--color", color, COLOURS)
    if json and format not in (None, "json"):
        raise UsageError(f"--json and --format {format} contradict each other: give one of them.")
    chosen = "json" if json else format or ("table" if sys.stdout.isatty() else "plain")
    _check_choice("--format", chosen, FORMATS)
    return Face(chosen, quiet or before.get("quiet", False), verbose or before.get("verbose", False), color)


def _check_choice(flag: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError(f"{flag} takes one of {', '.join(choices)}, not {value!r}{suggestion(value, choices)}")
