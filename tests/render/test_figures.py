"""Figures are read as a person reads them: the texts, the places of lines and bars, the colours that meet the eye."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from PIL import Image

from mnistcli.config import THEMES
from mnistcli.errors import UsageError
from mnistcli.render import compare_figures, evaluate_figures, figures, style
from mnistcli.results.data import Sample
from mnistcli.results.predict import Explanation, Prediction
from mnistcli.results.summary import LayerSummary, ModelSummary
from tests.conftest import svg_texts
from tests.render.by_hand import HISTORY, compared, evaluation, robustness
from tests.render.drawn import cells, lines, of_classes, pixels, tick_labels, ticks_in_view


def explained(probabilities: Sequence[float], names: Sequence[str], **changes: Any) -> Explanation:
    steps = (("the picture", np.zeros((4, 3, 3), np.uint8)), ("fitted", np.zeros((2, 2, 1), np.uint8)))
    parts = {"steps": steps, "saliency": np.array([[-2, 1], [0.5, 0]], np.float32), "method": "by hand"} | changes
    return Explanation(Prediction("x.png", tuple(probabilities), tuple(names)), **parts)


def shows(axes: Axes, picture: np.ndarray) -> bool:
    """Return whether a picture [height, width, 1 or 3] uint8 is drawn, grey levels to the nearest of 256."""
    drawn = pixels(axes).astype(int)
    return drawn.shape[:2] == picture.shape[:2] and bool((abs(drawn - picture) <= 1).all())


def test_training_is_dashed_and_validation_solid_with_loss_on_the_left_and_percent_on_the_right() -> None:
    loss, accuracy = figures.curves("cnn-001", [HISTORY]).axes
    assert (loss.get_xlabel(), loss.get_ylabel()) == ("epoch", "loss (nats)")
    assert (accuracy.get_xlabel(), accuracy.get_ylabel()) == ("epoch", "accuracy (%)")
    for axes, train, validation in (
        (loss, [0.9, 0.4, 0.2], [0.5, 0.3, 0.25]),
        (accuracy, [70, 88, 95], [83, 91, 92]),
    ):
        assert list(lines(axes)) == ["cnn-001, training", "cnn-001, validation", "kept"]
        for line, dashes, values in zip(axes.lines, ("--", "-"), (train, validation), strict=False):
            assert line.get_linestyle() == dashes
            assert list(line.get_xdata()) == [1, 2, 3]
            assert line.get_ydata() == pytest.approx(values)
        ends = sorted(axes.lines[:2], key=lambda line: line.get_ydata()[-1])
        labels = sorted(axes.texts, key=lambda text: text.xy[1])
        assert [line.get_label() for line in ends] == [f"cnn-001, {label.get_text()}" for label in labels]


def test_the_epoch_whose_weights_are_kept_is_ringed_and_named() -> None:
    worse = replace(HISTORY[2], epoch=4, validation_accuracy=0.915)
    figure = figures.curves("cnn-001", [(*HISTORY, worse)])
    assert figure.get_suptitle() == "cnn-001 keeps epoch 3 of 4: 92.00 % validation accuracy"
    for axes, value in zip(figure.axes, (0.25, 92), strict=True):
        assert lines(axes)["kept"].get_xydata() == pytest.approx(np.array([[3, value]]))
    assert figures.curves("cnn-001", [()]).get_suptitle() == "cnn-001 has no metrics"
    early = (replace(HISTORY[0], validation_accuracy=0.96), *HISTORY[1:])
    group = figures.curves("trio", [early, HISTORY, HISTORY[:2]])
    assert group.get_suptitle() == "trio keeps epochs 1 to 3: 93.00 % validation accuracy on average"
    for axes, values in zip(group.axes, ((0.5, 0.25, 0.3), (96, 92, 91)), strict=True):
        assert lines(axes)["kept"].get_xydata() == pytest.approx(np.array(list(zip((1, 3, 2), values, strict=True))))


def test_a_group_s_curves_are_the_mean_of_its_runs_over_their_range_as_the_note_says() -> None:
    lower = tuple(replace(each, train_loss=each.train_loss - 0.1) for each in HISTORY[:2])
    figure = figures.curves("cnn-group-001", [HISTORY, lower])
    assert figure.get_supxlabel().startswith("Lines: mean of 2 runs; band: lowest to highest; ringed")
    loss, accuracy = figure.axes
    for axes in (loss, accuracy):
        assert list(axes.lines[0].get_xdata()) == [1, 2]  # where the second run stopped
    assert loss.lines[0].get_ydata() == pytest.approx([0.85, 0.35])
    band = loss.collections[0].get_paths()[0].vertices
    assert [(band[band[:, 0] == epoch][:, 1].min(), band[band[:, 0] == epoch][:, 1].max()) for epoch in (1, 2)] == [
        pytest.approx((0.8, 0.9)), pytest.approx((0.3, 0.4)),
    ]  # fmt: skip


@pytest.mark.parametrize(("epochs", "ticks"), [(1, [1]), (3, [1, 2, 3])])
def test_epochs_are_whole_numbers(epochs: int, ticks: list[int]) -> None:
    for axes in figures.curves("cnn-001", [HISTORY[:epochs]]).axes:
        assert ticks_in_view(axes.xaxis) == ticks


def test_a_matrix_holds_counts_and_beside_them_percent_of_the_true_class() -> None:
    figure = figures.confusion(evaluation(names=("cat", "dog", "owl")))
    counts, shares, *_ = figure.axes
    assert figure.get_suptitle() == "cnn-001 reads 329 of 349 test images right"
    note = "94.27 % (95 % interval 91.31–96.26 %). Most frequent mistake: dog read as owl, 9 times."
    assert figure.get_supxlabel() == note
    assert (counts.get_title(loc="left"), shares.get_title(loc="left")) == ("images", "percent of the true class")
    assert cells(counts) == {
        (0, 0): "90", (0, 1): "7", (0, 2): "3",
        (1, 1): "40", (1, 2): "9",
        (2, 0): "1", (2, 2): "199",
    }  # fmt: skip
    assert cells(shares) == {
        (0, 0): "90.0", (0, 1): "7.0", (0, 2): "3.0",
        (1, 1): "81.6", (1, 2): "18.4",
        (2, 0): "0.5", (2, 2): "99.5",
    }  # fmt: skip
    for axes in (counts, shares):
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
        for axis in (axes.xaxis, axes.yaxis):
            assert list(axis.get_ticklocs()) == [0, 1, 2]
            assert tick_labels(axis) == ["cat", "dog", "owl"]
        assert axes.yaxis_inverted()  # the first true class is on top


def test_a_matrix_s_colours_follow_its_colour_bar_and_one_error_can_be_seen() -> None:
    each = evaluation(((89, 10, 1), (0, 100, 0), (10, 0, 90)))  # percent are as the counts
    examples = {"0": (1, 0), "1": (0, 2), "10": (0, 1), "100": (1, 1)}
    counts, shares, counts_bar, shares_bar = figures.confusion(each).axes
    for axes, bar, unit in ((counts, counts_bar, ""), (shares, shares_bar, " %")):
        values = axes.images[0].get_array()
        assert tick_labels(bar.yaxis) == [f"{mark}{unit}" for mark in examples]
        assert list(bar.get_yticks()) == pytest.approx([values[cell] for cell in examples.values()])
        brightness = [int(pixels(axes)[cell].sum()) for cell in examples.values()]
        assert (np.diff(brightness) < -40).all()


def test_the_colour_bar_of_counts_ends_with_the_largest_and_that_of_percent_at_100() -> None:
    for confusion, marks in ((((5, 5), (5, 5)), ["0", "1"]), (((1000, 5), (5, 5)), ["0", "1", "10", "100", "1000"])):
        counts, shares, counts_bar, shares_bar = figures.confusion(evaluation(confusion, names="ab")).axes
        assert tick_labels(counts_bar.yaxis) == marks
        assert counts.images[0].get_clim() == pytest.approx((0, counts.images[0].get_array().max()))
        assert tick_labels(shares_bar.yaxis)[-1] == "100 %"
        assert shares.images[0].get_clim() == pytest.approx((0, shares_bar.get_yticks()[-1]))


def test_numbers_stand_out_from_the_colour_of_their_cell() -> None:
    for axes in figures.confusion(evaluation(((1000, 1), (2, 900)), names="ab")).axes[:2]:
        assert {text.get_color() for text in axes.texts} == {"white", "black"}


def test_a_class_without_images_leaves_its_row_of_the_matrix_empty() -> None:
    counts, shares, *_ = figures.confusion(evaluation(((5, 1), (0, 0)), names="ab")).axes
    assert set(cells(counts)) == set(cells(shares)) == {(0, 0), (0, 1)}


def test_beyond_thirty_classes_colours_stand_alone() -> None:
    for n, numbers in ((30, 900), (31, 0)):
        each = of_classes(n)
        counts, shares, *_ = figures.confusion(each).axes
        assert len(counts.texts) == len(shares.texts) == numbers
        assert tick_labels(counts.xaxis) == tick_labels(counts.yaxis) == list(each.class_names)


def test_figures_grow_with_what_they_hold() -> None:
    def size(figure: Figure) -> np.ndarray:
        return figure.get_size_inches()

    few, many = of_classes(10), of_classes(40)
    assert (size(figures.confusion(many)) > 1.4 * size(figures.confusion(few))).all()
    sample = Sample(0, "7", np.zeros((4, 4, 1), np.uint8))
    assert (
        size(figures.grid([sample] * 6, columns=2)).tolist()
        == (size(figures.grid([sample] * 2, columns=2)) * [1, 3]).tolist()
    )


def test_a_grid_shows_pixels_as_they_are_in_reading_order_under_their_labels() -> None:
    random = np.random.default_rng(0)
    faint = random.integers(100, 120, (4, 5, 1), dtype=np.uint8)
    coloured = random.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    column = random.integers(0, 256, (4, 1, 1), dtype=np.uint8)
    samples = [
        Sample(4, "7", faint),
        Sample(5, "cat", coloured, predicted="dog", confidence=0.9),
        Sample(9, "1", column),
    ]
    first, second, third, empty = figures.grid(samples, columns=2).axes
    assert [axes.get_title() for axes in (first, second, third, empty)] == ["7", "cat\nread as dog", "1", ""]
    for axes, sample in zip((first, second, third), samples, strict=True):
        assert shows(axes, sample.picture)
    places = [axes.get_subplotspec() for axes in (first, second, third, empty)]
    assert [(place.rowspan.start, place.colspan.start) for place in places] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert not empty.images
    assert not any(axes.axison for axes in (first, second, third, empty))


def test_a_diagram_tells_the_layers_from_input_to_output_with_shapes_and_parameters() -> None:
    layers = (
        LayerSummary("input", "input", "pixel / 255", (28, 20, 1), 0, 0, (1, 1)),
        LayerSummary("conv1", "conv", "3×3, valid, relu", (26, 18, 32), 320, 134_784, (3, 3)),
        LayerSummary("flatten", "flatten", "", (14_976,), 0, 0, (3, 3)),
        LayerSummary("hidden", "dense", "relu", (100,), 1_497_700, 1_497_600, (28, 20)),
        LayerSummary("output", "dense", "", (10,), 1_010, 1_000, (28, 20)),
    )
    figure = figures.diagram(ModelSummary("cnn", "conv 32 3x3, relu, dense 100, relu", layers))
    assert " ".join(figure.get_suptitle().split()) == "cnn has 1,499,030 parameters, 99.9 % of them in hidden"
    (axes,) = figure.axes
    said = sorted(axes.texts, key=lambda text: (-text.get_position()[1], text.get_position()[0]))
    assert [text.get_text() for text in said] == [
        "input", "28 × 20 × 1", "input  pixel / 255",
        "conv1", "26 × 18 × 32", "conv  3×3, valid, relu", "320 parameters",
        "flatten", "14976", "flatten",
        "hidden", "100", "dense  relu", "1,497,700 parameters",
        "output", "10", "dense", "1,010 parameters",
    ]  # fmt: skip
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    places = [[text.get_text() for text in said if box.get_bbox().contains(*text.get_position())] for box in boxes]
    assert [layer.name in inside for layer, inside in zip(layers, places, strict=True)] == [True] * 5
    assert sum(map(len, places)) == len(said)  # each text lies in one box
    colours = [box.get_facecolor() for box in boxes]
    assert colours[3] == colours[4]
    assert len(set(colours)) == 4
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    for box in boxes:
        assert left < box.get_x() < box.get_x() + box.get_width() < right
        assert low < box.get_y() < box.get_y() + box.get_height() < high
    arrows = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    for arrow, upper, lower in zip(arrows, boxes, boxes[1:], strict=False):
        (_, start), _, (_, end), *_ = arrow.get_path().vertices
        assert lower.get_y() + lower.get_height() < end < start < upper.get_y()
    assert len(arrows) == 4


def test_an_explanation_shows_each_step_and_what_the_network_saw() -> None:
    random = np.random.default_rng(0)
    photo = random.integers(0, 256, (6, 4, 3), dtype=np.uint8)
    ink = np.array([[[0.0], [0.2]], [[0.6], [1.0]]])
    fitted = random.integers(0, 100, (3, 3, 1), dtype=np.uint8)
    figure = figures.explanation(
        explained((0.2, 0.7, 0.1), "abc", steps=(("the picture", photo), ("ink", ink), ("fitted", fitted)))
    )
    top, bottom = figure.subfigs
    assert [axes.get_title(loc="left") for axes in top.axes] == ["the picture", "ink", "fitted"]
    for axes, expected in zip(top.axes, (photo, np.array([[[0], [51]], [[153], [255]]]), fitted), strict=True):
        assert shows(axes, expected)
    assert bottom.axes[0].get_title(loc="left") == "what the network saw"
    assert shows(bottom.axes[0], fitted)


def test_an_explanation_s_bars_are_percent_in_the_classes_order_and_the_answer_stands_out() -> None:
    figure = figures.explanation(explained((0.2, 0.7, 0.1), "abc"))
    assert figure.get_suptitle() == "x.png is read as b with 70.0 % confidence"
    bars = figure.subfigs[1].axes[1]
    assert bars.get_xlabel() == "probability (%)"
    assert [bar.get_width() for bar in bars.patches] == pytest.approx([20, 70, 10])
    assert [text.get_text() for text in bars.texts] == ["20.0", "70.0", "10.0"]
    assert tick_labels(bars.yaxis) == ["a", "b", "c"]
    assert [bar.get_y() + bar.get_height() / 2 for bar in bars.patches] == pytest.approx(list(bars.get_yticks()))
    assert bars.yaxis_inverted()  # the first class is on top
    low, high = bars.get_xlim()
    assert low == 0
    assert high > 100
    a, answer, c = (bar.get_facecolor() for bar in bars.patches)
    assert a == c
    assert answer[0] > answer[2]  # red, as the pixels that speak for it
    assert a[0] < a[2]


def test_an_explanation_of_many_classes_shows_the_most_probable_in_the_classes_order() -> None:
    names = [f"class {i}" for i in range(25)]
    probabilities = np.ones(25)
    probabilities[[3, 7, 11, 20, 24]] = 0.5  # left out
    probabilities[13] = 2
    figure = figures.explanation(explained(probabilities / probabilities.sum(), names))
    assert figure.get_suptitle() == "x.png is read as class 13 with 8.5 % confidence"
    bars = figure.subfigs[1].axes[1]
    assert tick_labels(bars.yaxis) == [name for i, name in enumerate(names) if i not in (3, 7, 11, 20, 24)]
    assert bars.get_xlabel() == "probability (%); 5 less probable classes are left out"
    other, *_ = (bar.get_facecolor() for bar in bars.patches)
    answer = [bar.get_facecolor() != other for bar in bars.patches].index(True)
    assert tick_labels(bars.yaxis)[answer] == "class 13"
    assert bars.patches[answer].get_width() == pytest.approx(100 * 2 / 23.5)


def test_a_step_that_changes_nothing_is_left_out() -> None:
    ink = np.zeros((3, 4, 1), np.float32)
    alone = ink + np.float32(0.5)
    steps = [("the picture", np.full((3, 4, 3), 255, np.uint8)), ("ink", ink), ("without rules", ink)]
    steps += [("the digit alone", alone), ("thicker", alone), ("fitted", alone)]
    figure = figures.explanation(explained((0.2, 0.8), "ab", steps=tuple(steps)))
    shown = {axes.get_title(loc="left") for axes in figure.subfigs[0].axes}
    assert shown == {"the picture", "ink", "the digit alone", "fitted"}


@pytest.mark.parametrize("theme", THEMES)
def test_pixels_for_the_answer_are_red_those_against_it_blue_and_the_rest_neutral(theme: str) -> None:
    figure = figures.explanation(explained((0.2, 0.7, 0.1), "abc"), theme=theme)
    saliency, bar = figure.subfigs[1].axes[2:]
    assert saliency.get_title(loc="left") == "red: for b\nblue: against it"
    assert bar.get_ylabel() == "contribution to the lead (logits)"
    assert figure.get_supxlabel() == "The last picture: by hand."
    (against, strongly_for), (weakly_for, nothing) = pixels(saliency).astype(int)
    assert against[2] - against[0] > 50
    assert strongly_for[0] - strongly_for[2] > weakly_for[0] - weakly_for[2] > 20
    assert np.ptp(nothing) <= 2


@pytest.mark.parametrize("sign", [1, -1])
def test_red_and_blue_are_as_deep_for_as_against(sign: int) -> None:
    saliency = sign * np.array([[-2, 1], [-1, 0.5]], np.float32)
    (image,) = figures.explanation(explained((0.2, 0.8), "ab", saliency=saliency)).subfigs[1].axes[2].images
    assert image.get_clim() == (-2, 2)


def test_a_saliency_of_nothing_is_neutral() -> None:
    figure = figures.explanation(explained((0.2, 0.8), "ab", saliency=np.zeros((2, 2), np.float32)))
    assert np.ptp(pixels(figure.subfigs[1].axes[2]), axis=-1).max() <= 2


def confusion_of(names: Sequence[str]) -> Figure:
    return figures.confusion(evaluation(run="a-run-with-quite-a-long-name", names=names))


def comparison_of(names: Sequence[str]) -> Figure:
    each = evaluation(run="a-run-with-quite-a-long-name", names=names)
    return compare_figures.comparison(compared(*[(each, HISTORY)] * 3))


def grid_of(names: Sequence[str]) -> Figure:
    return figures.grid([Sample(0, name, np.zeros((4, 4, 1), np.uint8), name) for name in names], columns=3)


def explanation_of(names: Sequence[str]) -> Figure:
    return figures.explanation(explained((0.5, 0.3, 0.2), names))


def robustness_of(names: Sequence[str]) -> Figure:
    return evaluate_figures.robustness(robustness(names))


OF_CLASSES = pytest.mark.parametrize("draw", [confusion_of, comparison_of, grid_of, explanation_of, robustness_of])


@OF_CLASSES
def test_a_class_may_have_any_name(draw: Callable[[Sequence[str]], Figure], tmp_path: Path) -> None:
    style.save(draw((r"$\bad{$", "日本", "x" * 90)), tmp_path / "figure.svg")
    said = svg_texts(tmp_path / "figure.svg")
    assert {r"$\bad{$", "日本", f"{'x' * 19}…"} <= set(said)
    assert not any("x" * 20 in text for text in said)


@OF_CLASSES
@pytest.mark.parametrize("names", [("cat", "T-shirt/top", "dog"), ("x" * 90, "cat", "dog")], ids=["short", "long"])
def test_nothing_is_cut_off_at_the_edge(
    names: Sequence[str], draw: Callable[[Sequence[str]], Figure], tmp_path: Path
) -> None:
    figure = draw(names)
    style.save(figure, tmp_path / "figure.png")
    figure.set_dpi(style.DPI)  # glyphs are rounded to whole pixels
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert 0 <= drawn.x0 < drawn.x1 <= width
    assert 0 <= drawn.y0 < drawn.y1 <= height


def test_an_svg_is_the_same_to_the_byte_each_time(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        style.save(figures.confusion(evaluation()), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_the_suffix_names_the_format(tmp_path: Path) -> None:
    for name, magic in (("a.png", b"\x89PNG"), ("a.PDF", b"%PDF"), ("a.svg", b"<?xml")):
        style.save(figures.curves("cnn-001", [HISTORY]), tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(magic)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width == 2 * 11 * 120  # as fine as two dots for each of a screen's
        assert picture.info["dpi"] == pytest.approx((240, 240), abs=0.01)


def test_a_figure_takes_an_older_one_s_place_whole(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_bytes(b"older")
    with (tmp_path / "a.svg").open("rb") as reader:
        style.save(figures.curves("cnn-001", [HISTORY]), tmp_path / "a.svg")
        assert reader.read() == b"older"
    assert "loss (nats)" in svg_texts(tmp_path / "a.svg")


@pytest.mark.parametrize("place", ["nowhere/figure.svg", "folder.svg"])
def test_a_figure_that_cannot_be_written_is_told_in_one_sentence_and_leaves_nothing(place: str, tmp_path: Path) -> None:
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(UsageError) as refused:
        style.save(figures.curves("cnn-001", [HISTORY]), tmp_path / place)
    assert place in str(refused.value)
    assert "cannot be written: " in str(refused.value)
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.rglob("*")] == ["folder.svg"]
