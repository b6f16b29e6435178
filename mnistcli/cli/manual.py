"""mnistcli help, mnistcli completion: what the program says of itself."""

from __future__ import annotations

import sys
from importlib.resources import files
from typing import Annotated

import typer

from mnistcli.cli.face import format_examples
from mnistcli.errors import ExitCode, UsageError, suggestion
from mnistcli.models import RECIPES
from mnistcli.render.view import wrapped

HELP_EPILOG = format_examples(["mnistcli help arch", "mnistcli help devices", "mnistcli help train"])
COMPLETION_EPILOG = format_examples(
    [
        'eval "$(mnistcli completion bash)"',
        "mnistcli completion zsh > ~/.zfunc/_mnistcli",
        "mnistcli completion fish > ~/.config/fish/completions/mnistcli.fish",
    ]
)
PAGES = files("mnistcli") / "manual"  # a Markdown file a topic
TOPICS = ("arch", "devices", "exit-codes")
ARCH_INTRODUCTION = """\
A network is written in one line, its layers separated by commas:

  mnistcli train --arch "conv 32 3x3, norm, relu, pool 2, dense 64, relu"
  mnistcli summary "conv 16 3x3, relu, residual(conv 16 3x3 same, relu), mean"

The last layer, one unit for each class, is implied, and so is 'flatten' before the first 'dense'. \
'train', 'compare' and 'summary' take such a line; 'evaluate' and others find its newest finished run.

A network can also be a class in Flax, in a file of yours; 'mnistcli init' writes an example:

  mnistcli init net.py
  mnistcli train --arch net.py:Net

  network = layer, layer, …
"""
ARCH_NAMES = "Names of the catalogue stand for these:"


def show_help(
    ctx: typer.Context,
    topic: Annotated[list[str] | None, typer.Argument(help=f"A command, or one of {', '.join(TOPICS)}.")] = None,
) -> None:
    """Show help on a command, or on a topic: networks in one line, devices and hosts, exit codes."""
    if topic == ["arch"]:
        for line in _arch_topic().splitlines():
            print(wrapped(line, sys.stdout))
        return
    if topic == ["exit-codes"]:
        for code in ExitCode:
            print(wrapped(f"{code.value}\t{code.meaning}", sys.stdout))
        return
    if topic == ["devices"]:
        _show_page("devices")
        return
    here, found = ctx.find_root(), ctx.find_root().command
    for word in topic or []:
        commands = getattr(found, "commands", {})
        if word not in commands:
            raise UsageError(f"There is no help on {word!r}{suggestion(word, [*commands, *TOPICS])}")
        found = commands[word]
        here = typer.Context(found, info_name=word, parent=here)
    print(found.get_help(here))


def _show_page(name: str) -> None:
    """Print a page of the manual: laid out on a terminal, elsewhere as it is written."""
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    if not sys.stdout.isatty():
        print(text, end="")
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))


def _arch_topic() -> str:
    from mnistcli.models.language import grammar

    names = [f"  {name:9}{recipe.network}" for name, recipe in RECIPES.items()]
    return "\n".join([ARCH_INTRODUCTION + grammar(), "", ARCH_NAMES, *names])


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
