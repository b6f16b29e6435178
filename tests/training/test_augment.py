import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mnistcli.datasets import load
from mnistcli.training import augment as augmentation
from mnistcli.training.augment import Range, augment

DIGITS = load("mnist").train.images[:64]
NO_CHANGE = {"ANGLE": 0, "SCALE": 1, "SHEAR": 0, "SHIFT": 0, "THICKNESS": 0, "BLUR": 0, "NOISE": 0}
N = 400


def change(images: np.ndarray, *, seed: int = 0) -> np.ndarray:
    return np.asarray(augment(jax.random.key(seed), jnp.asarray(images)))


def copies(image: np.ndarray) -> np.ndarray:
    """N copies of an image [28, 28], each changed in its own way, the same whatever the image; as float [N, 28, 28]."""
    return change(np.repeat(image[None, ..., None], N, axis=0).astype(np.uint8))[..., 0].astype(float)


def allow(monkeypatch: pytest.MonkeyPatch, **changes: Range) -> None:
    """Leave every change out but these."""
    for name, nothing in NO_CHANGE.items():
        monkeypatch.setattr(augmentation, name, changes.get(name, Range(nothing, nothing)))


def always(amount: float) -> Range:
    return Range(amount, amount)


def block(*, side: int) -> np.ndarray:
    image = np.zeros((28, 28))
    image[12 : 12 + side, 12 : 12 + side] = 255
    return image


def test_the_key_alone_decides_what_is_drawn() -> None:
    first, again, other = (change(DIGITS, seed=seed) for seed in (1, 1, 2))
    assert (first.shape, first.dtype) == (DIGITS.shape, np.uint8)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_image_of_a_batch_is_changed_in_its_own_way() -> None:
    assert len({image.tobytes() for image in change(np.repeat(DIGITS[:1], 32, axis=0))}) == 32


def test_most_of_the_ink_stays_in_the_picture() -> None:
    kept = change(DIGITS).astype(float).sum((1, 2, 3)) / DIGITS.astype(float).sum((1, 2, 3))
    assert kept.min() > 0.3
    assert kept.max() < 3
    assert 0.8 < kept.mean() < 1.6


def test_no_change_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch)
    assert np.array_equal(change(DIGITS), DIGITS)


def test_a_shift_is_a_shift(monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch, SHIFT=always(3))
    moved = change(DIGITS)
    assert np.array_equal(moved[:, 3:, 3:], DIGITS[:, :-3, :-3])
    assert not moved[:, :3].any()
    assert not moved[:, :, :3].any()


@pytest.mark.parametrize("angle", [90, -90])
def test_a_quarter_turn_is_a_quarter_turn(angle: int, monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch, ANGLE=always(angle))
    np.testing.assert_allclose(change(DIGITS), np.rot90(DIGITS, angle // 90, axes=(2, 1)), atol=1)


def test_scale_scales_the_ink_s_area(monkeypatch: pytest.MonkeyPatch) -> None:
    areas = []
    for scale in (0.8, 1, 1.2):
        allow(monkeypatch, SCALE=always(scale))
        areas.append(np.count_nonzero(change(DIGITS) > 64))
    assert areas[0] / areas[1] == pytest.approx(0.64, abs=0.08)
    assert areas[2] / areas[1] == pytest.approx(1.44, abs=0.15)


def dots(row: int, column: int) -> np.ndarray:
    """Where a dot, above and left of a pixel's middle, comes to lie in N images: rows and columns [N, 2]."""
    image = np.zeros((28, 28))
    image[row - 2 : row + 2, column - 2 : column + 2] = 255
    ink = copies(image)
    ink[ink < 60] = 0  # noise
    return np.stack([ink.sum(2) @ np.arange(28), ink.sum(1) @ np.arange(28)], axis=-1) / ink.sum((1, 2))[:, None]


def assert_even(drawn: np.ndarray, low: float, high: float) -> None:
    found = drawn.min(), drawn.max(), drawn.mean(), np.sqrt(12) * drawn.std()
    assert found == pytest.approx((low, high, (low + high) / 2, high - low), abs=0.1 * (high - low))


def test_turns_scales_shears_and_shifts_are_drawn_evenly_from_their_ranges() -> None:
    """The line from a dot to one on its right is turned and scaled; that to one below it leans by the shear as well."""
    left, right, top, bottom = dots(14, 7), dots(14, 21), dots(7, 14), dots(21, 14)
    across, down = (right - left) / 14, (bottom - top) / 14
    width = np.hypot(*across.T)
    sine, cosine = (across / width[:, None]).T
    assert_even(np.degrees(np.arcsin(sine)), -15, 15)
    assert_even(width, 0.85, 1.15)
    assert_even(cosine * down[:, 0] - sine * down[:, 1], 0.85, 1.15)
    assert_even((sine * down[:, 0] + cosine * down[:, 1]) / width, -0.25, 0.25)
    for shift in ((left + right + top + bottom) / 4 - 13.5).T:
        assert_even(shift, -2, 2)


def test_strokes_are_thinned_or_thickened_at_their_edge_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch, THICKNESS=augmentation.THICKNESS)
    strokes = copies(block(side=4)) / 255
    inside, edge, outside, far = (strokes[:, place, 14] for place in (13, 12, 11, 10))
    assert_even(edge - 1 + outside, -0.5, 0.7)
    assert (np.minimum(1 - edge, outside) == 0).all()
    assert (inside == 1).all()
    assert not far.any()


def test_some_images_are_blurred_which_spreads_ink_and_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch, BLUR=augmentation.BLUR)
    points = copies(block(side=1)) / 255
    spread = 1 - points[:, 12, 12]
    assert np.mean(spread > 0) == pytest.approx(8 / 13, abs=0.06)
    assert_even(spread[spread > 0], 0, 0.8 * 8 / 9)
    np.testing.assert_allclose(points[:, 11:14, 11:14].sum((1, 2)), 1, atol=0.02)


def test_some_images_get_noise_of_up_to_12_grey_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch, NOISE=augmentation.NOISE)
    grain = copies(np.full((28, 28), 128)) - 128
    amounts = grain.std((1, 2))
    assert np.mean(amounts > 0) == pytest.approx(0.6, abs=0.06)
    assert_even(amounts[amounts > 0], 0, 12)
    assert abs(grain.mean()) < 0.1
