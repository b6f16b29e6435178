from pathlib import Path

import numpy as np
import pytest

from mnistcli.config import CORRUPTIONS
from mnistcli.datasets import load
from mnistcli.vision.corruptions import KINDS, SHIFT, STRIPE_WIDTH, TOGETHER, corrupt

DIGITS = load("mnist").test.images[:40]
ALIKE = ("scale", "brightness", "stripe", "canny_edges")  # which draw nothing at random


def centre(images: np.ndarray) -> np.ndarray:
    """Return the centre of mass of each image's first channel, [n, 2]."""
    ink = images[..., 0].astype(float)
    rows, columns = np.indices(ink.shape[1:])
    return np.stack([(ink * places).sum((1, 2)) for places in (rows, columns)], 1) / ink.sum((1, 2))[:, None]


def spread(images: np.ndarray) -> np.ndarray:
    """Return the covariance of each image's ink, [n, 2, 2], rows first."""
    places = np.stack(np.indices(images.shape[1:3]), -1) - centre(images)[:, None, None]
    ink = images[..., 0].astype(float) / images[..., 0].sum((1, 2), dtype=float)[:, None, None]
    return np.einsum("nhw,nhwi,nhwj->nij", ink, places, places)


def test_the_command_line_names_what_there_is() -> None:
    assert tuple(KINDS) == CORRUPTIONS


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_images_of_any_shape_change_always_the_same_way_and_stay_images(name: str) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (3, 40, 32, 3), dtype=np.uint8)
    for images in (DIGITS, colours):
        before = images.copy()
        changed = corrupt(images, name)
        assert (changed.shape, changed.dtype) == (images.shape, np.uint8)
        assert np.array_equal(changed, corrupt(images, name))
        assert np.array_equal(images, before)
        assert (changed != images).any((1, 2, 3)).all()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_smallest_images_stay_images(name: str) -> None:
    for side in (1, 2, 5):
        images = np.full((2, side, side + 1, 1), 90, np.uint8)
        assert corrupt(images, name).shape == images.shape


@pytest.mark.parametrize("name", ALIKE)
def test_an_image_does_not_depend_on_those_beside_it(name: str) -> None:
    assert np.array_equal(corrupt(DIGITS, name)[7:8], corrupt(DIGITS[7:8], name))


def test_no_two_images_get_the_same_noise() -> None:
    noisy = corrupt(np.full((TOGETHER + 1, 8, 8, 1), 128, np.uint8), "impulse_noise")
    assert len(np.unique(noisy, axis=0)) == len(noisy)


def test_geometry_moves_turns_slants_and_scales_as_far_as_it_says() -> None:
    moved = np.linalg.norm(centre(corrupt(DIGITS, "translate")) - centre(DIGITS), axis=1)
    assert np.median(moved) == pytest.approx(SHIFT, abs=0.1)
    ratio = np.trace(spread(corrupt(DIGITS, "scale")), axis1=1, axis2=2) / np.trace(spread(DIGITS), axis1=1, axis2=2)
    assert np.median(ratio) == pytest.approx(0.6**2, rel=0.05)
    turned, straight = (np.linalg.eigh(spread(images))[1][:, :, 1] for images in (corrupt(DIGITS, "rotate"), DIGITS))
    angle = np.degrees(np.arccos(np.abs((turned * straight).sum(1)).clip(0, 1)))
    assert np.median(angle) == pytest.approx(35, abs=1)
    slanted = spread(corrupt(DIGITS, "shear"))
    change = slanted[:, 0, 1] / slanted[:, 0, 0] - spread(DIGITS)[:, 0, 1] / spread(DIGITS)[:, 0, 0]
    assert np.median(np.abs(change)) == pytest.approx(0.6, abs=0.05)


def test_a_stripe_inverts_its_pixels_and_no_others() -> None:
    changed, first = corrupt(DIGITS, "stripe"), (28 - STRIPE_WIDTH + 1) // 2
    inside = [i for i in range(28) if (changed[:, :, i] != DIGITS[:, :, i]).any()]
    assert np.array_equal(changed[:, :, inside], 255 - DIGITS[:, :, inside])
    assert inside == list(range(first, first + len(inside)))


def test_noise_hits_the_share_of_pixels_that_it_says() -> None:
    grey = np.full((50, 28, 28, 1), 128, np.uint8)
    noisy = corrupt(grey, "impulse_noise")
    assert (noisy == 0).mean() == pytest.approx(0.075, abs=0.005)
    assert (noisy == 255).mean() == pytest.approx(0.075, abs=0.005)
    assert corrupt(grey // 4, "shot_noise").mean() == pytest.approx(32, abs=1)
    assert (corrupt(np.zeros_like(grey), "spatter") > 0).mean() == pytest.approx(0.15, abs=0.005)


def test_edges_go_round_a_square() -> None:
    square = np.zeros((1, 28, 28, 1), np.uint8)
    square[:, 8:20, 8:20] = 255
    edges = corrupt(square, "canny_edges")[0, ..., 0]
    assert set(np.unique(edges)) == {0, 255}
    assert not edges[11:17, 11:17].any()
    assert not edges[:6].any()
    assert edges[6:10, 10:18].any(0).all()
    assert edges[10:18, 18:22].any(1).all()
    faint = square // 5
    assert not corrupt(np.concatenate([square, faint, square]), "canny_edges")[1].any()
    square[:, 8:20, 8:20, 0] = np.linspace(50, 255, 12)
    assert corrupt(square, "canny_edges")[0, 12:16, 6:10].any(), "a faint edge is joined to a strong one"


def test_the_manual_states_every_severity() -> None:
    page = (Path(__file__).parents[2] / "mnistcli/manual/evaluate.md").read_text()
    assert all(f"| `{name}` | {kind.severity} |" in page for name, kind in KINDS.items())
