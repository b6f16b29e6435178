import io

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text

from mnistcli.render.pixels import draw, trim

COLOUR = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor")
GREY = Console(file=io.StringIO(), color_system=None)


def grey_levels(lines: list[Text]) -> np.ndarray:
    """Read a picture back from its half blocks: the upper pixel's colour is the text's, the lower's is behind it."""
    levels = []
    for line in lines:
        assert set(line.plain) == {"▀"}
        styles = [line.get_style_at_offset(COLOUR, i) for i in range(len(line))]
        for colours in ([each.color for each in styles], [each.bgcolor for each in styles]):
            channels = np.array([each.get_truecolor() for each in colours if each is not None])
            assert (channels == channels[:, :1]).all()
            levels.append(channels[:, 0])
    return np.array(levels)


def test_half_blocks_hold_every_pixel() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (6, 5, 1), dtype=np.uint8)
    assert np.array_equal(grey_levels(draw(picture, COLOUR)), picture[..., 0])


def test_an_odd_number_of_rows_ends_with_black() -> None:
    picture = np.full((3, 2, 1), 200, np.uint8)
    assert grey_levels(draw(picture, COLOUR)).tolist() == [[200, 200], [200, 200], [200, 200], [0, 0]]


def test_colours_become_the_grey_of_their_mean() -> None:
    picture = np.array([[[30, 60, 122]], [[0, 0, 255]]], np.uint8)
    assert grey_levels(draw(picture, COLOUR)).tolist() == [[71], [85]]


@pytest.mark.parametrize("console", [GREY, Console(file=io.StringIO(), color_system="truecolor", no_color=True)])
def test_without_colour_shades_deepen_with_the_brightness_of_both_pixels(console: Console) -> None:
    upper, lower = [0, 127, 255, 255, 255, 0], [0, 0, 0, 127, 255, 255]
    picture = np.array([upper, lower], np.uint8)[..., None]
    (line,) = draw(picture, console)
    assert line.plain == " ░▒▓█▒"
    assert not line.spans


def test_margins_that_are_empty_in_every_picture_are_cut_off() -> None:
    one, two = np.zeros((2, 6, 7, 3), np.uint8)
    one[1, 2, 2] = 9  # ink in one channel alone
    two[3, 4, 0] = 9
    cut = trim([one, two])
    assert [picture.shape for picture in cut] == [(3, 3, 3), (3, 3, 3)]
    assert (cut[0][0, 0, 2], cut[1][2, 2, 0]) == (9, 9)


def test_blank_pictures_are_left_whole() -> None:
    assert [picture.shape for picture in trim([np.zeros((4, 5, 1), np.uint8)] * 2)] == [(4, 5, 1)] * 2
