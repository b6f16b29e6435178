"""Whatever is given to train's flags, it trains, or says in one sentence why it does not."""

from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnistcli.commands import train
from mnistcli.errors import MnistcliError
from mnistcli.models import RECIPES
from tests.conftest import Call

FLAGS = ("--arch", "--dataset", "--epochs", "--batch-size", "--optimizer", "--lr", "--patience", "--schedule",
         "--label-smoothing", "--weight-decay", "--seed", "--limit", "--checkpoint-every", "--device", "--name",
         "--runs-dir", "--resume", "--like", "--config", "--format", "--color")  # fmt: skip
GOOD = ("1", "8", "0.1", "cpu", "auto", "adam", "cosine", "mnist", "json", *RECIPES)
BAD = ("", " ", "-1", "0", "nan", "inf", "1e400", "1" * 30, "1" * 5000, "../up", "..", "\x1b[31m", "a\nb", "\udcff",
       "x" * 5000, "latest", "builtin")  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(GOOD),
    st.sampled_from(BAD),
    st.integers().map(str),
    st.floats().map(str),
    st.text(st.characters(exclude_characters="\0/"), max_size=20),
)


class ReachedError(MnistcliError):
    """Everything was checked, and training would begin."""

    exit_code = 0


def reach(*_: Any) -> None:
    raise ReachedError("reached")


@settings(max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flags=st.dictionaries(st.sampled_from(FLAGS), VALUES, min_size=1, max_size=4))
def test_any_value_is_obeyed_or_refused_in_one_sentence(
    flags: dict[str, str], mnistcli: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(train, "Fit", reach)
        patch.setattr(train, "define", cache(train.define))
        patch.setattr(train, "provenance", lambda **_: {"data_fingerprint": "0"})
        outcome = mnistcli("train", "-q", *(f"{flag}={value}" for flag, value in flags.items()))
    assert outcome.code in (0, 2, 3, 4), outcome
    (sentence,) = outcome.err.splitlines()
    assert sentence.startswith("mnistcli: ")
    assert sentence.isprintable()
    assert (outcome.code == 0) == ("reached" in sentence)
