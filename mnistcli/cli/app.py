"""The front door: the commands' table, and the one place that catches errors."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from mnistcli import __version__
from mnistcli.cli.face import Colour, Debug, Quiet, Verbose, command, format_examples, paragraphs
from mnistcli.cli.terse import Command, Group
from mnistcli.errors import ClosedPipeError, ExitCode, MnistcliError
from mnistcli.render.view import printable, wrapped

SETTINGS: dict[str, Any] = {
    "cls": Group,
    "context_settings": {"help_option_names": ["-h", "--help"]},
    "no_args_is_help": True,
}
EPILOG = "Start with 'mnistcli train', then 'mnistcli compare --plot out.png'. Exit codes: 'mnistcli help exit-codes'."
# In the order of --help; each is a module of this package with a function of its name and EXAMPLES, or with COMMANDS.
COMMANDS = (
    *("train", "evaluate", "compare", "predict", "draw", "tune", "inspect", "export", "init"),
    *("data", "runs", "summary", "bench", "doctor"),
)


def make_app(names: Sequence[str] = COMMANDS, *, outline: bool = False) -> typer.Typer:
    """Return the program with these commands: importing all of them would take a tenth of predict's time.

    With `outline`, commands have their help text but neither options nor an action; --help takes a third less time so.
    """
    app = typer.Typer(
        name="mnistcli",
        help="A laboratory for MNIST: train, evaluate, compare and use image classifiers, on JAX and Flax.",
        epilog=EPILOG,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        **SETTINGS,
    )
    app.callback()(_options)
    for name in names:
        module = import_module(f"mnistcli.cli.{name}")
        if outline:
            said = getattr(module, "HELP", None) or getattr(module, name).__doc__
            app.command(name, cls=Command, help=paragraphs(said))(lambda: None)
        elif hasattr(module, "COMMANDS"):
            group = typer.Typer(help=module.HELP, epilog=format_examples(module.EXAMPLES), **SETTINGS)
            for each, (function, examples) in module.COMMANDS.items():
                command(group, name=each, examples=examples)(function)
            app.add_typer(group, name=name)
        else:
            command(app, examples=module.EXAMPLES)(getattr(module, name))
    if names == COMMANDS:
        from mnistcli.cli import manual

        app.command("completion", cls=Command, epilog=manual.COMPLETION_EPILOG)(manual.completion)
        app.command("help", cls=Command, epilog=manual.HELP_EPILOG)(manual.show_help)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"mnistcli {__version__}")
        raise typer.Exit


def _options(
    ctx: typer.Context,
    *,
    quiet: Quiet = False,
    verbose: Verbose = False,
    color: Colour = "auto",
    debug: Debug = False,  # noqa: ARG001  (main reads it before anything is parsed)
    version: Annotated[  # noqa: ARG001  (its callback acts)
        bool, typer.Option("--version", "-V", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    ctx.obj = {"quiet": quiet, "verbose": verbose, "color": color}


def main() -> None:
    """Run the program: the result's exit code, or one sentence on stderr and the error's."""
    _open_missing_streams()
    os.environ.pop("MPLBACKEND", None)  # figures need none, and Matplotlib refuses to start with one it does not know
    try:
        code = _run()
        sys.stdout.flush()
    except (BrokenPipeError, ClosedPipeError):
        # Whoever read us has what they wanted. What is still buffered must not fail again when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.OK
    sys.exit(code)


def _run() -> int:
    try:
        first = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
        app = make_app((first,)) if first in COMMANDS else make_app(outline=first is None)
        return app(prog_name="mnistcli", standalone_mode=False) or ExitCode.OK
    except ClosedPipeError:
        raise
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # what Typer makes of it while it prints help
            raise ClosedPipeError from error
        raise
    except MnistcliError as error:
        return _tell(error, str(error), error.exit_code)
    except TyperException as error:
        return _tell(error, _usage_sentence(error), ExitCode.USAGE)
    except OSError as error:
        place = f" ({error.filename!r})" if error.filename else ""
        return _tell(error, f"The system refused: {error.strerror or error}{place}.", ExitCode.FAILED)
    except MemoryError as error:
        return _tell(error, "There is not enough memory.", ExitCode.FAILED)
    except Exception as error:  # noqa: BLE001  (what nobody foresaw still gets one sentence)
        if str(error) == "can't start new thread":
            return _tell(error, "The system refused another thread or process.", ExitCode.FAILED)
        said = f"Unexpected error, {type(error).__name__}: {error}; run it again with --debug to see where."
        return _tell(error, said, ExitCode.FAILED)


def _usage_sentence(error: TyperException) -> str:
    """Return what Typer says of a wrong command line, and where to look; a bare command's help it has printed."""
    said, context = error.format_message().partition(", unable to parse")[0].rstrip("."), getattr(error, "ctx", None)
    if not said or said.endswith("?") or not context:
        return said
    return f"{said}; see '{context.command_path} --help'."


def _tell(error: Exception, sentence: str, code: int) -> int:
    if "--debug" in sys.argv:
        traceback.print_exception(error)
    if sentence:
        print(wrapped(f"mnistcli: {printable(sentence)}", sys.stderr), file=sys.stderr)
    return code


def _open_missing_streams() -> None:
    """Stand in for streams that the shell closed, and let no character fail that a terminal cannot show."""
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
