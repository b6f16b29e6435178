"""Parameters as named arrays, the form in which they are stored: {"hidden.kernel": array, …}."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from flax import nnx

from mnistcli.models.classifier import Classifier

Params = dict[str, Any]


def split(model: Classifier) -> tuple[nnx.GraphDef[Classifier], Params]:
    """Part a network into what it is and its parameters, a nested dict of arrays."""
    graph, state = nnx.split(model, nnx.Param)
    return graph, nnx.to_pure_dict(state)


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


def to_host(params: Params) -> dict[str, np.ndarray]:
    """Copy parameters from the device into named NumPy arrays."""
    arrays: dict[str, np.ndarray] = jax.device_get(flatten(params))
    return arrays


def count(params: Params) -> int:
    """How many numbers the parameters are."""
    return sum(value.size for value in jax.tree.leaves(params))
