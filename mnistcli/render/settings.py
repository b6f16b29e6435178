"""How a training's settings are shown, each with its origin; plain text is a TOML file."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from mnistcli.config import RUNS_DIR
from mnistcli.models.settings import Setting
from mnistcli.render.tables import NOTHING, make_table
from mnistcli.render.view import View, to_text

COLOURS = {"flag": "bold green", "file": "bold cyan", "like": "bold cyan", "from": "bold cyan", "environment": "bold"}


def settings_view(settings: Mapping[str, Setting], *, runs_dir: Path) -> View:
    """Return the settings in all formats, then the runs folder, which no recipe sets."""
    every = {**settings, "runs_dir": Setting(str(runs_dir), _origin(runs_dir))}
    return View(
        schema="mnistcli.train-config/1",
        document=lambda: {"settings": {key: asdict(each) for key, each in every.items()}},
        rows=lambda: [{"setting": key, **asdict(each), "value": _written(each.value)} for key, each in every.items()],
        terminal=lambda _: [_table(every)],
        text=lambda: "".join(map(_line, every, every.values())),
    )


def _origin(runs_dir: Path) -> str:
    if (given := os.environ.get("MNISTCLI_RUNS_DIR")) and Path(given) == runs_dir:
        return "environment"
    return "default" if runs_dir == RUNS_DIR else "flag"


def _table(settings: Mapping[str, Setting]) -> RenderableType:
    table = make_table("setting", "value", "origin", folding={"value": 40})
    for key, each in settings.items():
        value = to_text(_written(each.value)) or NOTHING
        table.add_row(key, value, Text(each.origin, COLOURS.get(each.origin, "dim")))
    return table


def _line(key: str, setting: Setting) -> str:
    """Return a line of TOML; settings that --config does not read, and values that TOML lacks, are comments."""
    value = "none" if setting.value is None else _toml(setting.value)
    comment = "# " if setting.value is None or key == "runs_dir" else ""
    return f"{comment}{key} = {value}  # {setting.origin}\n"


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{"".join(map(_escaped, value))}"'
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case _:
            return repr(value)


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _written(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, tuple) else value
