import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from mnistcli.metrics.pairs import paired_test
from mnistcli.render.compare import verdict
from mnistcli.results.evaluate import wilson_interval
from tests.render.by_hand import evaluation


@given(st.integers(1, 20_000), st.data())
def test_wilson_s_interval_is_scipy_s(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    expected = binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson_interval(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize(
    ("only_a", "only_b", "said"),
    [(30, 5, "The run a is better"), (5, 30, "The run b is better"), (6, 5, "could well be chance"),
     (5, 5, "neither is better"), (42, 25, "The run a is better"), (22, 10, "could well be chance")],
)  # fmt: skip
def test_the_verdict_says_which_is_better_and_whether_it_is_chance_at_a_level_of_5_percent(
    only_a: int, only_b: int, said: str
) -> None:
    right_a = np.array([1] * only_a + [0] * only_b + [1], bool)
    right_b = np.array([0] * only_a + [1] * only_b + [1], bool)
    assert said in verdict(paired_test("a", "b", right_a, right_b))


def test_scores_without_a_denominator_are_none() -> None:
    found = evaluation(((2, 0, 0), (1, 0, 0), (0, 0, 0)), names=("a", "b", "c"))
    scores = found.per_class
    assert [score.precision for score in scores] == [2 / 3, None, None]
    assert [score.recall for score in scores] == [1, 0, None]
    assert [score.f1 for score in scores] == [0.8, 0, None]
    assert found.worst_confusions() == [("b", "a", 1)]


def test_macro_means_leave_out_classes_without_images_and_count_what_is_never_answered_as_0() -> None:
    macro = evaluation(((2, 0, 0), (1, 0, 0), (0, 0, 0)), names=("a", "b", "c")).macro
    assert (macro.precision, macro.recall, macro.f1, macro.support) == (pytest.approx(1 / 3), 0.5, 0.4, 3)
