"""The front door: the commands' table, and the one place that catches errors."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated

import typer
from typer.exceptions import TyperException

from mnistcli import __version__
from mnistcli.cli import (
    compare,
    data,
    doctor,
    evaluate,
    export,
    init,
    inspect,
    manual,
    predict,
    runs,
    summary,
    train,
    tune,
)
from mnistcli.cli.face import Colour, Debug, Quiet, Verbose, command, format_examples
from mnistcli.errors import ClosedPipeError, ExitCode, MnistcliError
from mnistcli.render.view import printable, wrapped

HELP = {"help_option_names": ["-h", "--help"]}
EPILOG = "Start with 'mnistcli train', then 'mnistcli compare --plot out.png'. Exit codes: 'mnistcli help exit-codes'."

app = typer.Typer(
    name="mnistcli",
    help="A laboratory for MNIST: train, evaluate, compare and use image classifiers, on JAX and Flax.",
    epilog=EPILOG,
    context_settings=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(
    help="Show, describe, verify, export, prepare and audit the images.",
    epilog=format_examples([*data.SHOW_EXAMPLES, *data.EXPORT_EXAMPLES]),
    context_settings=HELP,
    no_args_is_help=True,
)
runs_app = typer.Typer(
    help="List, show, compare, train again and export what was trained.",
    epilog=format_examples([runs.LIST_EXAMPLES[0], runs.SHOW_EXAMPLES[0], runs.DIFF_EXAMPLES[0]]),
    context_settings=HELP,
    no_args_is_help=True,
)

command(app, examples=train.EXAMPLES)(train.train)
command(app, examples=evaluate.EXAMPLES)(evaluate.evaluate)
command(app, examples=compare.EXAMPLES)(compare.compare)
command(app, examples=predict.EXAMPLES)(predict.predict)
command(app, examples=tune.EXAMPLES)(tune.tune)
command(app, examples=inspect.EXAMPLES)(inspect.inspect)
command(app, examples=export.EXAMPLES)(export.export)
command(app, examples=init.EXAMPLES)(init.init)
app.add_typer(data_app, name="data")
command(data_app, examples=data.SHOW_EXAMPLES)(data.show)
command(data_app, examples=data.INFO_EXAMPLES)(data.info)
command(data_app, examples=data.VERIFY_EXAMPLES)(data.verify)
command(data_app, examples=data.EXPORT_EXAMPLES)(data.export)
command(data_app, name="list", examples=data.LIST_EXAMPLES)(data.list_known)
command(data_app, examples=data.PREPARE_EXAMPLES)(data.prepare)
command(data_app, examples=data.PATH_EXAMPLES)(data.path)
command(data_app, examples=data.CLEAN_EXAMPLES)(data.clean)
command(data_app, examples=data.AUDIT_EXAMPLES)(data.audit)
app.add_typer(runs_app, name="runs")
command(runs_app, name="list", examples=runs.LIST_EXAMPLES)(runs.list_runs)
command(runs_app, name="show", examples=runs.SHOW_EXAMPLES)(runs.show_run)
command(runs_app, name="diff", examples=runs.DIFF_EXAMPLES)(runs.diff_runs)
command(runs_app, name="reproduce", examples=runs.REPRODUCE_EXAMPLES)(runs.reproduce_run)
command(runs_app, name="export", examples=runs.EXPORT_EXAMPLES)(runs.export_run)
command(app, examples=summary.EXAMPLES)(summary.summary)
command(app, examples=doctor.EXAMPLES)(doctor.doctor)
app.command("completion", epilog=manual.COMPLETION_EPILOG)(manual.completion)
app.command("help", epilog=manual.HELP_EPILOG)(manual.show_help)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"mnistcli {__version__}")
        raise typer.Exit


@app.callback()
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
        return app(standalone_mode=False) or ExitCode.OK
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
        kind = type(error).__name__
        return _tell(error, f"This should not happen: {kind}: {error}; --debug shows where.", ExitCode.FAILED)


def _usage_sentence(error: TyperException) -> str:
    """Return what Typer says of a wrong command line, and where to look; a bare command's help it has printed."""
    said, context = error.format_message().rstrip("."), getattr(error, "ctx", None)
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
