"""The program's entry: `python -m mnistcli` is the same as `mnistcli`."""

from mnistcli.process import heed_interrupts


def main() -> None:
    """Run the program; from its first imports on, Ctrl-C and SIGTERM end it with one sentence."""
    heed_interrupts()

    from mnistcli.cli import app

    app.main()


if __name__ == "__main__":
    main()
