import numpy as np
import pytest

from mnistcli.vision import fit_to

SIDE, LARGER = 28, 140


def amplitude_left(period: float) -> float:
    """How much of a wave is left, of 1, whose period is that many of the pixels it is scaled down to."""
    x = (np.arange(LARGER) + 0.5) * SIDE / LARGER
    wave = np.tile(127.5 + 127.5 * np.sin(2 * np.pi * x / period), (LARGER, 1)).round().astype(np.uint8)
    small = fit_to(wave[..., None], (SIDE, SIDE, 1))[SIDE // 2, 4:-4, 0]
    return float(np.sqrt(2) * small.std() / 127.5)


@pytest.mark.parametrize("period", [3, 4, 6])
def test_detail_that_the_new_pixels_can_show_stays(period: float) -> None:
    assert amplitude_left(period) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("period", [1.2, 1.3, 1.4])
def test_detail_that_is_too_fine_for_the_new_pixels_vanishes(period: float) -> None:
    assert amplitude_left(period) < 0.05


def test_a_picture_of_the_wanted_shape_is_left_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    assert fit_to(image, (9, 7, 3)) is image


def test_grey_is_repeated_in_colour_and_colours_are_weighted_as_the_eye_sees_them() -> None:
    grey = np.full((4, 4, 1), 90, np.uint8)
    assert (fit_to(grey, (4, 4, 3)) == 90).all()
    lights = [
        int(fit_to(np.full((4, 4, 3), colour, np.uint8), (4, 4, 1))[0, 0, 0]) for colour in 255 * np.eye(3, dtype=int)
    ]
    assert lights == [76, 150, 29]
