"""The figures of `compare`, read as a person reads them, also in print: in one column, in grey."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.text import Text

from mnistcli.render import compare_figures, style
from tests.conftest import svg_texts
from tests.render.by_hand import BETTER, GROUPS, HISTORY, compared, evaluation, group
from tests.render.drawn import cells, lines, of_classes, tick_labels, ticks_in_view

COLUMN = 8 / 2.54  # inches of a column of a paper


def test_names_of_classes_do_not_run_into_each_other() -> None:
    for names, angle in ((("0", "10", "20"), 0), (("cat", "dog", "owl"), 90)):
        figure = compare_figures.comparison(
            compared((evaluation(names=names), HISTORY), (evaluation(names=names), HISTORY))
        )
        for axes in (figure.subfigs[1].axes[0], figure.subfigs[2].axes[0]):
            assert {label.get_rotation() for label in axes.get_xticklabels()} == {angle}


def test_a_comparison_shows_what_each_run_mistakes_and_its_errors_by_true_class() -> None:
    runs = (evaluation(run="dense-001"), evaluation(BETTER, run="cnn-001"))
    _, middle, bottom = compare_figures.comparison(compared(*((run, HISTORY) for run in runs))).subfigs
    left, right = (axes for axes in middle.axes if axes.images)
    assert left.get_title(loc="left") == "dense-001\n94.27 % of 349 test images"
    assert right.get_title(loc="left") == "cnn-001\n96.85 % of 349 test images"
    assert (left.get_xlabel(), left.get_ylabel()) == ("mistaken for", "true class")
    assert cells(left) == {(0, 1): "7", (0, 2): "3", (1, 2): "9", (2, 0): "1"}
    assert cells(right) == {(0, 1): "4", (1, 0): "2", (2, 0): "3", (2, 1): "2"}
    assert left.images[0].get_clim() == right.images[0].get_clim() == (0, 9)  # one count has one colour
    other_order = compare_figures.comparison(compared(*((run, HISTORY) for run in runs[::-1]))).subfigs[1].axes
    assert {axes.images[0].get_clim() for axes in other_order} == {(0, 9)}
    (errors,) = bottom.axes
    assert (errors.get_xlabel(), errors.get_ylabel()) == ("true class", "misread images")
    assert tick_labels(errors.xaxis) == ["0", "1", "2"]
    assert [text.get_text() for text in errors.get_legend().get_texts()] == ["dense-001", "cnn-001"]
    assert [text.get_text() for text in errors.texts] == ["10", "9", "1", "4", "2", "5"]
    first, second = errors.containers
    assert [bar.get_height() for bar in first] == [10, 9, 1]
    assert [bar.get_height() for bar in second] == [4, 2, 5]
    for place, (bar, other) in enumerate(zip(first, second, strict=True)):
        assert place - 0.5 < bar.get_x() < other.get_x() < other.get_x() + other.get_width() < place + 0.5
        assert bar.get_x() + bar.get_width() == pytest.approx(other.get_x())


def test_a_run_has_one_colour_also_beside_a_run_without_epochs() -> None:
    runs = ((evaluation(run="builtin"), ()), (evaluation(run="a"), HISTORY), (evaluation(run="b"), HISTORY))
    top, _, bottom = compare_figures.comparison(compared(*runs)).subfigs
    bars = {bars.get_label(): bars[0].get_facecolor() for bars in bottom.axes[0].containers}
    assert len(set(bars.values())) == 3
    assert [text.get_text() for text in top.axes[1].texts] == ["a", "b"]
    assert all(same_color(text.get_color(), bars[text.get_text()]) for text in top.axes[1].texts)
    for axes in top.axes:
        drawn = lines(axes)
        assert list(drawn) == ["a, training", "a, validation", "b, training", "b, validation"]
        for label, line in drawn.items():
            assert same_color(line.get_color(), bars[label.split(",")[0]])


def test_runs_of_one_name_from_two_folders_are_both_drawn() -> None:
    figure = compare_figures.comparison(compared((evaluation(), HISTORY), (evaluation(BETTER), HISTORY[:1])))
    for axes in figure.subfigs[0].axes:
        assert [len(line.get_xdata()) for line in axes.lines] == [3, 3, 1, 1]


def test_runs_without_epochs_leave_the_curves_empty() -> None:
    top, *_ = compare_figures.comparison(compared((evaluation(run="a"), ()), (evaluation(run="b"), ()))).subfigs
    assert [(len(axes.lines), axes.get_legend()) for axes in top.axes] == [(0, None), (0, None)]


def test_groups_show_every_run_beside_their_mean_and_its_interval() -> None:
    above, _ = compare_figures.group_comparison(GROUPS).axes
    assert tick_labels(above.yaxis) == ["cnn", "dense"]
    assert "accuracy on 10,000 test images" in above.get_xlabel()
    runs, interval, mean, *_ = above.lines
    assert list(runs.get_xdata()) == pytest.approx([98.81, 98.85, 98.74])
    low, high = interval.get_xdata()
    assert high - 98.8 == pytest.approx(98.8 - low) == pytest.approx(4.3027 * 0.055678 / 3**0.5, abs=1e-4)
    assert list(mean.get_xdata()) == pytest.approx([98.8])
    assert [text.get_text() for text in above.texts] == ["98.80", "98.15"]


def test_groups_show_validation_as_a_mean_over_the_range_of_the_runs_that_go_on() -> None:
    groups = (group("cnn", (0.98, 0.99, 0.985), epochs=(3, 2, 3)), group("dense", (0.9, 0.8, 0.7), epochs=(3, 0, 3)))
    _, below = compare_figures.group_comparison(replace(GROUPS, groups=groups)).axes
    (line,) = below.lines  # of dense one run has no epochs
    assert (line.get_label(), list(line.get_xdata())) == ("cnn", [1, 2])
    assert list(line.get_ydata()) == pytest.approx([83, 91])
    assert len(below.collections) == 1


def test_groups_are_told_apart_without_colour() -> None:
    above, below = compare_figures.group_comparison(GROUPS).axes
    assert len({line.get_marker() for line in below.lines}) == len({line.get_linestyle() for line in below.lines}) == 2
    assert len({line.get_marker() for line in above.lines[0::3]}) == 2
    assert len({line.get_color() for line in below.lines}) == 2


def test_text_in_a_vector_figure_stays_text(tmp_path: Path) -> None:
    for suffix in ("svg", "pdf"):
        style.save(compare_figures.group_comparison(GROUPS), tmp_path / f"figure.{suffix}")
    assert {"cnn", "dense", "validation accuracy (%)"} <= set(svg_texts(tmp_path / "figure.svg"))
    content = (tmp_path / "figure.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content


@pytest.mark.parametrize("errors", [0, 1, 9])
def test_errors_are_counted_in_whole_numbers(errors: int) -> None:
    each = evaluation(((5, errors), (0, 5)), names="ab")
    axes = compare_figures.comparison(compared((each, HISTORY), (each, HISTORY))).subfigs[2].axes[0]
    ticks = ticks_in_view(axes.yaxis)
    assert ticks
    assert all(tick == round(tick) for tick in ticks)


def test_runs_are_told_apart_without_colour() -> None:
    runs = [(evaluation(run=name), HISTORY) for name in "abc"]
    top, _, bottom = compare_figures.comparison(compared(*runs)).subfigs
    for axes in top.axes:
        assert len({line.get_marker() for line in axes.lines}) == 3
        assert {line.get_linestyle() for line in axes.lines} == {"--", "-"}
    assert len({bars[0].get_hatch() for bars in bottom.axes[0].containers}) == 3


@pytest.mark.parametrize("drawn", ["two runs", "four runs", "groups"])
def test_every_word_and_number_is_five_points_high_in_a_column_of_eight_centimetres(drawn: str) -> None:
    counts = np.random.default_rng(0).integers(0, 99, (10, 10)).tolist()
    each = evaluation(counts, names=tuple("0123456789"))
    figure: Figure = {
        "two runs": lambda: compare_figures.comparison(compared(*[(each, HISTORY)] * 2)),
        "four runs": lambda: compare_figures.comparison(compared(*[(each, HISTORY)] * 4)),
        "groups": lambda: compare_figures.group_comparison(GROUPS),
    }[drawn]()
    shown = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    assert shown
    assert min(text.get_fontsize() for text in shown) * COLUMN / figure.get_size_inches()[0] >= 5


def test_beyond_thirty_classes_the_colours_of_mistakes_stand_alone() -> None:
    for n, numbers in ((30, True), (31, False)):
        confusion = np.ones((n, n), dtype=int).tolist()
        each = replace(of_classes(n), confusion=confusion)
        _, middle, _ = compare_figures.comparison(compared((each, ()), (each, ()))).subfigs
        assert [bool(axes.texts) for axes in middle.axes] == [numbers] * 2


def test_a_comparison_grows_by_its_runs_and_keeps_its_width() -> None:
    two, four = (
        compare_figures.comparison(compared(*[(of_classes(10), HISTORY)] * n)).get_size_inches() for n in (2, 4)
    )
    assert two[0] == four[0]
    assert four[1] > two[1] + 2
