import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2

from mnistcli.metrics.pairs import cochran_test, holm, paired_interval, paired_test

RANDOM = np.random.default_rng(0)


def test_mcnemar_counts_each_image_once() -> None:
    a = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0], bool)
    b = np.array([1, 1, 0, 0, 0, 0, 1, 0, 0], bool)
    pair = paired_test("a", "b", a, b)
    assert (pair.both_right, pair.only_a_right, pair.only_b_right, pair.both_wrong) == (2, 4, 1, 2)
    assert pair.difference == pytest.approx(3 / 9)
    assert pair.p_value == pair.p_holm == pytest.approx(2 * (1 + 5) / 2**5)
    assert paired_test("a", "b", a, a).p_value == 1


def test_the_paired_interval_is_bonett_and_price_s() -> None:
    p12, p21 = (20 + 1) / (100 + 2), (8 + 1) / (100 + 2)  # their formula, worked by hand
    half = 1.959963984540054 * math.sqrt((p12 + p21 - (p12 - p21) ** 2) / 102)
    assert paired_interval(20, 8, 100) == pytest.approx((p12 - p21 - half, p12 - p21 + half), abs=1e-12)


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 9000))
def test_exchanging_the_runs_turns_the_interval_round(only_a: int, only_b: int, others: int) -> None:
    n = only_a + only_b + others + 1
    low, high = paired_interval(only_a, only_b, n)
    assert paired_interval(only_b, only_a, n) == pytest.approx((-high, -low))
    assert -1 <= low <= (only_a - only_b + 1e-9) / (n + 2) <= high <= 1


def test_the_paired_interval_holds_the_difference_in_95_of_100_samples() -> None:
    counts = RANDOM.multinomial(2000, [0.012, 0.006, 0.982], size=2000)
    held = [low <= 0.006 <= high for low, high in (paired_interval(int(a), int(b), 2000) for a, b, _ in counts)]
    assert 0.935 <= np.mean(held) <= 0.97


def test_cochran_s_q_of_two_runs_is_mcnemar_s_statistic() -> None:
    right = RANDOM.random((2, 500)) < np.array([[0.9], [0.85]])
    only_a, only_b = (right[0] & ~right[1]).sum(), (~right[0] & right[1]).sum()
    q, p = cochran_test(right)
    assert q == pytest.approx((only_a - only_b) ** 2 / (only_a + only_b))
    assert p == pytest.approx(chi2.sf(q, 1))


def test_cochran_s_q_of_three_runs_is_the_textbook_s() -> None:
    right = np.array([[1, 1, 0, 1, 0, 1], [1, 0, 0, 1, 0, 0], [0, 0, 0, 1, 0, 0]], bool)
    q, p = cochran_test(right)
    assert q == pytest.approx(2 * (3 * (16 + 4 + 1) - 49) / (3 * 7 - (4 + 1 + 9 + 1)))  # by hand: 28 / 6
    assert p == pytest.approx(math.exp(-q / 2))


def test_runs_that_agree_on_every_image_do_not_differ() -> None:
    assert cochran_test(np.tile(RANDOM.random(50) < 0.9, (3, 1))) == (0, 1)


def test_holm_multiplies_the_smallest_most_and_keeps_the_order() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # Holm's own steps
    assert holm([0.02]) == [0.02]
    assert holm([0.9, 0.8]) == [1, 1]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_nothing_and_bonferroni(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(p <= q <= min(1, p * len(p_values)) for p, q in zip(p_values, corrected, strict=True))
    assert sorted(corrected) == [corrected[i] for i in np.argsort(p_values, kind="stable")]


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_exact_binomial_test(only_a: int, only_b: int) -> None:
    right = np.array([[1] * only_a + [0] * only_b + [1], [0] * only_a + [1] * only_b + [1]], bool)
    expected = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1
    assert paired_test("a", "b", *right).p_value == pytest.approx(expected)
