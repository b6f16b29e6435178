"""The design that all figures share: colours that can be read, one colour a run, labels beside the ends of lines."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import same_color, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from mnistcli.config import THEMES
from mnistcli.errors import UsageError
from mnistcli.metrics.pairs import paired_test
from mnistcli.render import compare_figures, evaluate_figures, figures, image_figures, tune_figures
from mnistcli.results.compare import Comparison, Verdict
from mnistcli.results.data import Flip, Flips
from mnistcli.results.spread import Spread
from mnistcli.results.summary import LayerSummary, ModelSummary
from mnistcli.results.tune import RateRange
from tests.render.by_hand import BETTER, GROUPS, HISTORY, TEST, compared, evaluation, group, robustness

LAYERS = (LayerSummary("input", "input", "", (4,), 0, 0, ()), LayerSummary("out", "dense", "", (2,), 10, 8, (), 0, 1))
PICTURE = np.full((4, 4, 1), 90, np.uint8)
FLIPS = Flips("a", "b", (Flip(0, "7", PICTURE, "7", 0.9, other_predicted="1", other_confidence=0.8),), ())
RUNS = compared((evaluation(run="a"), HISTORY), (evaluation(BETTER, run="b"), HISTORY))
DRAWN: dict[str, Callable[..., Figure]] = {
    "curves": lambda theme: figures.curves("cnn-001", [HISTORY], theme=theme),
    "confusion": lambda theme: figures.confusion(evaluation(((1000, 30, 100), (1, 300, 0), (10, 3, 50))), theme=theme),
    "diagram": lambda theme: figures.diagram(ModelSummary("x", None, LAYERS), theme=theme),
    "comparison": lambda theme: compare_figures.comparison(RUNS, theme=theme),
    "groups": lambda theme: compare_figures.group_comparison(GROUPS, theme=theme),
    "calibration": lambda theme: evaluate_figures.calibration(evaluation(), theme=theme),
    "robustness": lambda theme: evaluate_figures.robustness(robustness(), theme=theme),
    "thumbnails": lambda theme: image_figures.confusion_thumbnails(evaluation(), [], theme=theme),
    "flips": lambda theme: image_figures.flips(FLIPS, theme=theme),
    "rates": lambda theme: tune_figures.rates(
        RateRange("dense", "mnist", "sgd", 32, (1e-3, 1e-2, 1), (2, 1, 3), 1e-2, 1e-3), theme=theme
    ),
}


def shown(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]


def contrast(colour: np.ndarray, other: np.ndarray) -> float:
    """Return the contrast ratio of WCAG 2 of two colours of 0 to 1."""

    def luminance(channels: np.ndarray) -> float:
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    dark, light = sorted((luminance(colour), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def on_their_ground(figure: Figure) -> Iterator[tuple[Text, float]]:
    """Yield each text and its contrast with what is drawn behind most of it."""
    canvas, texts = FigureCanvasAgg(figure), shown(figure)
    figure.draw_without_rendering()
    extents = [text.get_window_extent() for text in texts]
    for text in texts:
        text.set_alpha(0)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[::-1, :, :3] / 255
    for text, extent in zip(texts, extents, strict=True):
        behind = pixels[int(extent.y0) : int(extent.y1) + 1, int(extent.x0) : int(extent.x1) + 1].reshape(-1, 3)
        yield text, contrast(np.array(to_rgb(text.get_color())), np.median(behind, axis=0))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_every_text_can_be_read_on_what_is_behind_it_and_has_one_of_three_sizes(
    draw: Callable[..., Figure], theme: str
) -> None:
    figure = draw(theme)
    found = [(text.get_text(), ratio) for text, ratio in on_their_ground(figure)]
    assert len(found) >= 5
    assert [(text, ratio) for text, ratio in found if ratio < 4.5] == []
    assert {text.get_fontsize() for text in shown(figure)} <= {9, 10, 13}
    paper = np.array(figure.get_facecolor()[:3])
    assert (paper.mean() > 0.5) == (theme == "light")


def test_a_theme_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'dark'"):
        figures.curves("cnn-001", [HISTORY], theme="drak")


@pytest.mark.parametrize("theme", THEMES)
def test_a_run_has_one_colour_in_all_figures_of_a_command_also_beside_a_run_without_epochs(theme: str) -> None:
    runs = compared((evaluation(run="a"), ()), (evaluation(run="b"), HISTORY))
    top, middle, bottom = compare_figures.comparison(runs, theme=theme).subfigs
    colours = [bars[0].get_facecolor() for bars in bottom.axes[0].containers]
    headings = [part.texts[0] for part in image_figures.flips(FLIPS, theme=theme).subfigs]
    titles = [axes._left_title for axes in middle.axes]  # Matplotlib gives its text alone
    for texts in (headings, titles):
        assert [same_color(text.get_color(), colour) for text, colour in zip(texts, colours, strict=True)] == [True] * 2
    assert all(same_color(line.get_color(), colours[1]) for axes in top.axes for line in axes.lines)
    assert same_color(top.axes[1].texts[0].get_color(), colours[1])
    assert not same_color(*colours)


def test_labels_at_lines_that_end_together_stand_apart_in_the_lines_order() -> None:
    ends = [0.92, 0.922, 0.918]
    runs = [
        (evaluation(run=name), (*HISTORY[:2], replace(HISTORY[2], validation_accuracy=end)))
        for name, end in zip("abc", ends, strict=True)
    ]
    figure = compare_figures.comparison(compared(*runs))
    figure.draw_without_rendering()
    _, accuracy = figure.subfigs[0].axes
    assert accuracy.get_legend() is None
    c, a, b = sorted((text.get_window_extent() for text in accuracy.texts), key=lambda extent: extent.y0)
    assert c.y1 < a.y0 < a.y1 < b.y0
    assert {text.get_text() for text in accuracy.texts} == {"a", "b", "c"}
    assert c.x0 >= accuracy.get_window_extent().x1


@pytest.mark.parametrize(("runs", "name"), [(6, "run"), (2, "a-run-with-a-long-name")])
def test_where_labels_would_be_far_from_their_lines_or_too_long_a_legend_takes_their_place(
    runs: int, name: str
) -> None:
    each = [(evaluation(run=f"{name}{i}"), HISTORY) for i in range(runs)]
    _, accuracy = compare_figures.comparison(compared(*each)).subfigs[0].axes
    assert not accuracy.texts
    assert len(accuracy.get_legend().get_texts()) == runs


def against(*right: int) -> Comparison:
    """Compare runs a, b, … that read the first so many of 1,000 images right."""
    answers = [np.arange(1000) < n for n in right]
    names = "abcd"[: len(right)]
    pairs = [paired_test(names[i], names[j], answers[i], answers[j]) for i in range(len(right)) for j in range(i)]
    every = [
        (evaluation(((n, 1000 - n), (0, 0)), run=name, names="xy"), ()) for name, n in zip(names, right, strict=True)
    ]
    return replace(compared(*every), pairs=tuple(pairs))


@pytest.mark.parametrize(
    ("right", "title"),
    [
        ((900, 964), "b reads 64 more of 1,000 test images right than a"),
        ((903, 901), "a reads 2 more of 1,000 test images right than b, which could well be chance"),
        ((900, 900), "a and b each read 900 of 1,000 test images right"),
        ((900, 950, 964), "c reads the most of 1,000 test images right: 964"),
        (
            (900, 962, 963, 964),
            "d reads the most of 1,000 test images right: 964; its lead over b and c could well be chance",
        ),
    ],
)  # fmt: skip
def test_the_title_of_a_comparison_says_what_was_found_and_where_it_could_be_chance(
    right: tuple[int, ...], title: str
) -> None:
    figure = compare_figures.comparison(against(*right))
    assert " ".join(figure.get_suptitle().split()) == title
    assert "Other seeds may give another answer; --seeds 8 tests that." in " ".join(figure.get_supxlabel().split())


def test_the_title_of_groups_is_their_verdict_without_its_evidence() -> None:
    for verdict, difference, title in (
        (Verdict.A_BETTER, 0.0065, "cnn is better than dense by 0.65 points"),
        (Verdict.B_BETTER, -0.0065, "dense is better than cnn by 0.65 points"),
        (Verdict.UNDECIDED, 0.0005, "Undecided: cnn reads 0.05 points more right than dense"),
        (Verdict.EQUIVALENT, 0.0005, "cnn and dense are equivalent within 0.10 points"),
    ):
        test = replace(TEST, verdict=verdict, difference=difference)
        figure = compare_figures.group_comparison(replace(GROUPS, pairs=(test,)))
        assert " ".join(figure.get_suptitle().split()) == title
        assert " ".join(figure.get_supxlabel().split()).startswith(f"{title} ")


def test_the_title_of_several_groups_names_the_best_and_what_it_is_not_shown_to_beat() -> None:
    third = replace(group("mlp", (0.9, 0.9, 0.9)), accuracies=Spread((0.988, 0.987, 0.986)))
    tests = (TEST, replace(TEST, a="mlp", b="cnn", verdict=Verdict.UNDECIDED), replace(TEST, a="dense", b="mlp"))
    figure = compare_figures.group_comparison(replace(GROUPS, groups=(*GROUPS.groups, third), pairs=tests))
    title = "cnn has the highest mean accuracy: 98.80 %; it is not shown to be better than mlp"
    assert " ".join(figure.get_suptitle().split()) == title
