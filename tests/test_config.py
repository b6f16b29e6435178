import math
from typing import Any

import pytest

from mnistcli.config import CORRUPTIONS, DataChoice, find_corruptions
from mnistcli.errors import UsageError
from mnistcli.models import configure

RANGES: dict[str, tuple[str, list[float], list[float]]] = {
    "learning_rate": ("--lr", [1e-12, 1e12], [0.0, -0.1, math.inf, math.nan]),
    "weight_decay": ("--weight-decay", [0.0, 1.0], [-0.001, 1.001, math.nan]),
    "epochs": ("--epochs", [1, 30_000], [0, 30_001]),
    "batch_size": ("--batch-size", [1, 10**9], [0]),
    "patience": ("--patience", [0, 10**9], [-1]),
    "seed": ("--seed", [0, 2**32 - 1], [-1, 2**32]),
    "limit": ("--limit", [1, 10**9], [0]),
}


@pytest.mark.parametrize("setting", RANGES)
def test_a_setting_takes_the_ends_of_its_range_and_refuses_what_lies_beyond(setting: str) -> None:
    flag, inside, outside = RANGES[setting]

    def configured(value: float) -> Any:
        return configure("linear", **{setting: value}).as_dict()[setting]

    assert [configured(value) for value in inside] == inside
    for value in outside:
        with pytest.raises(UsageError, match=flag):
            configured(value)


def test_all_stands_for_every_corruption_and_a_name_counts_once() -> None:
    assert find_corruptions("all") == find_corruptions("fog,all") == CORRUPTIONS
    assert find_corruptions("zigzag, fog,zigzag") == ("zigzag", "fog")


def test_images_are_scaled_to_a_side_of_1_to_4096_pixels_and_mnist_s_have_28() -> None:
    assert [DataChoice(image_size=side).image_size for side in (1, 4096)] == [1, 4096]
    assert DataChoice(image_size=28, mnist_like=True).mnist_like
    for choice in ({"image_size": 0}, {"image_size": 4097}, {"image_size": 14, "mnist_like": True}):
        with pytest.raises(UsageError, match="--image-size"):
            DataChoice(**choice)
