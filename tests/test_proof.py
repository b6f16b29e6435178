"""A small share of what runs longer by one command each: python -m tests.fuzz, python -m tests.corruptions."""

from pathlib import Path

import pytest

from tests.corruptions import examine
from tests.fuzz import feed, parsers


@pytest.mark.parametrize("name", parsers())
def test_damaged_input_is_refused_in_the_parsers_own_words_or_read(name: str) -> None:
    parser = parsers()[name]
    assert {feed(parser, number) for number in range(60)} <= {"read", "refused"}


def test_a_damaged_file_of_a_run_or_a_data_set_is_refused_or_changes_no_answer(workspace: Path) -> None:
    counts = examine(300, workspace / "runs/linear-001", resumed_every=None)
    assert {outcome for outcomes in counts.values() for outcome in outcomes} <= {"refused", "harmless"}
