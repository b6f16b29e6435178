from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from mnistcli.commands import predict as analysis
from mnistcli.commands.predict import predict
from mnistcli.datasets import load
from mnistcli.errors import ImageError
from mnistcli.results.predict import NONE
from mnistcli.runs import RunsFolder
from mnistcli.vision import Candidate, Picture, Source, normalize
from mnistcli.vision.ink import find_ink_maps
from mnistcli.vision.normalize import is_mnist_like
from mnistcli.vision.strokes import stroke_thickness
from tests.builtin.hands import on_paper, with_thickness
from tests.builtin.pictures import from_mnist, on_sheet
from tests.vision.pictures import HOPELESS, count_right, hopeless, is_sure, sheet_on_a_desk, thick_ring

BUILTIN = RunsFolder(Path("runs")).find("builtin")


def test_every_image_of_mnist_passes_through_untouched_and_so_does_its_negative() -> None:
    dataset = load("mnist")
    for images in (dataset.train.images, dataset.validation.images, dataset.test.images):
        assert all(is_mnist_like(image[..., 0]) for image in images)
    for image in dataset.test.images[:500]:
        assert np.array_equal(normalize(image), image)
        assert np.array_equal(normalize(255 - image), image)
        assert np.array_equal(normalize(np.repeat(image, 3, axis=2)), image)
    yellow = np.concatenate([image, image, np.zeros_like(image)], axis=2)
    assert np.array_equal(normalize(yellow), yellow.mean(2, keepdims=True).round())


@pytest.mark.parametrize("splits", [True, False])
def test_a_line_of_digits_is_read_from_more_pixels_than_a_digit(
    splits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, ...]] = []

    def look(picture: Picture, **_: str) -> list[Candidate]:
        shapes.append(picture.pixels.shape)
        raise ImageError("is looked at")

    monkeypatch.setattr(analysis, "find_row", look)
    monkeypatch.setattr(analysis, "_look", lambda *seen: look(seen[-1]))
    Image.new("L", (2000, 100), 255).save(tmp_path / "line.png")
    list(predict([Source(str(tmp_path / "line.png"))], [RunsFolder(Path("runs")).find("builtin")], split_digits=splits))
    assert [shape[1] for shape in shapes] == [1536 if splits else 512]


