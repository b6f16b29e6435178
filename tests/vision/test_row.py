import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnistcli.errors import ImageError
from mnistcli.vision import Candidate, Picture, find_row, normalize
from tests.vision.pictures import count_right_rows

SEVEN = [(0, 0), (60, 0), (20, 120)]


def sevens(*places: tuple[int, int]) -> Image.Image:
    page = Image.new("L", (700, 300), 255)
    for x, y in places:
        ImageDraw.Draw(page).line([(x + dx, y + dy) for dx, dy in SEVEN], fill=0, width=12)
    return page


def row_of(page: Image.Image, scale: float = 1.0) -> list[Candidate]:
    return find_row(Picture(np.asarray(page)[..., None], scale))


def test_a_digit_of_a_row_is_what_it_is_alone() -> None:
    alone = normalize(np.asarray(sevens((300, 80)))[..., None]).astype(int)
    candidates = row_of(sevens((100, 80), (300, 85), (500, 75)))
    assert [(each.first, each.end) for each in candidates] == [(0, 1), (1, 2), (2, 3)]
    for each in candidates:
        assert np.abs(each.image.astype(int) - alone).max() <= 40
        assert np.abs(each.image.astype(int) - alone).mean() <= 1


def test_boxes_are_in_pixels_of_the_picture_that_was_shrunk() -> None:
    small, large = (row_of(sevens((100, 80)), scale)[0].box for scale in (1.0, 2.5))
    assert np.allclose(np.array(small) * 2.5, large, atol=1)
    assert np.allclose(small, (94, 74, 166, 206), atol=8)


def test_what_lies_above_or_below_the_line_is_none_of_it() -> None:
    page = sevens((100, 80), (300, 80))
    ImageDraw.Draw(page).ellipse((200, 260, 240, 290), fill=0)
    assert len(row_of(page)) == 2


def test_the_parts_of_a_broken_digit_are_one() -> None:
    page = sevens((100, 80), (300, 80))
    whole = row_of(page)
    ImageDraw.Draw(page).rectangle((0, 95, 700, 100), fill=255)
    assert [each.box for each in row_of(page)] == [each.box for each in whole]


def test_what_is_no_line_of_digits_is_refused() -> None:
    text = Image.new("L", (600, 400), 250)
    for line in range(10, 390, 16):
        ImageDraw.Draw(text).text((10, line), "sphinx of black quartz, judge my vow " * 3, fill=20)
    bar = np.pad(np.zeros((3, 1200), np.uint8), 20, constant_values=255)[..., None]
    thread = Image.new("L", (340, 80), 255)
    ImageDraw.Draw(thread).line([(x, 40 + int(3 * np.sin(x / 30))) for x in range(20, 320)], fill=0, width=3)
    for pixels in (np.asarray(text)[..., None], bar, np.asarray(thread)[..., None]):
        with pytest.raises(ImageError):
            find_row(Picture(pixels))


def test_a_pole_of_any_length_is_thickened_in_a_moment_and_called_one_digit() -> None:
    pole = np.pad(np.zeros((1400, 3), np.uint8), 20, constant_values=255)[..., None]
    (candidate,) = find_row(Picture(pole))
    assert candidate.image.max() > 200


@pytest.mark.parametrize(("widest", "least"), [(1.0, 27), (0.0, 24)])
def test_rows_of_five_digits_are_read_whole_with_gaps_and_where_they_touch(widest: float, least: int) -> None:
    assert count_right_rows(30, widest=widest) >= least
