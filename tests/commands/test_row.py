import numpy as np

from mnistcli.commands.row import among_digits, best_reading
from mnistcli.vision import Candidate


def candidate(first: int, end: int) -> Candidate:
    return Candidate(first, end, (0, 0, 1, 1), np.zeros((28, 28, 1), np.uint8))


def sure(label: int, confidence: float = 0.99) -> np.ndarray:
    probabilities = np.full(10, (1 - confidence) / 9)
    probabilities[label] = confidence
    return probabilities


def test_the_reading_whose_digits_are_surest_is_chosen() -> None:
    candidates = [candidate(0, 1), candidate(0, 2), candidate(1, 2)]
    assert best_reading(candidates, np.array([sure(3, 0.3), sure(0), sure(3, 0.3)])) == [1]
    assert best_reading(candidates, np.array([sure(3), sure(0, 0.3), sure(3)])) == [0, 2]
    assert best_reading(candidates, np.array([sure(3), np.zeros(10), sure(3, 0.3)])) == [0, 2]  # two are no digit


def test_fewer_digits_are_preferred_where_both_readings_are_as_sure() -> None:
    candidates = [candidate(0, 1), candidate(0, 2), candidate(1, 2)]
    assert best_reading(candidates, np.array([sure(3), sure(3), sure(3)])) == [1]


def test_what_no_reading_makes_a_digit_of_is_read_all_the_same() -> None:
    assert best_reading([candidate(0, 1)], np.zeros((1, 10), np.float32)) == [0]


def test_among_digits_the_odds_of_a_digit_are_five_times_as_high_and_those_between_digits_stay() -> None:
    alone = np.array([[0.1, 0.2, 0.0], [0.5, 0.3, 0.2], [0.0, 0.0, 0.0]])
    odds = 5 * 0.3 / 0.7
    np.testing.assert_allclose(among_digits(alone).sum(1), [odds / (1 + odds), 1, 0])
    np.testing.assert_allclose(among_digits(alone)[0, 1], 2 * among_digits(alone)[0, 0])
