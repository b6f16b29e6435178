"""Write what is generated from the program: the manual's reference of commands and of layers, and completions/.

python -m tests.regenerate               these
python -m tests.regenerate --pictures    README's pictures, too: trains for a minute or two
"""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from mnistcli.cli.app import make_app
from mnistcli.cli.completion import SHELLS
from mnistcli.models import RECIPES
from mnistcli.models.layers import ACTIVATIONS, LAYERS, Activation

ROOT = Path(__file__).parents[1]
MANUAL = ROOT / "mnistcli/manual"
COMPLETIONS = {"bash": "mnistcli.bash", "zsh": "_mnistcli", "fish": "mnistcli.fish"}
LAYERS_BEGIN = "## Layers\n"


def generated() -> dict[Path, str]:
    """Return the content of every generated file by its path."""
    program = typer.main.get_command(make_app())
    arch = (MANUAL / "arch.md").read_text().partition(LAYERS_BEGIN)[0]
    return {
        MANUAL / "commands.md": "\n".join(_reference(program)),
        MANUAL / "arch.md": arch + LAYERS_BEGIN + "\n" + "\n".join(_layers()),
        **{ROOT / "completions" / name: SHELLS[shell](program) for shell, name in COMPLETIONS.items()},
    }


def _layers() -> Iterator[str]:
    for each in LAYERS:
        if each is not Activation:
            yield from _bullet(f"`{each.usage}`: {each.meaning}")
    yield from _bullet(f"One of jax.nn's functions of each number: {', '.join(f'`{name}`' for name in ACTIVATIONS)}.")
    yield from ["", "The catalogue's names stand for these:", ""]
    for name, recipe in RECIPES.items():
        yield from _bullet(f"`{name}`: `{recipe.network}`")
    yield ""


def _bullet(text: str) -> list[str]:
    return textwrap.wrap(text, 120, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)


def _reference(program: Any) -> Iterator[str]:
    """Yield the reference of every command, line by line; what several commands share stands once, at the end."""
    yield from ["# Commands", "", "`mnistcli COMMAND --help` shows the same in a terminal.", ""]
    panels: dict[str, dict[str, Any]] = {}
    for command, path in _commands(program, ("mnistcli",)):
        shared: list[str] = []
        for each in command.params:
            if each.rich_help_panel is not None:
                panels.setdefault(each.rich_help_panel, {}).setdefault(each.opts[0], each)
                if each.rich_help_panel not in shared:
                    shared.append(each.rich_help_panel)
        yield from _command(command, path, shared)
    for panel, params in panels.items():
        yield from [f"## {panel}", "", *_options(list(params.values()))]


def _commands(group: Any, path: tuple[str, ...]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*path, name))
        else:
            yield command, (*path, name)


def _command(command: Any, path: tuple[str, ...], shared: list[str]) -> Iterator[str]:
    arguments = [_argument(each) for each in command.params if each.param_type_name == "argument"]
    yield from [f"## `{' '.join((*path, *arguments))}`", ""]
    yield from (line for each in command.help.splitlines() for line in textwrap.wrap(each, 120) or [""])
    yield ""
    yield from _options([each for each in command.params if each.rich_help_panel is None])
    if shared:
        links = ", ".join(f"[{panel}](#{panel.lower().replace(' ', '-')})" for panel in shared)
        yield from [*textwrap.wrap(f"Further options: {links}.", 120, break_on_hyphens=False), ""]


def _argument(param: Any) -> str:
    name = (param.metavar or param.name.upper()).strip("[].")
    return (name if param.required else f"[{name}]") + ("..." if param.nargs == -1 else "")


def _options(params: list[Any]) -> list[str]:
    rows = [_row(each) for each in params]
    return ["| | | default |", "|---|---|---|", *rows, ""] if rows else []


def _row(param: Any) -> str:
    if param.param_type_name == "argument":
        name = f"`{_argument(param)}`"
    else:
        flags = ", ".join(f"`{flag}`" for flag in (*param.opts, *param.secondary_opts))
        name = flags if param.is_flag else f"{flags} `{param.metavar}`"
    default = param.show_default if isinstance(param.show_default, str) else param.default
    shown = "" if default is None or default is False or param.show_default is False else str(default)
    cells = (cell.replace("|", "\\|") for cell in (name, param.help, shown))
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Rewrite the generated files."""
    for path, content in generated().items():
        path.write_text(content)
    if "--pictures" in sys.argv:
        from tests.readme_pictures import draw_pictures

        draw_pictures(MANUAL)


if __name__ == "__main__":
    main()
