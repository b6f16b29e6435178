"""The numbers against SciPy's, closed forms and another implementation; the verdicts by what they promise."""

from collections import Counter
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test as scipy_s_permutation_test
from scipy.stats import t, ttest_1samp, ttest_ind

from mnistcli.metrics.bootstrap import pigeonhole_bootstrap
from mnistcli.metrics.permutation import count_deals, permutation_test, smallest_p
from mnistcli.metrics.recipes import compare_all, compare_recipes
from mnistcli.metrics.variances import Variances
from mnistcli.metrics.welch import mean_interval
from mnistcli.results.compare import Verdict
from tests import verdicts
from tests.metrics.by_hand import CNN, STUDY, right_answers

A, B = right_answers(CNN), right_answers(STUDY, seed=1)
TEST = compare_recipes("cnn", "study", A, B)


def random_runs(accuracy: float, seeds: int, *, n: int = 500, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((seeds, n)) < accuracy


def test_five_seeds_of_the_cnn_and_of_the_study_s_rate_are_undecided() -> None:
    assert TEST.difference == pytest.approx(0.00068, abs=1e-12)
    assert pytest.approx(1.65, abs=0.005) == TEST.welch_t
    assert TEST.welch_p == pytest.approx(0.14, abs=0.005)
    assert TEST.p_value == pytest.approx(38 / 252)
    assert (TEST.permutations, TEST.smallest_p) == (252, 2 / 252)
    assert TEST.probability == 0.82
    assert not TEST.meaningful
    assert TEST.verdict == Verdict.UNDECIDED


def test_welch_s_numbers_are_scipy_s() -> None:
    expected = ttest_ind(A.mean(1), B.mean(1), equal_var=False)
    assert (TEST.welch_t, TEST.welch_p) == pytest.approx((expected.statistic, expected.pvalue))
    assert TEST.welch_ci95 == pytest.approx(tuple(expected.confidence_interval()))
    shifted = [ttest_ind(A.mean(1) + s, B.mean(1), equal_var=False, alternative=side).pvalue
               for s, side in ((0.001, "greater"), (-0.001, "less"))]  # fmt: skip
    assert TEST.p_equivalence == pytest.approx(max(shifted))


def test_the_interval_of_a_mean_is_scipy_s() -> None:
    assert mean_interval(A.mean(1)) == pytest.approx(tuple(ttest_1samp(A.mean(1), 0).confidence_interval()))


def test_the_permutation_test_is_scipy_s_exact_one() -> None:
    def welch(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
        return abs(a.mean(axis) - b.mean(axis)) / np.sqrt(a.var(axis, ddof=1) / 5 + b.var(axis, ddof=1) / 4)

    a, b = np.array(CNN), np.array(STUDY[:4])
    expected = scipy_s_permutation_test((a, b), welch, vectorized=True, alternative="greater", n_resamples=np.inf)
    assert permutation_test(a, b) == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(("n_a", "n_b", "smallest"), [(3, 3, 0.1), (4, 4, 2 / 70), (3, 4, 1 / 35), (5, 8, 1 / 1287)])
def test_groups_without_overlap_reach_the_smallest_p_that_so_few_seeds_can_give(
    n_a: int, n_b: int, smallest: float
) -> None:
    assert smallest_p(n_a, n_b) == pytest.approx(smallest)
    assert permutation_test(100 + np.arange(n_a), np.arange(n_b)) == pytest.approx(smallest)


def test_of_too_many_deals_random_ones_are_tried_and_the_one_found_counts() -> None:
    assert count_deals(11, 11) == 100_001
    assert permutation_test(100 + np.arange(11), np.arange(11)) == smallest_p(11, 11) == 1 / 100_001
    alike = np.arange(11) * 7 % 11
    assert permutation_test(alike, alike) == 1


def test_another_implementation_finds_the_same_to_a_billionth() -> None:
    for a, b in ((A[:, :300], B[:, :300]), (random_runs(0.95, 4, n=60), random_runs(0.9, 6, n=60, seed=1))):
        said = asdict(compare_recipes("a", "b", a, b))
        for name, value in verdicts.recomputed(a.tolist(), b.tolist(), margin=0.001).items():
            if isinstance(value, str):
                assert said[name] == value
            else:
                assert said[name] == pytest.approx(value, abs=1e-9), name


def test_the_pigeonhole_bootstrap_s_variance_is_owen_s() -> None:
    difficulty = np.random.default_rng(0).beta(8, 2, 400)
    a, b = (np.random.default_rng(seed).random((6, 400)) < difficulty for seed in (1, 2))
    differences, _ = pigeonhole_bootstrap(a, b)
    v = Variances.of(a, b)
    seeds, images = v.by_seeds * 5 / 6, v.by_images * 399 / 400  # a bootstrap divides by n, not by n - 1
    assert differences.mean() == pytest.approx(a.mean() - b.mean(), abs=4 * (differences.std() / 100))
    assert differences.var() == pytest.approx(seeds + images + v.both / 6 * 5 / 6, rel=0.05)


def test_shares_of_variance_follow_what_varies() -> None:
    easy, hard = np.ones((6, 100), bool), np.ones((6, 100), bool)
    hard[:, :20] = False  # every seed fails on the same images
    assert compare_recipes("a", "b", easy, hard).images_share == 1
    lucky = np.ones((6, 100), bool)
    lucky[::2] = False  # whole runs fail
    assert compare_recipes("a", "b", lucky, ~lucky).seeds_share == pytest.approx(1)
    alike = compare_recipes("a", "b", easy, easy)
    assert (alike.seeds_share, alike.images_share) == (0, 0)


def test_recipes_of_which_no_run_differs_are_compared_without_a_warning() -> None:
    ones, fewer = np.ones((4, 200), bool), np.ones((4, 200), bool)
    fewer[:, :30] = False
    same, other = compare_recipes("a", "b", ones, ones), compare_recipes("a", "b", ones, fewer)
    assert (same.welch_t, same.p_value, same.p_equivalence, same.verdict) == (0, 1, 0, Verdict.EQUIVALENT)
    assert (other.welch_t, other.p_equivalence, other.verdict) == (np.inf, 1, Verdict.A_BETTER)
    assert (other.probability, other.probability_ci95, other.meaningful) == (1, (1, 1), True)


@settings(max_examples=6, derandomize=True)  # the bootstrap draws: what is on the edge may turn
@given(st.integers(2, 5), st.integers(2, 5), st.integers(0, 100))
def test_exchanging_two_recipes_turns_everything_round(n_a: int, n_b: int, seed: int) -> None:
    a, b = random_runs(0.9, n_a, n=100, seed=seed), random_runs(0.85, n_b, n=100, seed=seed + 1)
    one, other = compare_recipes("a", "b", a, b), compare_recipes("b", "a", b, a)
    assert other.difference == pytest.approx(-one.difference)
    assert other.welch_ci95 == pytest.approx(tuple(-bound for bound in reversed(one.welch_ci95)))
    assert other.probability == pytest.approx(1 - one.probability)
    for name in ("p_value", "p_equivalence", "smallest_p", "seeds_share", "seeds_needed", "images_needed"):
        assert getattr(other, name) == pytest.approx(getattr(one, name)), name
    assert {one.verdict, other.verdict} in (
        {Verdict.A_BETTER, Verdict.B_BETTER},
        {Verdict.UNDECIDED},
        {Verdict.EQUIVALENT},
    )


@pytest.mark.parametrize(("n_a", "n_b"), [(2, 2), (3, 3), (3, 8)])
def test_fewer_than_four_seeds_are_never_better(n_a: int, n_b: int) -> None:
    test = compare_recipes("a", "b", random_runs(0.99, n_a, n=100), random_runs(0.5, n_b, n=100))
    assert test.verdict == Verdict.UNDECIDED
    assert test.seeds_needed is not None
    assert test.seeds_needed > n_a


def test_what_holds_for_all_seeds_but_hangs_on_a_few_images_is_not_better() -> None:
    a, b = np.ones((8, 1000), bool), np.ones((8, 1000), bool)
    a[:, :4] = b[:, 4:10] = False  # 4 errors against 6 for every seed, none in common
    a[::2, 500] = b[1::2, 501] = False
    test = compare_recipes("a", "b", a, b, margin=1e-4)
    assert test.p_value < 0.01
    assert test.bootstrap_ci95[0] < 0 < test.bootstrap_ci95[1]
    assert test.verdict == Verdict.UNDECIDED
    assert test.seeds_needed is None
    assert test.images_needed is not None
    assert test.images_needed > 1000


def test_a_small_difference_that_is_real_is_equivalent() -> None:
    a = right_answers([9890, 9891, 9889, 9890, 9891, 9890, 9889, 9890], hard=112)
    b = right_answers([9886, 9887, 9885, 9886, 9886, 9887, 9885, 9886], hard=116)
    test = compare_recipes("a", "b", a, b)
    assert test.p_value < 0.001
    assert test.verdict == Verdict.EQUIVALENT
    assert (test.seeds_needed, test.images_needed, test.seeds_equivalent) == (None, None, None)
    assert compare_recipes("a", "b", a, b, margin=0.0003).verdict != Verdict.EQUIVALENT


def test_the_seeds_needed_are_those_of_the_t_test_s_power() -> None:
    variances = Variances(5, 5, 10_000, 0.0, 0.0, seed=2e-6, image=0.0, both=0.0)
    found = variances.seeds_to_detect(0.001, level=0.05)
    assert found == 17  # 2 (1.96 + 0.8416)^2 is 15.7 for a difference of one standard deviation; Student's t adds 1

    def power(n: int) -> float:
        from scipy.stats import nct

        return float(nct.sf(t.ppf(0.975, 2 * n - 2), 2 * n - 2, 0.001 / np.sqrt(2e-6 / n)))

    assert power(16) < 0.8 <= power(found)
    assert variances.images_to_detect(0.001, level=0.05) is None
    assert Variances(5, 5, 10_000, 0.0, 0.0, seed=2e-6, image=2e-7, both=0.0).seeds_to_detect(0.001, level=0.05) is None


def test_several_recipes_are_corrected_for_the_number_of_pairs() -> None:
    best, second, worst = (random_runs(share, 4, n=200, seed=seed) for seed, share in enumerate((0.98, 0.97, 0.5)))
    first, other, last = compare_all([("best", best), ("second", second), ("worst", worst)])
    assert [(each.a, each.b) for each in (first, other, last)] == [
        ("best", "second"), ("best", "worst"), ("second", "worst"),
    ]  # fmt: skip
    assert other.p_value == last.p_value == pytest.approx(2 / 70)
    assert other.p_holm == last.p_holm == pytest.approx(3 * 2 / 70)
    assert compare_recipes("best", "worst", best, worst).verdict == Verdict.A_BETTER
    assert other.verdict == Verdict.UNDECIDED


def test_no_difference_is_hardly_ever_called_one_and_a_true_one_is_found() -> None:
    """A small form of the trial that `python -m tests.verdicts --resample` makes with real runs."""
    found: dict[str, Counter[str]] = {"none": Counter(), "true": Counter()}
    for trial in range(12):
        random = np.random.default_rng(trial)
        difficulty = np.where(random.random(1000) < 0.05, random.beta(0.4, 0.8, 1000), 1.0)
        worse = np.where(random.random(1000) < 0.05, 0.75, 1.0) * difficulty
        a, b, c = (random.random((5, 1000)) < p for p in (difficulty, difficulty, worse))
        found["none"][compare_recipes("a", "b", a, b).verdict] += 1
        found["true"][compare_recipes("a", "c", a, c).verdict] += 1
    assert found["none"][Verdict.A_BETTER] + found["none"][Verdict.B_BETTER] <= 1
    assert found["true"][Verdict.A_BETTER] >= 11
