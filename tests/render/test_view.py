import io
import json

from mnistcli.render.screen import Screen
from mnistcli.render.view import View, label_value, printable, to_json, to_text

ROWS = [{"path": "a\tb", "share": 0.5}, {"path": "c", "share": float("nan")}]


def written(style: str, *, record: bool = False) -> str:
    rows = ROWS[:1] if record else ROWS
    view = View("x/1", lambda: {"rows": rows}, lambda: iter(rows), lambda _: ["shown"], record=record)
    stdout = io.StringIO()
    view.write(style, stdout=stdout, screen=Screen(stdout))
    return stdout.getvalue()


def test_each_format_has_its_form() -> None:
    assert json.loads(written("json")) == {
        "schema": "x/1",
        "rows": [{"path": "a\tb", "share": 0.5}, {"path": "c", "share": None}],
    }
    assert [json.loads(line)["schema"] for line in written("jsonl").splitlines()] == ["x-row/1", "x-row/1"]
    assert written("csv") == "path,share\na\\tb,0.5\nc,\n"
    assert written("plain") == "a\\tb\t0.5\nc\t\n"
    assert written("plain", record=True) == "path\ta\\tb\nshare\t0.5\n"
    assert written("table") == "shown\n"


def test_numbers_that_are_none_become_null_or_nothing() -> None:
    assert to_json({"a": [float("inf"), 1.5], "b": {"c": float("nan")}}) == '{"a": [null, 1.5], "b": {"c": null}}'
    assert to_text(float("-inf")) == to_text(None) == ""
    assert to_text(True) == "true"


def test_control_characters_and_broken_names_are_escaped() -> None:
    assert printable("a\x1b[31m\n\x7f\u202eé\udcff") == "a\\x1b[31m\\n\\x7f\\u202eé\\udcff"


def test_a_class_name_is_a_number_only_if_it_is_written_as_one() -> None:
    names = ["0", "7", "10", "007", "٣", "-1", "seven", ""]
    assert [*map(label_value, names)] == [0, 7, 10, "007", "٣", "-1", "seven", ""]
