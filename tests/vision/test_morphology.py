import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import grey_dilation

from mnistcli.vision.morphology import dilate, drop_dark, drop_light, erode


def octagon(width: int) -> np.ndarray:
    page = np.zeros((2 * width + 1, 2 * width + 1), np.uint8)
    page[width, width] = 255
    return dilate(page, width)


@pytest.mark.parametrize("width", [20, 40, 101])
def test_the_octagon_is_as_wide_in_every_direction(width: int) -> None:
    disc = octagon(width) > 0
    across, diagonal = np.count_nonzero(disc[width]), np.count_nonzero(disc.diagonal()) * np.sqrt(2)
    assert across == np.count_nonzero(disc[:, width]) == pytest.approx(width, abs=3)
    assert diagonal == pytest.approx(width, abs=3)
    assert np.count_nonzero(disc) == pytest.approx(0.83 * width**2, rel=0.15)


def test_the_passes_give_the_highest_and_lowest_of_the_octagon() -> None:
    levels = np.random.default_rng(0).integers(0, 256, (60, 50), np.uint8)
    footprint = octagon(20) > 0
    slow = grey_dilation(levels, footprint=footprint, mode="constant", cval=0)
    inside = slice(20, -20), slice(20, -20)  # at the edge, a line that leaves the picture does not come back
    assert np.array_equal(dilate(levels, 20)[inside], slow[inside])
    assert np.array_equal(erode(levels, 20), 255 - dilate(255 - levels, 20))


@pytest.mark.parametrize("angle", [0, 20, 45, 70, 90])
def test_the_edge_of_a_half_plane_at_any_angle_stays_and_a_thin_line_goes(angle: int) -> None:
    y, x = np.mgrid[-60:60, -60:60]
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    across, along = cosine * x + sine * y, cosine * y - sine * x
    shadow = np.where(across > 0, 200, 90).astype(np.uint8)
    for written, ink in ((drop_dark, 10), (drop_light, 250)):
        line = np.where((abs(along) < 5) & (abs(across) > 4), ink, shadow).astype(np.uint8)
        inside = slice(20, -20), slice(20, -20)
        assert np.mean(written(line, 30)[inside] != shadow[inside]) < 0.02


@pytest.mark.parametrize("angle", [0, 20, 45])
def test_an_area_keeps_its_corners(angle: int) -> None:
    page = Image.new("L", (120, 120), 30)
    page.paste(220, (30, 30, 90, 90))
    turned = np.asarray(page.rotate(angle, fillcolor=30))
    assert np.array_equal(drop_light(turned, 30), turned)
    assert np.array_equal(drop_dark(255 - turned, 30), 255 - turned)
