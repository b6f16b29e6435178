import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnistcli.data import load
from mnistcli.errors import ImageError
from mnistcli.images import normalize
from mnistcli.images.normalize import is_mnist_like


def test_every_image_of_mnist_passes_through_untouched_and_so_does_its_negative() -> None:
    dataset = load("mnist")
    for images in (dataset.train.images, dataset.validation.images, dataset.test.images):
        assert all(is_mnist_like(image[..., 0]) for image in images)
    for image in dataset.test.images[:500]:
        assert np.array_equal(normalize(image[..., 0]), image)
        assert np.array_equal(normalize(255 - image[..., 0]), image)


def drawing(place: tuple[int, int], size: int, ink: int, paper: int) -> np.ndarray:
    page = Image.new("L", (400, 300), paper)
    x, y = place
    ImageDraw.Draw(page).line([(x, y), (x + size, y), (x + size // 3, y + 2 * size)], fill=ink, width=max(2, size // 6))
    return np.asarray(page)


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
    assert np.abs(one - other).max() <= 2


@pytest.mark.parametrize("grey", [np.full((50, 60), 200), np.zeros((28, 28)), np.full((1, 1), 7)])
def test_a_blank_picture_is_refused(grey: np.ndarray) -> None:
    with pytest.raises(ImageError, match="blank"):
        normalize(grey.astype(np.uint8))
