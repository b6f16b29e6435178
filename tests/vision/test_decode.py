import contextlib
import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mnistcli.errors import ImageError
from mnistcli.vision import Source, decode, normalize, read_picture


def gradient() -> np.ndarray:
    return np.tile(np.linspace(0, 255, 40, dtype=np.uint8), (30, 1))[..., None]


@pytest.mark.parametrize("name", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"])
def test_formats_are_told_by_content_not_by_name(name: str, tmp_path: Path) -> None:
    file = tmp_path / "picture.dat"
    Image.fromarray(gradient()[..., 0]).save(file, name)
    assert np.abs(read_picture(Source(str(file))).pixels.astype(int) - gradient()).max() <= 6


@pytest.mark.parametrize("brightest", [255, 128, 2])
def test_sixteen_bits_are_scaled_by_their_full_range_whatever_is_brightest(brightest: int, tmp_path: Path) -> None:
    file, levels = tmp_path / "deep.png", np.minimum(gradient(), brightest)
    Image.fromarray(levels[..., 0].astype(np.uint16) * 257).save(file)
    assert np.array_equal(read_picture(Source(str(file))).pixels, levels)


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0)])
def test_transparent_paper_contrasts_with_the_ink(ink: int, paper: int, tmp_path: Path) -> None:
    pixels = np.zeros((20, 20, 4), np.uint8)
    pixels[5:15, 8:12] = (ink, ink, ink, 255)
    Image.fromarray(pixels).save(tmp_path / "clear.png")
    grey = read_picture(Source(str(tmp_path / "clear.png"))).pixels[..., 0]
    assert grey[0, 0] == paper
    assert grey[10, 10] == ink


def test_a_transparent_frame_takes_the_paper_s_grey(tmp_path: Path) -> None:
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[4:36, 4:36] = 255
    pixels[10:30, 18:22, :3] = 0
    Image.fromarray(pixels).save(tmp_path / "framed.png")
    grey = read_picture(Source(str(tmp_path / "framed.png"))).pixels[..., 0]
    assert grey[0, 0] == grey[5, 5] == 255
    assert grey[20, 20] == 0


def test_a_picture_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn a quarter clockwise
    Image.fromarray(gradient()[..., 0]).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    assert read_picture(Source(str(tmp_path / "turned.jpg"))).pixels.shape == (40, 30, 1)


def test_an_animation_s_first_frame_is_read_and_said_to_be_one_of_several(tmp_path: Path) -> None:
    frames = [Image.fromarray(gradient()[..., 0]), Image.new("L", (40, 30), 7)]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    picture = read_picture(Source(str(tmp_path / "two.gif")))
    assert np.abs(picture.pixels[..., :1].astype(int) - gradient()).max() <= 6
    assert picture.note is not None
    frames[0].save(tmp_path / "one.gif")
    assert read_picture(Source(str(tmp_path / "one.gif"))).note is None


def test_a_photograph_with_a_preview_is_one_picture(tmp_path: Path) -> None:
    photograph = Image.fromarray(gradient()[..., 0]).convert("RGB")
    photograph.save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[photograph.resize((10, 8))])
    assert read_picture(Source(str(tmp_path / "phone.jpg"))).note is None


def test_a_large_picture_is_shrunk_and_a_bomb_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (3000, 1500), 255).save(tmp_path / "large.png")
    picture = read_picture(Source(str(tmp_path / "large.png")))
    assert picture.pixels.shape == (256, 512, 1)
    assert picture.scale == pytest.approx(3000 / 512)
    monkeypatch.setattr(decode, "MOST_PIXELS", 1_000_000)
    with pytest.raises(ImageError, match="3000×1500"):
        read_picture(Source(str(tmp_path / "large.png")))


