"""The look inside a network as it is drawn: what is where, and on which scale."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import same_color
from matplotlib.figure import Figure

from mnistcli.render import inspect_figures, style
from mnistcli.render.inspect import RINGED, inspection_view, symbols_of
from mnistcli.render.pixels import draw_signed
from mnistcli.render.screen import Screen
from mnistcli.results.inspect import FeatureMap, Filmstrip, Filters, InspectedImage, Inspection, LayerOutput
from tests.conftest import svg_texts
from tests.render.test_pixels import COLOUR, GREY

RANDOM = np.random.default_rng(0)
POINTS = np.array([[-3.0, 1], [2, 4], [0, -1], [5, 2]])
IMAGE = InspectedImage("seven.png", None, "7", np.full((6, 6, 1), 9, np.uint8))


def filters(k: int, *, channels: int = 1, names: Sequence[str] = (), kind: str = "filter") -> Filters:
    values = RANDOM.uniform(-0.25, 0.5, (k, 3, 4, channels)).astype(np.float32)
    values[0, 0, 0, 0] = -0.75
    return Filters("conv1", kind, tuple(names) or tuple(str(i + 1) for i in range(k)), values)


def layer(name: str, kind: str, *shape: int) -> LayerOutput:
    values = RANDOM.uniform(0, 1, shape).astype(np.float32)
    values.ravel()[0] = 2
    return LayerOutput(name, kind, values)


LAYERS = (layer("conv1", "conv", 5, 4, 20), layer("flatten1", "flatten", 400), layer("dense1", "dense", 6),
          layer("output", "dense", 3))  # fmt: skip


def inspection(**changes: Any) -> Inspection:
    parts: dict[str, Any] = {
        "run": "cnn-001",
        "arch": "cnn",
        "class_names": ("4", "7", "9"),
        "image": IMAGE,
        "filters": filters(5),
        "layers": LAYERS,
        "map": FeatureMap("dense1", POINTS, (0.5, 0.25), np.array([0, 1, 2, 1]), np.array([0, 1, 1, 1])),
    }
    return Inspection(**parts | changes)


def pictures(drawn: Axes) -> np.ndarray:
    (image,) = drawn.images
    return np.ma.filled(image.get_array(), np.nan)


def signed(inspected: Inspection) -> list[Axes]:
    """Return the axes of the filters and of each layer that is drawn."""
    first, *layers = inspect_figures.inspection(inspected).subfigs[:-1]
    return [first.axes[1], *(each.axes[0] for each in layers)]


def test_filters_lie_side_by_side_in_their_order() -> None:
    own = filters(5)
    drawn, *_ = signed(inspection(filters=own))
    canvas = pictures(drawn)
    for i, each in enumerate(own.values):
        assert np.array_equal(canvas[:3, i * 5 : i * 5 + 4], each[..., 0])
    assert np.isnan(canvas[:, 4::5]).all()
    assert np.isnan(canvas[:, 25:]).all()
    assert drawn.get_title(loc="left") == "conv1: 5 filters of 3 × 4"


def test_channels_lie_side_by_side() -> None:
    own = filters(2, channels=3)
    drawn, *_ = signed(inspection(filters=own))
    for channel in range(3):
        assert np.array_equal(pictures(drawn)[:, channel * 4 : channel * 4 + 4], own.values[0, ..., channel])
    assert "3 channels side by side" in drawn.get_title(loc="left")


def test_every_scale_has_zero_in_its_middle_and_reaches_what_is_farthest_from_it() -> None:
    inspected = inspection()
    for axes, most in zip(signed(inspected), (0.75, 2, 2, 2), strict=True):
        (image,) = axes.images
        assert image.get_clim() == (-most, most)
        assert image.get_cmap() == style.THEMES["light"].signed
        bar = next(each for each in axes.get_figure().axes if each.get_label() == "<colorbar>")
        assert bar.get_ylim() == (-most, most)


def test_numbers_that_are_all_zero_are_neutral() -> None:
    nothing = LayerOutput("relu1", "relu", np.zeros((4, 4, 1), np.float32))
    axes = signed(inspection(layers=(nothing, *LAYERS[2:])))[1]
    assert axes.images[0].get_clim() == (-1, 1)


def test_each_layer_is_drawn_but_those_that_repeat_the_numbers_before() -> None:
    titles = [axes.get_title(loc="left") for axes in signed(inspection())[1:]]
    assert titles == ["conv1: conv, 5 × 4 × 20 (16 of 20 channels shown)", "dense1: dense, 6", "output: dense, 3"]


def test_what_is_left_out_is_said() -> None:
    many = tuple(layer(f"norm{i}", "norm", 3) for i in range(30))
    figure = inspect_figures.inspection(inspection(filters=filters(100), layers=(*many, *LAYERS)))
    assert figure.subfigs[0].axes[1].get_title(loc="left").endswith("(64 shown)")
    assert figure.get_suptitle() == "cnn-001: seven.png, read as 7"
    assert figure.get_supxlabel() == "Maps of 12 of 33 layers."
    last = figure.subfigs[-2].axes[0]
    assert last.get_title(loc="left") == "output: dense, 3"
    assert [label.get_text() for label in last.get_xticklabels()] == ["4", "7", "9"]


def test_templates_of_classes_bear_their_names() -> None:
    own = filters(3, names=("4", "7", "9"), kind="template")
    drawn, *_ = signed(inspection(filters=own))
    assert [(text.get_text(), text.get_position()) for text in drawn.texts] == [
        ("4", (0, 0)),
        ("7", (5, 0)),
        ("9", (10, 0)),
    ]


def test_the_map_has_a_colour_a_class_and_rings_the_wrong() -> None:
    (axes,) = inspect_figures.inspection(inspection()).subfigs[-1].axes
    *classes, rings = (each for each in axes.collections if isinstance(each, PathCollection))
    assert [each.get_offsets().tolist() for each in classes] == [
        [[-3, 1]], [[2, 4], [5, 2]], [[0, -1]],
    ]  # fmt: skip
    assert len({tuple(each.get_facecolor()[0]) for each in classes}) == 3
    assert rings.get_offsets().tolist() == [[0, -1]]
    assert len(rings.get_facecolor()) == 0
    assert same_color(rings.get_edgecolor()[0], style.THEMES["light"].ink)
    assert axes.get_xlabel() == "first principal axis, 50.0 % of the variance"
    assert axes.get_ylabel() == "second principal axis, 25.0 % of the variance"
    assert axes.get_title(loc="left") == "dense1, 4 test images"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["4", "7", "9", "misread: 1"]


def test_no_two_of_many_classes_share_a_colour() -> None:
    colours = {tuple(np.atleast_1d(each)) for each in inspect_figures.class_colours(62)}
    assert len(colours) == 62


def test_a_filmstrip_has_a_row_a_filter_and_a_column_an_epoch_on_one_scale() -> None:
    frames = tuple(filters(20) for _ in range(3))
    frames[1].values[3, 2, 2, 0] = -4
    figure = inspect_figures.filmstrip(Filmstrip("cnn-001", "cnn", (1, 2, 5), frames))
    axes = figure.axes[0]
    canvas = pictures(axes)
    for row in range(16):
        for column, frame in enumerate(frames):
            place = canvas[row * 4 : row * 4 + 3, column * 5 : column * 5 + 4]
            assert np.array_equal(place, frame.values[row, ..., 0])
    assert axes.images[0].get_clim() == (-4, 4)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "5"]
    assert [label.get_text() for label in axes.get_yticklabels()] == [str(i + 1) for i in range(16)]
    assert axes.get_xticks().tolist() == [1.5, 6.5, 11.5]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "filter")
    assert " ".join(figure.get_suptitle().split()) == "cnn-001, conv1: 20 filters of 3 × 4 (16 shown)"


def test_a_filmstrip_of_many_epochs_shows_twelve_from_the_first_to_the_last() -> None:
    own = filters(2)
    axes = inspect_figures.filmstrip(Filmstrip("x", "cnn", tuple(range(1, 31)), (own,) * 30)).axes[0]
    shown = [int(label.get_text()) for label in axes.get_xticklabels()]
    assert (len(shown), shown[0], shown[-1]) == (12, 1, 30)
    assert {2, 3} >= set(np.diff(shown).tolist())


def both_figures(names: tuple[str, ...]) -> list[Figure]:
    own, run = filters(3, names=names, kind="template"), "a-run-with-a-name-" * 5
    image = InspectedImage("a-folder/with-a-picture-" * 5, names[2], names[0], IMAGE.picture)
    inspected = inspection(run=run, class_names=names, filters=own, image=image)
    return [inspect_figures.inspection(inspected), inspect_figures.filmstrip(Filmstrip(run, "y", (1,), (own,)))]


def test_a_class_may_have_any_name(tmp_path: Path) -> None:
    for figure in both_figures((r"$\bad{$", "日本", "x" * 90)):
        style.save(figure, tmp_path / "figure.svg")
        said = svg_texts(tmp_path / "figure.svg")
        assert {r"$\bad{$", "日本", f"{'x' * 19}…"} <= set(said)
        assert max(map(len, said)) < 140


@pytest.mark.parametrize("names", [("4", "7", "9"), ("x" * 90, "cat", "dog")], ids=["short", "long"])
def test_nothing_is_cut_off_at_the_edge(names: tuple[str, ...], tmp_path: Path) -> None:
    for figure in both_figures(names):
        style.save(figure, tmp_path / "figure.png")
        figure.set_dpi(style.DPI)  # glyphs are rounded to whole pixels
        drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert 0 <= drawn.x0 < drawn.x1 <= width
        assert 0 <= drawn.y0 < drawn.y1 <= height


def test_on_a_terminal_red_is_above_zero_and_blue_below() -> None:
    values = np.array([[-1, 1], [0, -0.3]])
    (line,) = draw_signed(values, COLOUR)
    styles = [line.get_style_at_offset(COLOUR, i) for i in range(2)]
    (below, above), (nothing, little) = (
        [tuple(colour.get_truecolor()) for colour in colours if colour is not None]
        for colours in ([each.color for each in styles], [each.bgcolor for each in styles])
    )
    assert below[2] > below[0]
    assert above[0] > above[2]
    assert np.ptp(nothing) <= 2
    assert little[2] > little[0] > below[0]


def test_without_colour_signs_tell_above_from_below_zero() -> None:
    values = np.repeat([[-1, -0.4, -0.1, -0.01, 0.01, 0.1, 0.4, 1]], 2, axis=0)
    (line,) = draw_signed(values, GREY)
    assert line.plain == "≡=-  +*#"
    assert not line.spans


def screen(width: int, **options: Any) -> tuple[Screen, Any]:
    import io

    sent = io.StringIO()
    return Screen(sent, width=width, force_terminal=True, color_system=None, **options), sent


def shown(inspected: Inspection, *, brief: bool = True, width: int = 80) -> str:
    console, sent = screen(width, brief=brief)
    inspection_view(inspected).write("table", stdout=sent, screen=console)
    return str(sent.getvalue())


def test_a_terminal_gets_what_it_has_room_for_and_is_told_of_the_rest() -> None:
    inspected = inspection(filters=filters(40))
    brief, whole = shown(inspected), shown(inspected, brief=False)
    assert "32 of 40 are left out; -v or --plot shows more." in brief
    assert "ringed" not in brief
    assert "left out" not in whole


def test_the_terminal_s_map_puts_classes_in_their_places_and_rings_the_wrong() -> None:
    lines = shown(inspection(), brief=False).splitlines()
    start = next(i for i, line in enumerate(lines) if "ringed" in line) + 2
    places = {
        c: (row, line.index(c)) for row, line in enumerate(lines[start:]) for c in ("4", RINGED["9"]) if c in line
    }
    assert places == {"4": (10, 0), RINGED["9"]: (17, 28)}
    assert sum(line.count("7") for line in lines[start:]) == 2


def test_names_that_are_no_single_letter_get_one() -> None:
    assert symbols_of(("a", "B", "3")) == ["a", "B", "3"]
    assert symbols_of(("cat", "dog")) == ["0", "1"]
    assert symbols_of(["cat"] * 64)[-3:] == ["Z", "•", "•"]
    text = shown(inspection(class_names=("cat", "dog", "x" * 90)), brief=False)
    assert f"0 cat  1 dog  2 {'x' * 15}…" in " ".join(text.split("\n"))


def test_json_holds_the_first_of_large_filters_and_says_how_many_there_are() -> None:
    own = Filters("dense1", "template", tuple(map(str, range(512))), np.zeros((512, 28, 28, 1), np.float32))
    document = inspection_view(inspection(filters=own)).document()
    assert document["filters"]["shape"] == [512, 28, 28, 1]
    assert np.shape(document["filters"]["values"]) == (12, 28, 28, 1)
    assert len(document["filters"]["names"]) == 12
