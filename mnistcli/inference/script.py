"""A network as JSON for `network.js` in mnistcli.render, which computes it in a browser."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mnistcli.models.language import Step, expected_variables
from mnistcli.models.layers import EPSILON, Residual


def script_network(steps: Sequence[Step], arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return a network as an object for JSON.

    "numbers" are the numbers of all arrays, little-endian float32 in base64. Each of the "layers" has its "kind", its
    "shape" and "output_shape" for one image, its settings, the "epsilon" of batch normalisation, the layers "inside" a
    residual, and "arrays": the start and length of each array among the numbers, by name.

    Args:
        steps: The network's layers.
        arrays: Their variables by path, float32.
    """
    paths = list(expected_variables(steps))
    starts = np.cumsum([0, *(arrays[path].size for path in paths)]).tolist()
    places = {path: [start, arrays[path].size] for path, start in zip(paths, starts, strict=False)}
    numbers = np.concatenate([arrays[path].ravel() for path in paths]).astype("<f4")
    return {"layers": [_layer(step, places) for step in steps], "numbers": b64encode(numbers.tobytes()).decode()}


def _layer(step: Step, places: Mapping[str, list[int]]) -> dict[str, Any]:
    settings = {} if isinstance(step.layer, Residual) else vars(step.layer)
    return settings | {
        "kind": step.layer.kind,
        "shape": step.shape,
        "output_shape": step.output_shape,
        "epsilon": EPSILON,
        "arrays": {name: places[f"{step.name}.{name}"] for name in step.variables()},
        "inside": [_layer(each, places) for each in step.inside],
    }
