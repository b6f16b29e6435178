"""Find the differences of two runs, as recorded in their folders."""

from collections.abc import Iterator, Mapping
from typing import Any

from mnistcli.models import description
from mnistcli.models.language import difference, parse
from mnistcli.results.diff import Difference, RunDifference
from mnistcli.runs import Run, RunRecord

UNCOMPARED = ("argv", "resumed")  # the command line, and how often a run was resumed, do not change its result
PLACE = ("git_commit",)  # depends on the working directory


def diff(a: tuple[Run, RunRecord], b: tuple[Run, RunRecord]) -> RunDifference:
    """Return the differences of two runs' configurations, provenance and results."""
    (run, first), (other, second) = a, b
    ours, theirs = first.as_dict(), second.as_dict()
    differences = [
        each for part in ("config", "provenance", "results") for each in _differences(part, ours[part], theirs[part])
    ]
    networks = [description(record.config.arch) for record in (first, second)]
    described = [parse(network) for network in networks if network is not None]
    return RunDifference(
        run.name, other.name, tuple(differences), difference(*described) if len(described) == 2 else ""
    )


def changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return the differences of machine, versions and data in two runs' provenance."""
    return tuple(each for each in _differences("provenance", before, now) if each.name not in PLACE)


def _differences(part: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    ours, theirs = dict(_flat(a)), dict(_flat(b))
    for name in ours | theirs:
        if name not in UNCOMPARED and ours.get(name) != theirs.get(name):
            yield Difference(part, name, ours.get(name), theirs.get(name))


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield names and values; values of nested objects get names like "versions.jax"."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            yield name, value
