"""The declaration of a setting: a field of a frozen dataclass, with everything about it in one place.

Checks, options, completion, TOML files and --print-config are derived from it.
"""

from collections.abc import Callable, Collection
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from types import UnionType
from typing import Any, get_origin

from mnistcli.errors import UsageError, unknown


@dataclass(frozen=True)
class Bound:
    """The words that follow "must be", and a test of a value."""

    words: str
    holds: Callable[[Any], bool]


def at_least(low: int) -> Bound:
    """Return the bound of numbers of at least `low`."""
    return Bound(f"at least {low}", lambda value: value >= low)


def at_most(high: int) -> Bound:
    """Return the bound of numbers of at most `high`."""
    return Bound(f"at most {high}", lambda value: value <= high)


def between(low: int, high: int) -> Bound:
    """Return the bound of numbers from `low` to `high`, both included."""
    return Bound(f"from {low} to {high}", lambda value: low <= value <= high)


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A setting.

    Attributes:
        name: The attribute's.
        kind: int, float, bool, str, or tuple for a tuple of str.
        flags: Its flag, and its short flag if it has one.
        metavar: The value's placeholder in help; by default its choices.
        help: What it does.
        default: Its default in help if no recipe has one; "": none.
        choices: The allowed words; empty: any value within the bounds.
        bounds: The conditions on its value.
        negatable: Whether --no-FLAG turns it off.
    """

    name: str
    kind: type
    flags: tuple[str, ...]
    metavar: str | None
    help: str
    default: str
    choices: Collection[str]
    bounds: tuple[Bound, ...]
    negatable: bool

    @property
    def flag(self) -> str:
        """The flag, as in "--batch-size"."""
        return self.flags[0]

    @property
    def key(self) -> str:
        """Its name in files and output, from its flag, as in "batch_size"."""
        return self.flag[2:].replace("-", "_")

    def check(self, value: Any) -> None:
        """Raise UsageError for an invalid value; None means that it was not given, and is valid."""
        if value is None:
            return
        if self.choices and value not in self.choices:
            raise UsageError(unknown(self.name.replace("_", " "), value, self.choices))
        for bound in self.bounds:
            if not bound.holds(value):
                written = f"{value:g}" if isinstance(value, float) else value
                raise UsageError(f"{self.flag} must be {bound.words}, not {written}.")


def setting(
    default: Any = MISSING,
    *,
    help: str,  # noqa: A002
    flags: tuple[str, ...] = (),
    metavar: str | None = None,
    shown: str | None = None,
    choices: Collection[str] = (),
    bounds: tuple[Bound, ...] = (),
    negatable: bool = False,
) -> Any:
    """Declare a setting; the flag follows from the attribute by default: --batch-size from `batch_size`.

    `shown` is the default in help; the rest is as in `Declaration`.
    """
    known = {"help": help, "flags": flags, "metavar": metavar, "default": shown}
    return field(default=default, metadata=known | {"choices": choices, "bounds": bounds, "negatable": negatable})


@cache
def declared(cls: Any) -> dict[str, Declaration]:
    """Return the settings that a dataclass declares, by attribute."""
    return {each.name: _declaration(each) for each in fields(cls) if each.metadata}


def check_settings(config: Any) -> None:
    """Raise UsageError if a setting of a dataclass's instance has an invalid value."""
    cls: Any = type(config)
    for name, each in declared(cls).items():
        each.check(getattr(config, name))


def _declaration(each: Field[Any]) -> Declaration:
    known = dict(each.metadata)
    known["flags"] = known["flags"] or (f"--{each.name.replace('_', '-')}",)
    known["metavar"] = known["metavar"] or "|".join(known["choices"]) or None
    if known["default"] is None:
        known["default"] = str(each.default) if type(each.default) in (int, float, str) else ""
    return Declaration(name=each.name, kind=_kind(each.type), **known)


def _kind(annotation: Any) -> type:
    """Return str of `str`, int of `int | None`, tuple of `tuple[str, ...] | None`."""
    inner = annotation.__args__[0] if isinstance(annotation, UnionType) else annotation
    kind: type = get_origin(inner) or inner
    return kind
