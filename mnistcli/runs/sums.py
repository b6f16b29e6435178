"""JSON objects that carry a SHA-256 over their own content, so that damage is told and never taken for a value."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

SUM = "sha256"
MOST = 2**24  # bytes of JSON that are read of a file: more than config.MOST_EPOCHS epochs fill


def seal(values: dict[str, Any], *, beside: Iterable[bytes | memoryview] = ()) -> dict[str, Any]:
    """Return the object with its sum, which covers what lies `beside` it too."""
    return values | {SUM: _digest(values, beside)}


def unseal(values: dict[str, Any], *, beside: Iterable[bytes | memoryview] = ()) -> dict[str, Any]:
    """Return the object without its sum.

    Raises:
        ValueError: It is not an object, or has another content than when it was sealed.
    """
    if not isinstance(values, dict):
        raise ValueError("it is not an object")
    content = {name: value for name, value in values.items() if name != SUM}
    if values.get(SUM) != _digest(content, beside):
        raise ValueError("its content does not have the SHA-256 that it names")
    return content


def _digest(values: dict[str, Any], beside: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256(json.dumps(values).encode())
    for part in beside:
        digest.update(part)
    return digest.hexdigest()
