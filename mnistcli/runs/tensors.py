"""Named arrays, and JSON beside them, in a safetensors file under a SHA-256 that reading checks."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mnistcli.errors import RunError
from mnistcli.files import write_atomically
from mnistcli.runs.sums import seal, unseal

Metadata = dict[str, Any]
Tensors = dict[str, np.ndarray]
Shapes = Mapping[str, tuple[str, tuple[int, ...]]]  # dtype, as safetensors names it, and shape of each tensor
FOREIGN = {
    b"PK": "a zip archive, such as PyTorch's .pt and NumPy's .npz files",
    b"\x80": "a pickle, which could run code",
    b"\x89HDF": "an HDF5 file, such as Keras writes",
    b"\x93NUMPY": "a NumPy array",
}


def save_tensors(path: Path, tensors: Tensors, metadata: Metadata) -> None:
    """Write the arrays and the JSON, whole or not at all."""
    text = json.dumps(seal(metadata, beside=_parts(tensors)))
    write_atomically(path, save(tensors, {"mnistcli": text}))


def load_tensors(path: Path, *, check: Callable[[Metadata, Shapes], None]) -> tuple[Tensors, Metadata]:
    """Read what `save_tensors` wrote; `check` sees metadata and shapes before any array is.

    Raises:
        RunError: The file is missing, damaged, or of another kind; or what `check` raises.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = _parse(path, (file.metadata() or {}).get("mnistcli", ""))
            names = [*file.keys()]
            slices = {name: file.get_slice(name) for name in names}
            check(metadata, {name: (each.get_dtype(), tuple(each.get_shape())) for name, each in slices.items()})
            tensors = {name: file.get_tensor(name) for name in names}
    except FileNotFoundError as error:
        raise RunError(f"There is no weights file {str(path)!r}.") from error
    except (OSError, SafetensorError) as error:
        raise RunError(f"{str(path)!r} is {_foreign(path) or 'no whole safetensors file'}: {error}.") from error
    try:
        return tensors, unseal(metadata, beside=_parts(tensors))
    except ValueError as error:
        raise RunError(f"{str(path)!r} is damaged: {error}.") from error


def _parse(path: Path, text: str) -> Metadata:
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RunError(f"{str(path)!r} was not written by mnistcli: its metadata is no JSON.") from error
    if not isinstance(metadata, dict):
        raise RunError(f"{str(path)!r} was not written by mnistcli: its metadata is no object.")
    return metadata


def _parts(tensors: Tensors) -> Iterator[bytes | memoryview]:
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        yield f"\n{name} {array.dtype.str} {tensors[name].shape}\n".encode()
        yield array.reshape(-1).view(np.uint8).data


def _foreign(path: Path) -> str | None:
    """Name the kind of a file that holds weights in a way that is not read here."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError:
        return None
    kinds = [kind for magic, kind in FOREIGN.items() if start.startswith(magic)]
    return f"{kinds[0]}: only mnistcli's own safetensors files are read" if kinds else None
