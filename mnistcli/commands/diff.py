"""What two runs have not in common, by what their folders say."""

from collections.abc import Iterator, Mapping
from typing import Any

from mnistcli.models import description
from mnistcli.models.language import difference, parse
from mnistcli.results.diff import Difference, RunDifference
from mnistcli.runs import Run, RunRecord

UNCOMPARED = ("argv", "resumed")  # how a run was asked for, and how often, changes nothing that it comes to
PLACE = ("git_commit",)


def diff(a: tuple[Run, RunRecord], b: tuple[Run, RunRecord]) -> RunDifference:
    """Return what differs in two runs' configurations, provenance and results."""
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
    """Return what differs in the machine, the versions and the data of two runs' provenance."""
    return tuple(each for each in _differences("provenance", before, now) if each.name not in PLACE)


def _differences(part: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    ours, theirs = dict(_flat(a)), dict(_flat(b))
    for name in ours | theirs:
        if name not in UNCOMPARED and ours.get(name) != theirs.get(name):
            yield Difference(part, name, ours.get(name), theirs.get(name))


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each value by its name; of an object inside, each as "versions.jax"."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            yield name, value
