"""mnistcli help, mnistcli completion: what the program says of itself."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mnistcli.cli.face import format_examples
from mnistcli.errors import ExitCode, UsageError, suggestion
from mnistcli.render.view import wrapped

HELP_EPILOG = format_examples(["mnistcli help exit-codes", "mnistcli help train"])
COMPLETION_EPILOG = format_examples(
    [
        'eval "$(mnistcli completion bash)"',
        "mnistcli completion zsh > ~/.zfunc/_mnistcli",
        "mnistcli completion fish > ~/.config/fish/completions/mnistcli.fish",
    ]
)
TOPIC = "exit-codes"


def show_help(
    ctx: typer.Context,
    topic: Annotated[list[str] | None, typer.Argument(help=f"A command, or {TOPIC}.")] = None,
) -> None:
    """Show help on a command, or the exit codes."""
    if topic == [TOPIC]:
        for code in ExitCode:
            print(wrapped(f"{code.value}\t{code.meaning}", sys.stdout))
        return
    here, found = ctx.find_root(), ctx.find_root().command
    for word in topic or []:
        commands = getattr(found, "commands", {})
        if word not in commands:
            raise UsageError(f"There is no help on {word!r}{suggestion(word, commands)}")
        found = commands[word]
        here = typer.Context(found, info_name=word, parent=here)
    print(found.get_help(here))


def completion(
    ctx: typer.Context, shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish", help="The shell.")]
) -> None:
    """Print the script that completes mnistcli's commands in a shell."""
    from mnistcli.cli.completion import SHELLS

    if shell not in SHELLS:
        raise UsageError(
            f"There is no completion for {shell!r}: expected one of {', '.join(SHELLS)}{suggestion(shell, SHELLS)}"
        )
    print(SHELLS[shell](ctx.find_root().command), end="")
