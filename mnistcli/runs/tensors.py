"""Named arrays and JSON metadata in a safetensors file, with a SHA-256 that is checked on reading."""

import errno
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mnistcli.errors import RunError
from mnistcli.files import check_regular, write_atomically
from mnistcli.runs.sums import MOST, seal, unseal

Metadata = dict[str, Any]
Tensors = dict[str, np.ndarray]
Shapes = Mapping[str, tuple[str, tuple[int, ...]]]  # each tensor's dtype, as safetensors names it, and shape
FOREIGN = {
    b"PK": "a zip archive, like the .pt files of PyTorch, .keras of Keras and .npz of NumPy",
    b"\x80": "a pickle, which could run code",
    b"\x89HDF": "an HDF5 file, as Keras writes them",
    b"\x93NUMPY": "a NumPy array",
}


def save_tensors(path: Path, tensors: Tensors, metadata: Metadata) -> None:
    """Write the arrays and the JSON atomically."""
    from safetensors.numpy import save  # predicting by ONNX Runtime does not need it

    text = json.dumps(seal(metadata, beside=_parts(tensors)))
    write_atomically(path, save(tensors, {"mnistcli": text}))


def load_tensors(path: Path, *, check: Callable[[Metadata, Shapes], None]) -> tuple[Tensors, Metadata]:
    """Read a file of `save_tensors`; `check` gets metadata and shapes before any array is read, and may raise.

    Raises:
        RunError: The file is missing, damaged, or of another kind.
    """
    from safetensors import SafetensorError, safe_open

    try:
        _check_header(path)
        with safe_open(path, framework="numpy") as file:
            metadata = _parse(path, (file.metadata() or {}).get("mnistcli", ""))
            names = [*file.keys()]
            slices = {name: file.get_slice(name) for name in names}
            check(metadata, {name: (each.get_dtype(), tuple(each.get_shape())) for name, each in slices.items()})
            tensors = {name: file.get_tensor(name) for name in names}
    except FileNotFoundError as error:
        raise RunError(f"There is no weights file {str(path)!r}.") from error
    except (OSError, SafetensorError) as error:
        what = _foreign(path) or "not a complete safetensors file"
        raise RunError(f"{str(path)!r} is {what}: {getattr(error, 'strerror', None) or error}.") from error
    try:
        return tensors, unseal(metadata, beside=_parts(tensors))
    except ValueError as error:
        raise RunError(f"{str(path)!r} is damaged: {error}.") from error


def _check_header(path: Path) -> None:
    """Raise OSError if the path is not a regular file, or has a header too large to be read at once."""
    check_regular(path)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > MOST:
        raise OSError(errno.EFBIG, f"expected a header of {MOST:,} bytes at most, found {length:,}")


def _parse(path: Path, text: str) -> Metadata:
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RunError(f"{str(path)!r} was not written by mnistcli: its metadata is not JSON.") from error
    if not isinstance(metadata, dict):
        raise RunError(f"{str(path)!r} was not written by mnistcli: its metadata is not an object.")
    return metadata


def _parts(tensors: Tensors) -> Iterator[bytes | memoryview]:
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        yield f"\n{name} {array.dtype.str} {tensors[name].shape}\n".encode()
        yield array.reshape(-1).view(np.uint8).data


def _foreign(path: Path) -> str | None:
    """Return a description of a file in another program's format; None if it is not recognised."""
    try:
        check_regular(path)
        with path.open("rb") as file:
            start = file.read(8)
    except OSError:
        return None
    kinds = [kind for magic, kind in FOREIGN.items() if start.startswith(magic)]
    return f"{kinds[0]}: only mnistcli's own safetensors files are read" if kinds else None
