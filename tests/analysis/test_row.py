import numpy as np

from mnistcli.analysis.row import ASPECTS, SPREADS, best_reading
from mnistcli.data import load
from mnistcli.images import Candidate


def candidate(first: int, end: int, *, aspect: float = 0.8, height: float = 1.0) -> Candidate:
    return Candidate(first, end, (0, 0, 1, 1), aspect, height, np.zeros((28, 28, 1), np.uint8))


def sure(label: int, confidence: float = 0.99) -> np.ndarray:
    probabilities = np.full(10, (1 - confidence) / 9)
    probabilities[label] = confidence
    return probabilities


def test_aspects_are_those_of_mnist_s_training_digits() -> None:
    train = load("mnist").train
    ink = train.images[..., 0] > 64
    logarithms = np.log(ink.any(1).sum(1) / ink.any(2).sum(1))
    for label in range(10):
        own = logarithms[train.labels == label]
        assert abs(np.median(own) - ASPECTS[label]) < 0.01
        assert abs(own.std() - SPREADS[label]) < 0.01


def test_the_reading_whose_digits_are_surest_is_chosen() -> None:
    candidates = [candidate(0, 1), candidate(0, 2, aspect=0.9), candidate(1, 2)]
    assert best_reading(candidates, np.array([sure(3, 0.3), sure(0), sure(3, 0.3)])) == [1]
    assert best_reading(candidates, np.array([sure(3), sure(0, 0.3), sure(3)])) == [0, 2]


def test_what_is_too_wide_or_too_low_for_its_class_is_no_digit() -> None:
    wide = [candidate(0, 1), candidate(0, 2, aspect=1.8), candidate(1, 2)]
    assert best_reading(wide, np.array([sure(3, 0.7), sure(5), sure(3, 0.7)])) == [0, 2]
    for height, reading in ((0.7, [0, 2]), (0.2, [1])):
        two = [candidate(0, 1), candidate(0, 2, aspect=0.9), candidate(1, 2, height=height)]
        assert best_reading(two, np.array([sure(3), sure(0, 0.3), sure(3)])) == reading


def test_fewer_digits_are_preferred_where_both_readings_are_as_sure() -> None:
    candidates = [candidate(0, 1), candidate(0, 2), candidate(1, 2)]
    assert best_reading(candidates, np.array([sure(3), sure(3), sure(3)])) == [1]


def test_what_no_reading_makes_a_digit_of_is_read_all_the_same() -> None:
    assert best_reading([candidate(0, 1)], np.zeros((1, 10), np.float32)) == [0]