def drawing(place: tuple[int, int], size: int, ink: int, paper: int) -> np.ndarray:
    page = Image.new("L", (400, 300), paper)
    x, y = place
    ImageDraw.Draw(page).line([(x, y), (x + size, y), (x + size // 3, y + 2 * size)], fill=ink, width=max(2, size // 6))
    return np.asarray(page)[..., None]


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (40, 180), (200, 90)])
@pytest.mark.parametrize("place", [(20, 20), (300, 150)])
def test_ink_is_made_light_fitted_into_the_box_and_centred(ink: int, paper: int, place: tuple[int, int]) -> None:
    picture = normalize(drawing(place, 60, ink, paper))
    assert picture.shape == (28, 28, 1)
    assert picture.dtype == np.uint8
    grey = picture[..., 0].astype(float)
    rows, columns = np.flatnonzero((grey > 64).any(1)), np.flatnonzero((grey > 64).any(0))
    assert max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1 in (19, 20)
    index = np.arange(28)
    assert abs(grey.sum(1) @ index / grey.sum() - 14) <= 0.6
    assert abs(grey.sum(0) @ index / grey.sum() - 14) <= 0.6
    assert grey.max() == 255


def test_the_same_drawing_in_any_ink_and_place_comes_out_alike() -> None:
    one = normalize(drawing((20, 20), 60, 0, 255)).astype(int)
    other = normalize(drawing((200, 100), 60, 230, 20)).astype(int)
    assert np.abs(one - other).max() <= 8


def test_the_same_drawing_at_any_size_comes_out_alike() -> None:
    def page(unit: int) -> np.ndarray:
        grey = Image.new("L", (60 * unit, 45 * unit), 255)
        corners = [(3 * unit, 3 * unit), (15 * unit, 3 * unit), (7 * unit, 27 * unit)]
        ImageDraw.Draw(grey).line(corners, fill=0, width=2 * unit)
        return np.asarray(grey)[..., None]

    largest = normalize(page(16)).astype(int)
    for unit in (4, 5, 7, 9, 11):
        assert np.abs(normalize(page(unit)).astype(int) - largest).mean() < 2


@pytest.mark.parametrize("grey", [np.full((50, 60), 200), np.zeros((28, 28)), np.full((1, 1), 7)])
def test_a_blank_picture_is_refused(grey: np.ndarray) -> None:
    with pytest.raises(ImageError, match="blank"):
        normalize(grey.astype(np.uint8)[..., None])


@pytest.mark.parametrize(("ink", "paper"), [((200, 30, 30), (40, 110, 60)), ((20, 20, 160), (150, 90, 20))])
def test_ink_and_paper_of_one_lightness_are_told_by_their_colour(ink: tuple[int, ...], paper: tuple[int, ...]) -> None:
    mask = drawing((100, 80), 60, 255, 0) / 255.0
    coloured = (np.array(paper) + mask * np.subtract(ink, paper)).astype(np.uint8)
    plain = normalize(drawing((100, 80), 60, 0, 255)).astype(int)
    assert np.abs(normalize(coloured).astype(int) - plain).max() <= 8


def test_light_that_falls_off_across_the_page_is_no_ink() -> None:
    page = drawing((30, 180), 40, 0, 255)
    light = np.linspace(1, 0.35, 400)[None, :, None] * np.linspace(1, 0.6, 300)[:, None, None]
    even, uneven = (normalize(each).astype(int) for each in (page, (page * light).astype(np.uint8)))
    assert np.abs(even - uneven).mean() < 4


def test_faint_ink_is_told_from_paper_that_a_lamp_lights_unevenly() -> None:
    y, x = np.mgrid[-1:1:300j, -1:1:400j]
    ink = drawing((170, 80), 60, 255, 0)[..., 0] / 255
    for light in (1 - 0.3 * (x * x + y * y), 0.7 - 0.3 * x):
        page = (230 * (1 - 0.15 * ink) * light).round().astype(np.uint8)[..., None]
        assert np.abs(normalize(page).astype(int) - normalize(drawing((170, 80), 60, 0, 255))).mean() < 1


def test_an_image_of_28_pixels_that_is_not_as_mnist_has_it_is_fitted_anew() -> None:
    image = load("mnist").test.images[0]
    large = np.asarray(Image.fromarray(image[..., 0]).resize((36, 36)))[4:32, 4:32, None]
    for other in (np.roll(image, 3, axis=0), np.roll(image, -3, axis=1), image // 3, large):
        found = normalize(other)
        assert not np.array_equal(found, other)
        assert is_mnist_like(found[..., 0])


def test_specks_and_what_lies_far_off_are_dropped_and_broken_strokes_kept() -> None:
    page = drawing((100, 80), 60, 0, 255).copy()
    clean = normalize(page).astype(int)
    broken = page.copy()
    broken[130:135, 60:200] = 255
    assert (normalize(broken)[..., 0] > 128).any(1).sum() >= 18
    page[10:13, 350:353] = page[120:126, 175:181] = 0  # specks, far off and near
    page[280:300, :30] = 0  # a thumb at the edge
    assert np.abs(normalize(page).astype(int) - clean).max() <= 8


def test_a_thin_pen_is_given_the_weight_of_mnist_s_strokes() -> None:
    page = Image.new("L", (600, 600), 255)
    ImageDraw.Draw(page).line([(150, 100), (450, 100), (300, 500)], fill=0, width=4)
    digit = normalize(np.asarray(page)[..., None])[..., 0]
    assert 1.3 < stroke_thickness(digit / 255) < 2.6


@pytest.mark.parametrize("width", [180, 200, 220])
def test_a_thick_pen_is_given_the_weight_of_mnist_s_thickest_strokes(width: int) -> None:
    page = Image.new("L", (900, 900), 255)
    ImageDraw.Draw(page).ellipse((150, 150, 750, 750), outline=0, width=width)
    digit = normalize(np.asarray(page)[..., None])[..., 0]
    assert 4.2 < stroke_thickness(digit / 255) < 5.5


@pytest.mark.parametrize(("ink", "paper", "invert"), [(0, 255, "yes"), (255, 0, "no")])
def test_ink_that_fills_the_edge_is_told_from_paper_by_invert(ink: int, paper: int, invert: str) -> None:
    page = drawing((100, 80), 60, ink, paper)
    expected = normalize(page).astype(int)
    tight = page[75:205, 94:166].copy()
    assert np.abs(normalize(tight, invert=invert).astype(int) - expected).mean() < 12
    other = "no" if invert == "yes" else "yes"
    assert np.abs(normalize(page, invert=invert).astype(int) - expected).max() <= 8
    assert np.abs(normalize(page, invert=other).astype(int) - expected).mean() > 50


@pytest.mark.parametrize(("slope", "vertical"), [(0.0, ()), (0.05, ()), (0.0, (60, 170, 280)), (0.03, (60, 170, 280))])
def test_ruled_lines_are_dropped_where_they_cross_the_digit_and_where_not(
    slope: float, vertical: tuple[int, ...]
) -> None:
    page = Image.fromarray(drawing((150, 80), 60, 0, 255)[..., 0])
    clean = normalize(np.asarray(page)[..., None]).astype(int)
    for height in (40, 130, 220):
        ImageDraw.Draw(page).line([(0, height), (400, height + slope * 400)], fill=60, width=3)
    for column in vertical:
        ImageDraw.Draw(page).line([(column, 0), (column + slope * 300, 300)], fill=60, width=3)
    ruled = normalize(np.asarray(page)[..., None]).astype(int)
    assert np.abs(ruled - clean).mean() < 8


def test_invert_finds_ink_that_covers_most_of_the_picture() -> None:
    light = np.zeros((100, 100), bool)
    light[20:80, 30:75] = True
    picture = np.where(light, 230, 30).astype(np.uint8)[..., None]
    for pixels, invert in ((picture, "yes"), (255 - picture, "no")):
        ink, *_ = find_ink_maps(pixels, invert=invert)
        assert ink[~light].mean() > 0.9
        assert ink[light].mean() < 0.1


def test_invert_says_which_polarity_an_image_of_mnist_has() -> None:
    image = load("mnist").test.images[0]
    assert np.array_equal(normalize(image, invert="no"), image)
    assert np.array_equal(normalize(255 - image, invert="yes"), image)
    assert normalize(image, invert="yes").sum() > 2 * image.sum()  # the paper around it


@pytest.mark.parametrize("invert", ["auto", "yes"])
def test_a_stroke_from_edge_to_edge_is_no_ruled_line(invert: str) -> None:
    one, seven = Image.new("L", (300, 200), 255), Image.new("L", (200, 260), 255)
    ImageDraw.Draw(one).line([(150, 0), (150, 200)], fill=0, width=14)
    ImageDraw.Draw(seven).line([(0, 20), (194, 20), (80, 250)], fill=0, width=14)
    upright, bar = (normalize(np.asarray(each)[..., None], invert=invert)[..., 0] for each in (one, seven))
    assert (upright > 128).any(1).sum() >= 18
    assert (bar > 128).any(0).sum() >= 14


@pytest.mark.parametrize("invert", [False, True])
def test_photographs_of_test_digits_are_read_whatever_is_ink_and_what_paper(invert: bool) -> None:
    assert count_right(80, invert=invert) >= 78


@pytest.mark.parametrize("kind", HOPELESS)
def test_pictures_of_no_digit_get_no_sure_answer(kind: str) -> None:
    pictures = [Source(kind, hopeless(kind, seed=1000 + seed)) for seed in range(10)]
    assert sum(map(is_sure, predict(pictures, [BUILTIN]))) <= 2


@pytest.mark.parametrize("angle", [0, 20, 45])
@pytest.mark.parametrize(("width", "height"), [(100, 100), (120, 60), (150, 90)])
def test_a_filled_rectangle_is_no_digit(width: int, height: int, angle: int) -> None:
    page = Image.new("L", (300, 300), 0)
    ImageDraw.Draw(page).rectangle([150 - width // 2, 150 - height // 2, 150 + width // 2, 150 + height // 2], fill=255)
    (answer,) = predict([Source("box", np.asarray(page.rotate(angle)))], [BUILTIN])
    assert answer.top[0][0] == NONE


def test_an_upright_stroke_is_a_1_and_one_that_lies_is_no_digit() -> None:
    page = np.zeros((300, 300), np.uint8)
    page[60:240, 140:160] = 255
    upright, lying = predict([Source("1", page), Source("-", page.T)], [BUILTIN])
    assert upright.top[0][0] == "1"
    assert lying.top[0][0] == NONE


def test_a_thick_pen_is_read() -> None:
    """Strokes of a fifth to a third of the digit's height, in a frame that may be tight."""
    test, random = load("mnist").test, np.random.default_rng(0)
    pictures = [
        on_paper(with_thickness(from_mnist(image[..., 0]), random.uniform(0.2, 0.33)).astype(float), random)
        for image in test.images[:60]
    ]
    answers = predict((Source("thick", each) for each in pictures), [BUILTIN])
    read = [each.top[0][0] for each in answers]
    assert sum(label == str(true) for label, true in zip(read, test.labels, strict=False)) >= 54


def _grainy(image: np.ndarray) -> np.ndarray:
    """A picture taken in the dark: noise of a quarter of white."""
    large = np.pad(np.asarray(Image.fromarray(image).resize((120, 120), Image.Resampling.BICUBIC)), 30)
    noise = np.random.default_rng(int(image.sum())).normal(0, 64, large.shape)
    return (230 - 0.8 * large + noise).clip(0, 255).astype(np.uint8)


def _underlined(image: np.ndarray) -> np.ndarray:
    """A digit in a long strip, on a line as thick as its pen."""
    strip = np.zeros((48, 220), np.uint8)
    strip[8:36, 96:124] = image
    strip[42:45] = 255
    return np.asarray(ImageOps.invert(Image.fromarray(strip).resize((660, 144), Image.Resampling.BICUBIC)))


def _scanned(image: np.ndarray) -> np.ndarray:
    """A scan by 9 pixels, cut close to the digit and enlarged."""
    tight = Image.fromarray(255 - image).crop(Image.fromarray(image).getbbox())
    few = tight.resize([max(2, round(9 * side / max(tight.size))) for side in tight.size], Image.Resampling.BOX)
    return np.asarray(few.resize([12 * side for side in few.size], Image.Resampling.NEAREST))


def _on_a_desk(image: np.ndarray) -> np.ndarray:
    """A small sheet on a desk, both lit alike or not."""
    return on_sheet(from_mnist(image).astype(float), np.random.default_rng(int(image.sum())))[..., 0]


@pytest.mark.parametrize(("picture", "least"), [(_grainy, 36), (_underlined, 39), (_scanned, 33), (_on_a_desk, 39)])
def test_a_digit_is_read_in_noise_on_a_line_from_few_pixels_and_on_a_desk(
    picture: Callable[[np.ndarray], np.ndarray], least: int
) -> None:
    test = load("mnist").test
    answers = predict((Source("it", picture(image[..., 0])) for image in test.images[:40]), [BUILTIN])
    read = [answer.error is None and answer.top[0][0] for answer in answers]
    assert sum(label == str(true) for label, true in zip(read, test.labels, strict=False)) >= least


@pytest.mark.parametrize(("picture", "label"), [(thick_ring(), "0"), (sheet_on_a_desk(), "7")], ids=["ring", "sheet"])
def test_a_thick_pen_and_a_sheet_on_a_desk_are_told_apart_by_what_is_a_digit(picture: np.ndarray, label: str) -> None:
    (answer,) = predict([Source("it", picture)], [BUILTIN])
    assert answer.top[0][0] == label


def test_a_pencil_s_digit_is_read_between_rules_that_are_darker() -> None:
    page = Image.new("L", (300, 260), 250)
    draw = ImageDraw.Draw(page)
    for row in (40, 90, 140, 190, 240):
        draw.line([(0, row), (300, row)], fill=20, width=3)
    draw.line([(120, 60), (180, 60), (140, 172)], fill=160, width=9)
    for split_digits in (False, True):
        (answer,) = predict([Source("page", np.asarray(page))], [BUILTIN], split_digits=split_digits)
        assert answer.error is None
        assert answer.top[0][0] == "7"


@pytest.mark.parametrize("lines", ["rules", "frame"])
def test_a_page_with_nothing_on_it_but_lines_shows_no_digit(lines: str) -> None:
    page = Image.new("L", (300, 200), 250)
    draw = ImageDraw.Draw(page)
    if lines == "rules":
        for row in (50, 100, 150):
            draw.line([(0, row), (300, row)], fill=60, width=2)
    else:
        draw.rectangle([0, 0, 299, 199], outline=30, width=9)
    (answer,) = predict([Source("page", np.asarray(page))], [BUILTIN])
    assert answer.error is not None or answer.top[0][0] == NONE
