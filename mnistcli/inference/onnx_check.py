"""Check ONNX files from other sources before they run, and remember the harmless ones."""

import hashlib
from contextlib import suppress

from mnistcli import __version__
from mnistcli.errors import RunError
from mnistcli.files import private_folder, user_cache


def check_onnx(content: bytes, *, name: str) -> None:
    """Raise RunError if a file could do harm; errors call it `name`.

    The SHA-256 of harmless files is stored in a private folder of the cache, to save `import onnx`, 0.1 s.

    Raises:
        RunError: It is not ONNX, or could read other files, run other code, or fill the memory.
    """
    folder = private_folder(user_cache() / "harmless-onnx" / __version__)
    mark = folder / hashlib.sha256(content).hexdigest() if folder else None
    if mark is not None and mark.exists():
        return
    try:
        from mnistcli.inference.onnx_rules import check

        check(content)
    except ValueError as error:
        raise RunError(f"{name} {error}.") from error
    if mark is not None:
        with suppress(OSError):
            mark.touch(mode=0o600)
