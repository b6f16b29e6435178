"""Parameters as named arrays, the form in which they are stored: {"hidden.kernel": array, …}."""

from collections.abc import Mapping
from typing import Any

Params = dict[str, Any]


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Join nested names by dots."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def unflatten(flat: Mapping[str, Any]) -> Params:
    """Undo `flatten`."""
    tree: Params = {}
    for path, value in flat.items():
        *parents, leaf = path.split(".")
        node = tree
        for name in parents:
            node = node.setdefault(name, {})
        node[leaf] = value
    return tree


def count(params: Params) -> int:
    """How many numbers the parameters are."""
    return sum(value.size for value in flatten(params).values())
