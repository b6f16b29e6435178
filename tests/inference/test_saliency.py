import numpy as np
import pytest

from mnistcli.inference.saliency import integrated_gradients
from mnistcli.models.network import restore

UNITS = 50


def test_attributions_are_exact_where_the_logit_bends_all_the_way_from_black_to_the_image() -> None:
    """Each of 50 units turns on at its own point of the path, so that the logit rises as a parabola does."""
    image, weights = np.array([[[255], [51]]], np.uint8), np.array([0.75, 1.25], np.float32)
    bends = (np.arange(UNITS, dtype=np.float32) + 0.5) / UNITS
    arrays = {
        "dense1.kernel": np.tile(weights, (UNITS, 1)),
        "dense1.bias": -bends,
        "output.kernel": np.stack([np.zeros(UNITS), np.ones(UNITS)]).astype(np.float32),
        "output.bias": np.ones(2),
    }
    network = restore(f"dense {UNITS}, relu", image.shape, 2, arrays)
    rise = (1 - bends).sum()
    expected = rise * weights * (1, 0.2) / 2  # the mean of both logits rises half as much
    for label, sign in ((0, -1), (1, 1)):
        found = integrated_gradients(*network, image, label=label)
        assert found.ravel() == pytest.approx(sign * expected, rel=1e-4)