def shrunk(line: np.ndarray) -> np.ndarray:
    """The middle row, as integers, of a picture that is this line [1300] in all its rows, shrunk to 512 pixels."""
    file = io.BytesIO()
    Image.fromarray(np.tile(line.astype(np.uint8), (100, 1))).save(file, "PNG")
    pixels = read_picture(Source("x", file.getvalue())).pixels
    assert pixels.shape[1] == 512
    return pixels[len(pixels) // 2, 5:-5, 0].astype(int)


def test_shrinking_blurs_what_is_too_fine_keeps_what_is_not_and_hardly_rings() -> None:
    x = np.arange(1300)
    assert np.ptp(shrunk(255 * (x % 2))) < 10
    assert np.ptp(shrunk(128 + 127 * np.sin(2 * np.pi * x / 1300 * 512 / 3))) > 150
    for edge in range(640, 650):
        step = shrunk(np.where(x < edge, 50, 200))
        assert 50 - step.min() <= 8 >= step.max() - 200


def truncated() -> bytes:
    file = io.BytesIO()
    Image.fromarray(gradient()[..., 0]).save(file, "PNG")
    return file.getvalue()[:60]


@pytest.mark.parametrize("content", [b"", b"hello", truncated()], ids=["empty", "text", "truncated"])
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(ImageError):
        read_picture(Source("x.png", content))


def seven() -> bytes:
    page = Image.new("L", (48, 40), 230)
    page.paste(30, (14, 8, 34, 12))
    page.paste(30, (28, 8, 33, 34))
    file = io.BytesIO()
    page.save(file, "PNG")
    return file.getvalue()


SEVEN = seven()
CHANGES = st.lists(st.tuples(st.integers(0, len(SEVEN) - 1), st.binary(max_size=4)), max_size=5)


def change(changes: list[tuple[int, bytes]]) -> bytes:
    content = bytearray(SEVEN)
    for place, replacement in changes:
        content[place : place + len(replacement)] = replacement
    return bytes(content)


@given(st.binary(max_size=200) | CHANGES.map(change))
def test_any_bytes_are_a_picture_or_refused_as_none(content: bytes) -> None:
    with contextlib.suppress(ImageError), warnings.catch_warnings(action="ignore"):
        assert normalize(read_picture(Source("x.png", content)).pixels).shape == (28, 28, 1)


@pytest.mark.parametrize("mode", ["I;16", "RGBA", "F"])
def test_a_large_picture_is_read_as_a_small_one(mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    levels = np.tile(gradient()[..., 0], (20, 20))
    image = Image.fromarray(levels.astype(np.uint16) * 257 if mode == "I;16" else levels).convert(mode)
    image.save(tmp_path / "large.tif")
    monkeypatch.setattr(decode, "LARGE", 300 * 400)
    reduced = read_picture(Source(str(tmp_path / "large.tif")), side=300)
    monkeypatch.undo()
    whole = read_picture(Source(str(tmp_path / "large.tif")), side=300)
    assert (reduced.pixels.shape, reduced.scale) == (whole.pixels.shape, whole.scale)
    assert np.abs(reduced.pixels.astype(int) - whole.pixels).mean() < 3


@pytest.mark.parametrize(
    ("mode", "values"), [("F", [0.0, 0.5, 1.0]), ("F", [-1.0, 0.0, 1.0]), ("I", [0, 500_000, 10**6])]
)
def test_deeper_pictures_are_scaled_to_what_they_hold(mode: str, values: list[float], tmp_path: Path) -> None:
    image = Image.new(mode, (3, 1))
    image.putdata(values)
    image.save(tmp_path / "deep.tif")
    assert read_picture(Source(str(tmp_path / "deep.tif"))).pixels.ravel().tolist() == [0, 128, 255]


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "P", "RGBA", "LA", "1"])
def test_every_mode_gives_grey_or_red_green_and_blue(mode: str, tmp_path: Path) -> None:
    Image.fromarray(gradient()[..., 0]).convert("RGB").convert(mode).save(tmp_path / "x.tif")
    found = read_picture(Source(str(tmp_path / "x.tif"))).pixels
    assert found.dtype == np.uint8
    assert found.shape in ((30, 40, 1), (30, 40, 3))
    assert found[:, :8].mean() < found[:, -8:].mean()
