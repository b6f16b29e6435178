from dataclasses import replace

import numpy as np
import pytest

from mnistcli.datasets import Dataset, Split

NOISE = np.random.default_rng(0).integers(0, 256, (400, 28, 28, 1), np.uint8)


def with_test(mnist: Dataset, *parts: np.ndarray) -> Dataset:
    images = np.concatenate(parts)
    return replace(mnist, test=Split(images, np.zeros(len(images), int)))


@pytest.mark.parametrize(("alike", "pictures"), [(100, "digit"), (90, "digit"), (89, "whole"), (0, "whole")])
def test_pictures_are_read_as_mnist_s_where_nine_in_ten_images_are_like_them(
    alike: int, pictures: str, mnist: Dataset
) -> None:
    assert with_test(mnist, mnist.test.images[:alike], NOISE[: 100 - alike]).pictures == pictures


def test_images_from_all_over_a_large_data_set_tell_how_pictures_are_read(mnist: Dataset) -> None:
    digits = mnist.test.images[:400]
    assert with_test(mnist, digits, NOISE).pictures == with_test(mnist, NOISE, digits).pictures == "whole"


def test_a_summary_counts_a_class_of_which_a_split_has_no_image(mnist: Dataset) -> None:
    few = replace(mnist, train=Split(mnist.train.images[:4], np.array([0, 3, 3, 1])))
    train, _, test = few.summary().splits
    assert train.per_class == (1, 1, 0, 2, 0, 0, 0, 0, 0, 0)
    assert test.per_class == tuple(int((mnist.test.labels == label).sum()) for label in range(10))
