import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mnistcli.data import load
from mnistcli.training.augment import _neighbourhood_mean, _thicken, _warp, augment

DIGITS = load("mnist").train.images[:64]


def warp(images: np.ndarray, *, angle: float = 0, shear: float = 0, scale: float = 1, down: float = 0) -> np.ndarray:
    def each(value: float) -> jax.Array:
        return jnp.full((len(images), 1, 1, 1), value)

    moved = _warp(jnp.asarray(images, jnp.float32), each(angle), each(shear), (each(scale),) * 2, (each(down), each(0)))
    return np.asarray(moved)


def test_the_key_alone_decides_what_is_drawn() -> None:
    first, again, other = (np.asarray(augment(jax.random.key(seed), jnp.asarray(DIGITS))) for seed in (1, 1, 2))
    assert (first.shape, first.dtype) == (DIGITS.shape, np.uint8)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_image_of_a_batch_is_changed_in_its_own_way() -> None:
    same = np.repeat(DIGITS[:1], 32, axis=0)
    changed = np.asarray(augment(jax.random.key(0), jnp.asarray(same)))
    assert len({image.tobytes() for image in changed}) == 32


def test_most_of_the_ink_stays_in_the_picture() -> None:
    changed = np.asarray(augment(jax.random.key(0), jnp.asarray(DIGITS))).astype(float)
    kept = changed.sum((1, 2, 3)) / DIGITS.astype(float).sum((1, 2, 3))
    assert kept.min() > 0.3
    assert kept.max() < 3
    assert 0.8 < kept.mean() < 1.6


def test_no_change_is_no_change() -> None:
    np.testing.assert_allclose(warp(DIGITS), DIGITS, atol=1e-3)


def test_a_shift_is_a_shift() -> None:
    moved = warp(DIGITS, down=3)
    np.testing.assert_allclose(moved[:, 3:], DIGITS[:, :-3], atol=1e-3)
    assert not moved[:, :3].any()


@pytest.mark.parametrize("angle", [np.pi / 2, -np.pi / 2])
def test_a_quarter_turn_is_a_quarter_turn(angle: float) -> None:
    turned = warp(DIGITS, angle=angle)
    np.testing.assert_allclose(turned, np.rot90(DIGITS, round(angle / (np.pi / 2)), axes=(2, 1)), atol=0.1)


def test_scale_scales_the_ink_s_area() -> None:
    areas = [np.count_nonzero(warp(DIGITS, scale=scale) > 64) for scale in (0.8, 1, 1.2)]
    assert areas[0] / areas[1] == pytest.approx(0.64, abs=0.08)
    assert areas[2] / areas[1] == pytest.approx(1.44, abs=0.15)


def test_thickness_adds_and_takes_ink_and_blur_keeps_it() -> None:
    x = jnp.asarray(DIGITS, jnp.float32)
    thin, thick = (_thicken(x, jnp.full((64, 1, 1, 1), amount)) for amount in (-0.5, 0.5))
    assert (thin <= x).all()
    assert (thick >= x).all()
    assert float(_neighbourhood_mean(x).sum()) == pytest.approx(float(x.sum()), rel=1e-3)
