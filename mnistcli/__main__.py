"""The program's entry: `python -m mnistcli` is the same as `mnistcli`."""

import os
import sys

from mnistcli.errors import LimitError
from mnistcli.process import heed_interrupts, ignore_interrupts


def main() -> None:
    """Run the program; from its first imports on, Ctrl-C and SIGTERM end it with one sentence."""
    try:
        heed_interrupts()
    except LimitError as error:
        sys.exit(f"mnistcli: {error}")

    try:
        from mnistcli.cli import app

        app.main()
    except SystemExit as ended:
        ignore_interrupts()  # what is done is done
        sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else 0)  # JAX and ONNX Runtime take 15 ms to be torn down


if __name__ == "__main__":
    main()
