import numpy as np
import pytest
from scipy.special import log_softmax

from mnistcli.metrics.calibration import Coverage, brier_score, calibration_error, fit_temperature, reliability
from mnistcli.metrics.scores import cross_entropy, ensemble_logits, softmax

RANDOM = np.random.default_rng(0)


def labels_drawn_from(logits: np.ndarray) -> np.ndarray:
    return np.array([RANDOM.choice(10, p=p) for p in softmax(logits)])


@pytest.mark.parametrize("temperature", [0.5, 1, 3])
def test_the_temperature_that_labels_were_drawn_at_is_found(temperature: float) -> None:
    honest = RANDOM.normal(0, 2, (8000, 10))
    labels = labels_drawn_from(honest)
    assert fit_temperature(honest * temperature, labels) == pytest.approx(temperature, rel=0.05)


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    probabilities = np.full((1000, 2), [0.8, 0.2])
    assert calibration_error(reliability(probabilities, np.arange(1000) % 2)) == pytest.approx(0.3)
    assert calibration_error(reliability(probabilities, (np.arange(1000) % 5 == 0).astype(int))) == pytest.approx(0)


def test_gaps_of_different_bins_do_not_cancel() -> None:
    probabilities = np.array([[0.6, 0.4]] * 100 + [[0.9, 0.1]] * 100)
    labels = np.array([0] * 90 + [1] * 10 + [0] * 60 + [1] * 40)
    assert calibration_error(reliability(probabilities, labels)) == pytest.approx(0.3)


def test_certain_answers_fall_into_the_last_bin() -> None:
    assert calibration_error(reliability(np.array([[1.0, 0.0]]), np.array([0]))) == 0


def test_the_brier_score_is_the_squared_distance_from_the_truth() -> None:
    probabilities, labels = RANDOM.dirichlet(np.ones(4), 50), RANDOM.integers(0, 4, 50)
    assert brier_score(probabilities, labels) == pytest.approx(((probabilities - np.eye(4)[labels]) ** 2).sum(1).mean())
    assert brier_score(np.eye(3), np.array([0, 1, 0])) == pytest.approx(2 / 3)


def test_a_bin_holds_its_lower_edge_and_tells_of_its_own_answers() -> None:
    probabilities = np.array([[0.5, 0.5], [0.7, 0.3], [0.75, 0.25], [1.0, 0.0]])
    *empty, third, fourth = reliability(probabilities, np.array([1, 0, 0, 0]), bins=4)
    assert [(each.n, each.accuracy, each.accuracy_ci95) for each in empty] == [(0, None, None)] * 2
    assert (third.low, third.high, third.n, third.accuracy, third.confidence) == (0.5, 0.75, 2, 0.5, pytest.approx(0.6))
    assert (fourth.n, fourth.accuracy, fourth.confidence) == (2, 1.0, 0.875)


def test_coverage_counts_answers_of_at_least_that_confidence() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])
    coverage = Coverage.of(probabilities, np.array([0, 1, 1, 0]))
    found = [(point.coverage, point.accuracy) for point in map(coverage.at, (0.0, 0.6, 0.7, 0.8, 0.85, 0.95))]
    assert found == [(1, 0.5), (1, 0.5), (0.75, pytest.approx(2 / 3)), (0.5, 1), (0.25, 1), (0, None)]


def sure(*shares: tuple[float, int, int]) -> Coverage:
    """Answers of two classes: so confident, so many of them, and how many of these are wrong."""
    confidences = np.concatenate([[confidence] * n for confidence, n, _ in shares])
    labels = np.concatenate([np.arange(n) < wrong for _, n, wrong in shares]).astype(int)
    return Coverage.of(np.stack([confidences, 1 - confidences], 1), labels)


@pytest.mark.parametrize(
    ("shares", "least", "accuracy"),
    [([(0.925, 1000, 1), (0.6, 30, 20)], 0.61, 0.999), ([(0.99945, 600, 0), (0.925, 400, 4)], 0.93, 1.0),
     ([(0.99945, 400, 0), (0.925, 600, 6)], 0.0, 0.994), ([(0.8, 100, 0)], 0.0, 1.0)],
)  # fmt: skip
def test_the_lowest_threshold_with_the_best_target_that_half_the_images_reach_is_suggested(
    shares: list[tuple[float, int, int]], least: float, accuracy: float
) -> None:
    point = sure(*shares).suggested()
    assert point is not None
    assert (point.min_confidence, point.accuracy) == pytest.approx((least, accuracy))


