"""Options generated from the settings in `mnistcli.config`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from mnistcli.config import SETTINGS, DataChoice, Hyper
from mnistcli.declaration import declared
from mnistcli.models import RECIPES, recipe_default

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mnistcli.declaration import Declaration

Command = TypeVar("Command", bound="Callable[..., Any]")
ARCH = "dense"  # the default architecture
DATA = tuple(declared(DataChoice))
TRAINING = tuple(name for name in SETTINGS if name not in DATA)


def takes_settings(
    names: Iterable[str], *, panel: str | None = None, **told: Mapping[str, Any]
) -> Callable[[Command], Command]:
    """Replace a function's **settings with one option per setting.

    `told` overrides arguments of `typer.Option`, by attribute.
    """

    def decorate(function: Command) -> Command:
        own = inspect.signature(function, eval_str=True).parameters.values()
        fixed = [each for each in own if each.kind is each.POSITIONAL_OR_KEYWORD]
        options = [_option(SETTINGS[name], {"rich_help_panel": panel, **told.get(name, {})}) for name in names]
        rest = [each for each in own if each.kind is each.KEYWORD_ONLY]
        function.__signature__ = inspect.Signature([*fixed, *options, *rest])  # type: ignore[attr-defined]
        return function

    return decorate


def given_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given settings, by attribute; comma-separated text becomes a tuple."""
    given = {name: value for name, value in values.items() if value is not None}
    return {name: tuple(value.split(",")) if SETTINGS[name].kind is tuple else value for name, value in given.items()}


def _option(each: Declaration, told: Mapping[str, Any]) -> inspect.Parameter:
    kind: Any = str if each.kind is tuple else each.kind
    flag = f"{each.flag}/--no-{each.flag[2:]}" if each.negatable else each.flag
    metavar = "|".join(RECIPES) if each.name == "arch" else each.metavar
    known: dict[str, Any] = {"metavar": metavar, "help": each.help, "show_default": _default(each) or False, **told}
    option = typer.Option(flag, *each.flags[1:], **known)
    annotation = Annotated[kind | None, option]
    return inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _default(each: Declaration) -> str:
    if each.name == "arch":
        return ARCH
    return recipe_default(each.name) if each.name in declared(Hyper) else each.default
