"""One result in all its formats: a document for JSON, rows for jsonl, CSV and TSV, a renderable for the terminal."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import textwrap
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from rich.console import RenderableType

    from mnistcli.render.screen import Screen

UNPRINTABLE = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format, surrogate, line and paragraph separators
FORMATS = ("table", "json", "jsonl", "csv", "plain")

Row = dict[str, Any]


@dataclass(frozen=True)
class View:
    """How a result is shown; only the requested form is made.

    Attributes:
        schema: The name and version of the JSON document, such as "mnistcli.runs-list/1"; that of one row of it is
            "mnistcli.runs-list-row/1".
        document: Makes the whole result as one JSON object.
        rows: Makes its rows for CSV and plain text, one by one while work is running.
        records: Makes the objects of jsonl, if not made from rows.
        terminal: Makes the renderables for a terminal.
        text: Makes plain text, if not made from rows.
        plain_without: Keys that plain text leaves out.
        record: The result is one object, not a list: plain text shows one line per key.
    """

    schema: str
    document: Callable[[], Row]
    rows: Callable[[], Iterable[Row]]
    terminal: Callable[[Screen], Iterable[RenderableType]]
    records: Callable[[], Iterable[Row]] | None = None
    text: Callable[[], str] | None = None
    record: bool = False
    plain_without: tuple[str, ...] = ()

    def write(self, style: str, *, stdout: TextIO, screen: Screen) -> None:
        """Write the result in one of FORMATS; rows are flushed one by one."""
        match style:
            case "table":
                for renderable in self.terminal(screen):
                    screen.show(renderable)
            case "json":
                print(to_json({"schema": self.schema, **self.document()}, indent=2), file=stdout)
            case "jsonl":
                for row in self._json_lines():
                    print(to_json(row), file=stdout, flush=True)
            case "csv":
                self._write_csv(stdout)
            case "plain":
                self._write_plain(stdout)

    def _json_lines(self) -> Iterable[Row]:
        if self.record:
            return [{"schema": self.schema, **self.document()}]
        rows = self.rows() if self.records is None else self.records()
        return ({"schema": self.schema.replace("/", "-row/"), **row} for row in rows)

    def _write_csv(self, stdout: TextIO) -> None:
        writer = None
        for row in self.rows():
            if writer is None:
                writer = csv.DictWriter(stdout, list(row), lineterminator="\n")
                writer.writeheader()
            writer.writerow({key: to_text(value) for key, value in row.items()})
            stdout.flush()

    def _write_plain(self, stdout: TextIO) -> None:
        if self.text is not None:
            stdout.write(self.text())
            return
        for row in self.rows():
            if self.record:
                lines = [f"{key}\t{to_text(value)}" for key, value in row.items()]
            else:
                lines = ["\t".join(to_text(value) for key, value in row.items() if key not in self.plain_without)]
            print(*lines, sep="\n", file=stdout, flush=True)


def to_json(value: Mapping[str, Any], *, indent: int | None = None) -> str:
    """Return JSON in which NaN and the infinities are null."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def to_text(value: object) -> str:
    """Return a value as one field of a line: nothing for None, and for NaN and infinities."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return printable(str(value))


def printable(text: str) -> str:
    """Return text with control characters escaped: it stays on its line and cannot control a terminal."""
    if text.isprintable():
        return text
    return "".join(c.encode("unicode_escape", "surrogatepass").decode() if _is_control(c) else c for c in text)


def shortened(text: str, longest: int) -> str:
    """Return text as `printable` does, cut to that many cells of a terminal."""
    from rich.cells import cell_len, set_cell_size

    text = printable(text)
    return text if cell_len(text) <= longest else f"{set_cell_size(text, longest - 1)}…"


def counted(n: int, noun: str) -> str:
    """Return "1 run" or "2 runs"."""
    return f"{n:,} {noun}{'s' * (n != 1)}"


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in UNPRINTABLE


def wrapped(text: str, stream: TextIO) -> str:
    """Return text wrapped to the terminal's width, without breaking quoted commands; unchanged elsewhere."""
    if not stream.isatty():
        return text
    columns = os.environ.get("COLUMNS", "")
    width = (int(columns) if columns.isdecimal() else 0) or os.get_terminal_size(stream.fileno()).columns or 80
    indent = text[: len(text) - len(text.lstrip())]
    whole = re.sub("'mnistcli [^']*'", lambda command: command[0].replace(" ", "\0"), text)
    lines = textwrap.fill(whole, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return lines.replace("\0", " ")


def label_value(class_name: str) -> int | str:
    """Return a class name for JSON: a number if it is one."""
    return int(class_name) if class_name.isdecimal() and str(int(class_name)) == class_name else class_name


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
