"""mnistcli help, mnistcli completion: the manual and the completion scripts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mnistcli.cli.face import format_examples
from mnistcli.errors import UsageError, suggestion

HELP_EPILOG = format_examples(["mnistcli help arch", "mnistcli help devices", "mnistcli help train"])
COMPLETION_EPILOG = format_examples(
    [
        'eval "$(mnistcli completion bash)"',
        "mnistcli completion zsh > ~/.zfunc/_mnistcli",
        "mnistcli completion fish > ~/.config/fish/completions/mnistcli.fish",
    ]
)
PAGES = Path(__file__).parents[1] / "manual"  # one Markdown file per topic
TOPICS = tuple(sorted(each.stem for each in PAGES.glob("*.md")))


def show_help(
    ctx: typer.Context,
    topic: Annotated[
        list[str] | None, typer.Argument(metavar="[TOPIC]...", help=f"A command, or one of {', '.join(TOPICS)}.")
    ] = None,
) -> None:
    """Show a page of the manual, and the options of a command."""
    here, found = ctx.find_root(), ctx.find_root().command
    words = topic or []
    page = words[0] if len(words) == 1 and words[0] in TOPICS else None
    if page is not None:
        _show_page(page)
        if page not in found.commands:  # type: ignore[attr-defined]
            return
        print()
    for word in words:
        commands = getattr(found, "commands", {})
        if word not in commands:
            raise UsageError(f"There is no help on {word!r}{suggestion(word, [*commands, *TOPICS])}")
        found = commands[word]
        here = typer.Context(found, info_name=word, parent=here)
    print(found.get_help(here))


def _show_page(name: str) -> None:
    """Print a page of the manual: formatted on a terminal, otherwise as plain Markdown."""
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    if not sys.stdout.isatty():
        print(text, end="")
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))


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
