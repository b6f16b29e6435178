"""`python -m mnistcli` is the same program as `mnistcli`."""

from mnistcli.cli.app import main

if __name__ == "__main__":
    main()