def test_nothing_is_suggested_for_what_is_mostly_wrong() -> None:
    assert sure((0.9, 100, 50)).suggested() is None


def test_temperature_changes_confidence_and_no_answer() -> None:
    logits = RANDOM.normal(0, 3, (50, 10))
    warm, cool = softmax(logits, temperature=2), softmax(logits, temperature=0.5)
    assert np.array_equal(warm.argmax(1), cool.argmax(1))
    assert (warm.max(1) < cool.max(1)).all()
    assert np.allclose(warm.sum(1), 1)


def test_answers_that_are_all_right_leave_the_temperature_as_it_is() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (30, 10))
    assert fit_temperature(logits, logits.argmax(1)) == 1
    rejected = np.r_[
        logits + 20, [[-2.0, *[-3.0] * 9]]
    ]  # its likeliest class is right, but "none of these" is likelier
    assert fit_temperature(rejected, rejected.argmax(1), rejects=True) != 1


def test_a_temperature_lies_between_a_tenth_and_ten_however_sure_or_wrong_the_answers_are() -> None:
    logits = np.eye(10)[np.arange(50) % 10]
    nearly = logits.argmax(1)
    nearly[0] = 9  # one is wrong
    assert fit_temperature(logits / 100, nearly) == pytest.approx(0.1, rel=0.01)
    assert fit_temperature(logits, logits.argmin(1)) == pytest.approx(10, rel=0.01)


def test_of_a_network_that_rejects_none_of_the_classes_has_the_logit_0() -> None:
    logits, labels = RANDOM.normal(0, 3, (50, 10)), RANDOM.integers(0, 10, 50)
    with_zero = np.pad(logits, ((0, 0), (0, 1)))
    for temperature in (0.5, 1, 2):
        expected = softmax(with_zero, temperature=temperature)
        assert softmax(logits, temperature=temperature, rejects=True) == pytest.approx(expected[:, :-1])
        loss = cross_entropy(logits, labels, temperature=temperature, rejects=True)
        assert loss == pytest.approx(cross_entropy(with_zero, labels, temperature=temperature))
    far = np.full((1, 3), -1e4)
    assert softmax(far, rejects=True).tolist() == [[0, 0, 0]]
    assert softmax(-far, rejects=True) == pytest.approx(np.full((1, 3), 1 / 3))


def test_large_logits_overflow_nowhere() -> None:
    large = np.array([[1e4, 0, -1e4], [-3e4, -3e4, -3e4]], np.float32)
    for temperature in (0.1, 1, 10):
        assert softmax(large, temperature=temperature) == pytest.approx(np.array([[1, 0, 0], [1 / 3] * 3]))
    assert cross_entropy(large, np.array([1, 2])) == pytest.approx((1e4 + np.log(3)) / 2)


def test_cross_entropy_of_single_precision_logits_is_computed_in_double() -> None:
    logits, labels = RANDOM.normal(0, 3, (1000, 10)).astype(np.float32), RANDOM.integers(0, 10, 1000)
    expected = -log_softmax(logits.astype(float), axis=1)[np.arange(1000), labels].mean()
    assert cross_entropy(logits, labels) == pytest.approx(expected, rel=1e-12)


def test_an_ensemble_s_logits_are_the_logarithms_of_the_mean_probabilities_however_small() -> None:
    a, b = RANDOM.normal(0, 3, (50, 10)), RANDOM.normal(0, 3, (50, 10))
    mean = (softmax(a, temperature=2) + softmax(b, temperature=0.5)) / 2
    assert np.exp(ensemble_logits([(a, 2), (b, 0.5)])) == pytest.approx(mean)
    sure = np.array([[1e4, 0.0]], np.float32)
    assert ensemble_logits([(sure, 1), (sure, 1)])[0] == pytest.approx([0, -1e4])


def test_an_ensemble_of_networks_that_reject_rejects_by_the_mean_too() -> None:
    a, b = RANDOM.normal(0, 3, (2, 20, 4))
    mean = (softmax(a, temperature=2, rejects=True) + softmax(b, rejects=True)) / 2
    assert softmax(ensemble_logits([(a, 2), (b, 1)], rejects=True), rejects=True) == pytest.approx(mean)
