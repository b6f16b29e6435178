"""Figures of images are read as a person reads them: which image stands in which cell, and what is said of it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnistcli.render import style
from mnistcli.render.image_figures import MOST_FLIPS, confusion_thumbnails, flips
from mnistcli.render.matrix import MOST_PICTURED
from mnistcli.results.data import Flip, Flips, Sample
from tests.conftest import svg_texts
from tests.render.by_hand import evaluation

NAMES = ("cat", "dog", "owl")
COUNTS = ((90, 12, 0), (1, 40, 0), (0, 0, 7))


def flat(level: int, *, channels: int = 1) -> np.ndarray:
    return np.full((4, 6, channels), level, np.uint8)


def mistakes(names: Sequence[str] = NAMES) -> list[Sample]:
    """Twelve cats read as dogs, ever lighter, and a dog read as a cat."""
    cats = [Sample(i, names[0], flat(10 * i), names[1], 0.9) for i in range(12)]
    return [*cats, Sample(20, names[1], flat(200), names[0], 0.8)]


def cells(figure: Figure) -> dict[tuple[int, int], np.ndarray]:
    """Return the colours [height, width, 4] drawn in each cell, by row and column; the first image is the ground."""
    (axes,) = figure.axes
    found = {}
    for image in axes.images[1:]:
        left, right, bottom, top = image.get_extent()
        row, column = round((top + bottom) / 2), round((left + right) / 2)
        assert column - 0.5 < left < right < column + 0.5
        assert row - 0.5 < top < bottom < row + 0.5
        found[row, column] = np.asarray(image.get_array())
    return found


def test_a_cell_off_the_diagonal_shows_up_to_nine_of_its_images_in_order_beside_its_count() -> None:
    figure = confusion_thumbnails(evaluation(COUNTS, names=NAMES), mistakes())
    drawn = cells(figure)
    assert set(drawn) == {(0, 1), (1, 0)}
    nine = drawn[0, 1]
    levels = [nine[row * 5 + 1, column * 7 + 1, 0] * 255 for row in range(3) for column in range(3)]
    assert nine.shape == (3 * 5 - 1, 3 * 7 - 1, 4)
    assert levels == pytest.approx([10 * i for i in range(9)])
    assert nine[4, :, 3].max() == 0  # what is between images shows the paper
    one = drawn[1, 0]
    assert one[1, 1, :3] * 255 == pytest.approx(200)
    assert one[:, 7:, 3].max() == 0  # so does the place of images that are not there
    (axes,) = figure.axes
    texts = {tuple(round(x) for x in text.get_position()[::-1]): text.get_text() for text in axes.texts}
    assert texts == {(0, 0): "90", (0, 1): "12", (1, 0): "1", (1, 1): "40", (2, 2): "7"}


def test_images_in_a_cell_keep_their_shape_and_colours() -> None:
    wide = np.zeros((4, 6, 3), np.uint8)
    wide[..., 1] = 255
    figure = confusion_thumbnails(evaluation(COUNTS, names=NAMES), [Sample(0, "owl", wide, "cat", 0.9)])
    (drawn,) = cells(figure).values()
    assert drawn[0, 0].tolist() == [0, 1, 0, 1]
    left, right, bottom, top = figure.axes[0].images[1].get_extent()
    assert (right - left) / (bottom - top) == pytest.approx(drawn.shape[1] / drawn.shape[0])


def test_large_images_are_shrunk_before_they_are_drawn() -> None:
    large = np.full((600, 600, 3), 100, np.uint8)
    figure = confusion_thumbnails(evaluation(COUNTS, names=NAMES), [Sample(0, "owl", large, "cat", 0.9)])
    (drawn,) = cells(figure).values()
    assert drawn.shape[0] < 150
    assert drawn[0, 0, :3] * 255 == pytest.approx(100)


@pytest.mark.parametrize("left_out", [0, 2])
def test_of_many_classes_those_with_the_most_errors_are_shown_and_the_figure_says_so(left_out: int) -> None:
    n = MOST_PICTURED + left_out
    counts = np.eye(n, dtype=int) * 5
    counts[np.arange(n), (np.arange(n) + 1) % n] = 3
    counts[2, 4] = 9
    if left_out:
        counts[7, 8] = counts[8, 9] = counts[9, 10] = 1
    names = [f"class {i}" for i in range(n)]
    samples = [Sample(i, names[i], flat(90), names[(i + 1) % n], 0.9) for i in range(n)]
    figure = confusion_thumbnails(evaluation(counts.tolist(), names=names), samples)
    (axes,) = figure.axes
    said = [tick.label1.get_text() for tick in axes.yaxis.get_major_ticks()]
    assert said == [name for i, name in enumerate(names) if not left_out or i not in (8, 9)]
    errors = counts.sum() - 5 * n
    more = f"The {MOST_PICTURED} of {n} classes with the most errors: {errors - 3} of {errors} errors"
    assert (more in " ".join(figure.get_supxlabel().split())) == bool(left_out)
    assert len(cells(figure)) == (n - 3 if left_out else n)


def flip(label: str, a: str, b: str, *, level: int = 90) -> Flip:
    return Flip(0, label, flat(level), a, 0.9, other_predicted=b, other_confidence=0.8)


def titles(axes: Sequence[Axes]) -> list[str]:
    return [each.get_title() for each in axes if each.images]


def test_what_only_a_reads_right_stands_above_what_only_b_does_with_label_answers_and_confidences() -> None:
    found = Flips("dense-001", "cnn-001", (flip("4", "4", "9"),), (flip("7", "1", "7"), flip("2", "3", "2", level=50)))
    figure = flips(found)
    title = "Images read right only by dense-001: 1; only by cnn-001: 2"
    assert (figure.get_suptitle(), figure.get_supxlabel()) == (title, "A: dense-001, B: cnn-001.")
    above, below = figure.subfigs
    assert (above.get_suptitle(), below.get_suptitle()) == ("Read right only by A: 1", "Read right only by B: 2")
    assert titles(above.axes) == ["true: 4\nA: 4, 90 %\nB: 9, 80 %"]
    assert titles(below.axes) == ["true: 7\nA: 1, 90 %\nB: 7, 80 %", "true: 2\nA: 3, 90 %\nB: 2, 80 %"]
    assert below.axes[1].images[0].get_array().mean() == 50


def test_many_flips_are_cut_and_counted_and_no_flips_are_none() -> None:
    above, below = flips(Flips("a", "b", (), (flip("7", "1", "7"),) * 40)).subfigs
    assert (above.get_suptitle(), titles(above.axes)) == ("Read right only by A: 0", [])
    assert below.get_suptitle() == f"Read right only by B: 40 ({MOST_FLIPS} shown)"
    assert len(titles(below.axes)) == MOST_FLIPS


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
def test_nothing_is_cut_off_at_the_edge_and_a_class_may_have_any_name(tmp_path: Path) -> None:
    names = a, b, c = r"$\bad{$", "日本", "x" * 90
    run = "a-run-with-quite-a-long-name-indeed"
    for figure in (
        confusion_thumbnails(evaluation(COUNTS, run=run, names=names), mistakes(names)),
        flips(Flips(run, run, (flip(a, a, b),), (flip(c, b, c),) * 9)),
    ):
        style.save(figure, tmp_path / "figure.svg")
        assert not any("x" * 20 in text for text in svg_texts(tmp_path / "figure.svg"))
        figure.set_dpi(style.DPI)  # glyphs are rounded to whole pixels
        drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert 0 <= drawn.x0 < drawn.x1 <= width
        assert 0 <= drawn.y0 < drawn.y1 <= height
