"""JSON objects with a SHA-256 of their own content, so that damage is always detected."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from mnistcli.errors import MnistcliError, RunError
from mnistcli.files import read_bounded, write_atomically

Content = TypeVar("Content")
SUM = "sha256"
MOST = 2**24  # bytes of JSON to read from a file at most; config.MOST_EPOCHS epochs need less


def seal(values: dict[str, Any], *, beside: Iterable[bytes | memoryview] = ()) -> dict[str, Any]:
    """Return the object with its SHA-256, which also covers the bytes of `beside`."""
    return values | {SUM: _digest(values, beside)}


def unseal(values: dict[str, Any], *, beside: Iterable[bytes | memoryview] = ()) -> dict[str, Any]:
    """Return the object without its SHA-256.

    Raises:
        ValueError: It is not an object, or its content has changed since it was sealed.
    """
    if not isinstance(values, dict):
        raise ValueError("it is not an object")
    content = {name: value for name, value in values.items() if name != SUM}
    if values.get(SUM) != _digest(content, beside):
        raise ValueError("its content does not match its SHA-256")
    return content


def write_sealed(path: Path, values: dict[str, Any], *, indent: int = 2) -> None:
    """Write the object, with its SHA-256, as JSON."""
    text = json.dumps(seal(values), indent=indent, allow_nan=False)
    write_atomically(path, f"{text}\n".encode())


def read_sealed(path: Path, schema: str, make: Callable[[dict[str, Any]], Content]) -> Content:
    """Read a file with a sealed object, and return the result of `make` for the object without schema and SHA-256.

    Raises:
        RunError: The file cannot be read, has another schema, or is damaged.
    """
    try:
        content = json.loads(read_bounded(path, most=MOST))
        if not isinstance(content, dict) or "schema" not in content:
            raise ValueError("it is not an object with a schema")
        if content["schema"] != schema:
            raise RunError(
                f"{path} is from another version of mnistcli: expected schema {schema}, found {content['schema']!r}."
            )
        content = unseal(content)
        del content["schema"]
        return make(content)
    except RunError:
        raise
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError, AttributeError, MnistcliError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {error}.") from error


def _digest(values: dict[str, Any], beside: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256(json.dumps(values).encode())
    for part in beside:
        digest.update(part)
    return digest.hexdigest()
