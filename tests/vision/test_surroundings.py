import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from mnistcli.vision import Picture, find_row, interpretations, normalize
from mnistcli.vision.surroundings import drop_edges, drop_frames

INK, PAPER = (40, 40, 90), (240, 238, 225)
SHAPE = (400, 300)


def write(page: Image.Image, *, ink: tuple[int, ...] = INK) -> Image.Image:
    """A 7 in the middle of the page."""
    ImageDraw.Draw(page).line([(160, 110), (230, 110), (180, 210)], fill=ink, width=12)
    return page


def sheet() -> Image.Image:
    return write(Image.new("RGB", SHAPE, PAPER))


def on_desk(desk: tuple[int, ...], angle: float) -> Image.Image:
    page = Image.new("RGB", SHAPE, PAPER)
    mask = Image.new("L", SHAPE)
    ImageDraw.Draw(mask).rectangle([60, 40, 340, 260], fill=255)
    return write(Image.composite(page, Image.new("RGB", SHAPE, desk), mask.rotate(angle)))


def shaded(*outline: tuple[float, float], blur: float) -> Image.Image:
    """Half of the light falls where a shadow is."""
    shadow = Image.new("L", SHAPE, 255)
    ImageDraw.Draw(shadow).polygon(outline, fill=120)
    light = np.asarray(shadow.filter(ImageFilter.GaussianBlur(blur)))[..., None] / 255
    return Image.fromarray((np.asarray(sheet()) * light).astype(np.uint8))


def with_lines(*boxes: tuple[int, int, int, int]) -> Image.Image:
    page = sheet()
    for box in boxes:
        ImageDraw.Draw(page).rectangle(box, outline=(60, 60, 60), width=3)
    return page


def with_edge(*box: int) -> Image.Image:
    page = sheet()
    ImageDraw.Draw(page).rectangle(box, fill=(30, 30, 30))
    return page


def with_gleam() -> Image.Image:
    y, x = np.mgrid[: SHAPE[1], : SHAPE[0]]
    gleam = np.exp(-((x - 300) ** 2 + (y - 240) ** 2) / 1200)[..., None]
    board = np.asarray(write(Image.new("RGB", SHAPE, (180, 185, 190)))).astype(float)
    return Image.fromarray((board + (255 - board) * gleam).astype(np.uint8))


def difference(page: Image.Image) -> float:
    """How far, of 255, the pixels of the page's digit are, read the best way, from the same on a plain sheet."""
    wanted = normalize(np.asarray(sheet())).astype(int)
    return min(float(np.abs(steps[-1][1] - wanted).mean()) for steps in interpretations(np.asarray(page)))


@pytest.mark.parametrize("angle", [0, 5, -8])
@pytest.mark.parametrize("desk", [(0, 0, 0), (40, 32, 24), (150, 140, 120)], ids=["black", "dark", "light"])
def test_the_desk_around_a_sheet_is_no_ink(desk: tuple[int, ...], angle: float) -> None:
    assert difference(on_desk(desk, angle)) < 6


@pytest.mark.parametrize("blur", [0.0, 8.0])
@pytest.mark.parametrize(
    "outline", [((0, 0), (205, 0), (185, 300), (0, 300)), ((0, 150), (400, 190), (400, 300), (0, 300))]
)
def test_a_shadow_s_edge_across_the_digit_is_no_ink(outline: tuple[tuple[float, float], ...], blur: float) -> None:
    assert difference(shaded(*outline, blur=blur)) < 10


@pytest.mark.parametrize(
    "page",
    [
        with_lines((0, 0, 399, 299)),
        with_lines((5, 5, 394, 294)),
        with_lines((130, 70, 270, 250)),
        with_edge(0, 0, 12, 300),
        with_edge(0, 280, 400, 300),
        with_gleam(),
    ],
    ids=["frame", "frame inside", "form's box", "left", "below", "gleam"],
)
def test_frames_edges_and_gleams_are_no_ink(page: Image.Image) -> None:
    assert difference(page) < 6


@pytest.mark.parametrize("spacing", [20, 26, 33])
def test_squares_as_dark_as_the_pen_but_finer_are_dropped(spacing: int) -> None:
    page = sheet()
    for x in range(4, 400, spacing):
        ImageDraw.Draw(page).line([(x, 0), (x - 8, 300)], fill=(70, 70, 110))
    for y in range(4, 300, spacing):
        ImageDraw.Draw(page).line([(0, y), (400, y + 8)], fill=(70, 70, 110))
    assert difference(page) < 10


def test_a_box_around_a_row_is_none_of_its_digits() -> None:
    page = Image.new("L", (600, 200), 255)
    for x in (60, 200, 340, 480):
        ImageDraw.Draw(page).line([(x, 60), (x + 50, 60), (x + 15, 140)], fill=0, width=10)
    plain = find_row(Picture(np.asarray(page)[..., None]))
    ImageDraw.Draw(page).rectangle((20, 30, 570, 170), outline=0, width=3)
    assert [each.box for each in find_row(Picture(np.asarray(page)[..., None]))] == [each.box for each in plain]


def test_the_dot_in_a_zero_makes_no_frame_of_it() -> None:
    page = np.asarray(Image.new("L", (100, 100)))
    zero = Image.fromarray(page.copy())
    ImageDraw.Draw(zero).ellipse((25, 10, 75, 90), outline=255, width=6)
    ImageDraw.Draw(zero).ellipse((45, 45, 55, 55), fill=255)
    ink = np.asarray(zero) / 255
    assert np.array_equal(drop_frames(ink), ink)


def test_a_digit_cut_off_by_the_edge_stays_whatever_specks_there_are() -> None:
    page = Image.new("L", (100, 100))
    ImageDraw.Draw(page).line([(70, 30), (30, 30), (30, 60), (65, 70), (60, 97), (25, 97)], fill=255, width=8)
    ImageDraw.Draw(page).rectangle((80, 10, 86, 16), fill=255)
    ink = np.asarray(page) / 255
    assert np.array_equal(drop_edges(ink), ink)


def seven_in_the_corner(*, bridge: float) -> np.ndarray:
    """Ink of a 7 whose bar lies along the picture's edge; between it and the stem the ink is as faint as `bridge`."""
    ink = np.zeros((40, 30))
    ink[:5, 4:26] = 1
    ink[5:9, 19:24] = bridge
    ink[9:38, 17:22] = 1
    return ink


def test_a_stroke_along_the_edge_belongs_to_the_digit_that_faint_ink_joins_it_to() -> None:
    joined, apart = seven_in_the_corner(bridge=0.4), seven_in_the_corner(bridge=0.1)
    assert np.array_equal(drop_edges(joined), joined)
    assert not drop_edges(apart)[:5].any()


def test_a_smudge_is_no_writing_for_which_what_lies_along_the_edge_is_dropped() -> None:
    ink = np.zeros((40, 30))
    ink[:, :6] = 1
    ink[15:25, 12:20] = 0.4
    assert np.array_equal(drop_edges(ink), ink)
