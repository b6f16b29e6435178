"""The space that a search draws settings from: which settings, and which values of each."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mnistcli.config import TrainConfig
from mnistcli.errors import UsageError, unknown
from mnistcli.models.recipes import arch_key, as_written, description
from mnistcli.models.settings import SEARCHABLE
from mnistcli.optimizers import OPTIMIZERS, SCHEDULES

DIGITS = 3  # significant ones of a number that is drawn, so that it can be typed
# A dropout layer's rate in a description, as `language.canonical` writes it.
DROPOUT_RATE = re.compile(r"(?<=\bdropout )[0-9.e-]+")
BOOLEANS = {"on": True, "off": False}
EXAMPLES = {bool: "on,off", int: "0,1,2", float: "0..0.5"}  # of values, where neither DEFAULT nor choices are one


@dataclass(frozen=True)
class Choices:
    """Some values, each as likely to be drawn as the others."""

    values: tuple[Any, ...]

    def draw(self, source: random.Random) -> Any:
        """Return one of the values."""
        return source.choice(self.values)

    def __str__(self) -> str:
        return ",".join(map(as_written, self.values))


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`, drawn evenly on a logarithmic scale, or on a linear one where `low` is 0."""

    low: float
    high: float
    whole: bool = False

    @property
    def values(self) -> tuple[Any, ...]:
        """Its ends."""
        return tuple(map(self._number, (self.low, self.high)))

    def draw(self, source: random.Random) -> Any:
        """Return a number."""
        if self.low > 0:
            return self._number(math.exp(source.uniform(math.log(self.low), math.log(self.high))))
        return self._number(source.uniform(self.low, self.high))

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}"

    def _number(self, value: float) -> float:
        return round(value) if self.whole else float(f"{value:.{DIGITS}g}")


Space = Mapping[str, Choices | Range]
DEFAULT: Space = {
    "lr": Range(1e-4, 1.0),
    "weight_decay": Range(1e-6, 1e-2),
    "batch_size": Choices((32, 64, 128, 256)),
    "optimizer": Choices(tuple(OPTIMIZERS)),
    "schedule": Choices(tuple(SCHEDULES)),
}
DEFAULT_DROPOUT = Range(0.0, 0.6)


def make_space(arch: str, texts: Iterable[str]) -> Space:
    """Return the space to search for an architecture: the default one, with what texts such as "lr=1e-4..0.1" say.

    Raises:
        UsageError: A text names no setting, or values that it cannot have.
    """
    rates = {*DROPOUT_RATE.findall(description(arch) or "")}
    given = dict(map(_read, texts))
    if "dropout" in given and len(rates) != 1:
        layers = "dropout layers of different rates" if rates else "no dropout layer"
        raise UsageError(f"--space dropout: the network has {layers}.")
    return {**DEFAULT, **({"dropout": DEFAULT_DROPOUT} if len(rates) == 1 else {}), **given}


def draw(space: Space, *, seed: int, number: int) -> dict[str, Any]:
    """Return the settings of a trial, by the names of --space; the seed and the trial's number decide them."""
    source = random.Random(f"{seed} {number}")  # noqa: S311  (nothing secret)
    return {name: each.draw(source) for name, each in space.items()}


def with_settings(config: TrainConfig, settings: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration with settings, by the names of --space, in place of its own.

    Raises:
        UsageError: A value is out of its range.
    """
    changes = {SEARCHABLE[name].name: value for name, value in settings.items() if name != "dropout"}
    if "dropout" in settings:
        network = DROPOUT_RATE.sub(f"{settings['dropout']:.6f}", description(config.arch) or "")
        changes["arch"] = arch_key(network)
    return config.changed(changes)


def settings_of(config: TrainConfig, space: Space) -> dict[str, Any]:
    """Return what a configuration has of the settings that a space draws."""
    values = {name: getattr(config.hyper, SEARCHABLE[name].name) for name in space if name != "dropout"}
    rate = DROPOUT_RATE.search(description(config.arch) or "")
    return values | ({"dropout": float(rate[0])} if rate and "dropout" in space else {})


def check_space(config: TrainConfig, space: Space) -> None:
    """Refuse a space that holds a value which a configuration cannot have.

    Raises:
        UsageError: It does.
    """
    for name, each in space.items():
        for value in each.values:
            with_settings(config, {name: value})


def _read(text: str) -> tuple[str, Choices | Range]:
    name, _, values = text.partition("=")
    name = name.strip().removeprefix("--").replace("-", "_")
    if name not in (known := [*SEARCHABLE, "dropout"]):
        raise UsageError(unknown("setting of --space", name, known))
    kind = float if name == "dropout" else SEARCHABLE[name].kind
    try:
        if ".." in values and kind in (int, float):
            low, high = map(float, values.split(".."))
            if not 0 <= low < high < math.inf:
                raise ValueError
            return name, Range(low, high, whole=kind is int)
        words = [word.strip() for word in values.split(",")]
        return name, Choices(tuple(BOOLEANS[word] if kind is bool else kind(word) for word in words))
    except (ValueError, KeyError) as error:
        raise UsageError(f"--space {text!r} does not give values of {name}, as in {name}={_example(name)}.") from error


def _example(name: str) -> str:
    """Return values of a setting as --space takes them."""
    if name in DEFAULT or name == "dropout":
        return str(DEFAULT.get(name, DEFAULT_DROPOUT))
    each = SEARCHABLE[name]
    return ",".join(each.choices) or EXAMPLES[each.kind]
