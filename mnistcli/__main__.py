"""The program's entry: `python -m mnistcli` is the same as `mnistcli`."""

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
    finally:
        ignore_interrupts()  # what is done is done: Python's own end must not change the exit code


if __name__ == "__main__":
    main()
