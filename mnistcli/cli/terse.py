"""Typer's commands without uninformative types in help, such as <bool>."""

from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup


def _terse(params: list[Any]) -> list[Any]:
    for each in params:
        if isinstance(each, TyperArgument) or each.is_flag:
            each.display_type_rich = lambda **_: None
    return params


class Command(TyperCommand):
    """A command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return its parameters and --help."""
        return _terse(super().get_params(ctx))


class Group(TyperGroup):
    """A command with subcommands."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return its parameters and --help."""
        return _terse(super().get_params(ctx))
