from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnistcli.render import evaluate_figures, style
from tests.render.by_hand import CALIBRATION, evaluation, robustness
from tests.render.drawn import cells


def test_a_row_is_a_corruption_with_its_example_and_the_accuracy_of_each_class() -> None:
    figure = evaluate_figures.robustness(robustness())
    title = "cnn-001 reads 96.85 % of the images right, 94.27 % when corrupted"
    assert " ".join(figure.get_suptitle().split()) == title
    assert figure.get_supxlabel() == "349 test images. Worst: fog, 94.27 %."
    axes, _ = figure.axes
    heat, *examples = axes.images
    assert [label.get_text() for label in axes.get_yticklabels()] == ["none  96.8 %", "fog  94.3 %", "shear  94.3 %"]
    assert heat.get_array().tolist()[1] == pytest.approx([90, 100 * 40 / 49, 99.5])
    texts = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in axes.texts}
    assert [texts[0, j] for j in range(3)] == ["96", "96", "98"]
    assert [int(image.get_array().max()) for image in examples] == [200, 100, 50]
    assert [np.mean(image.get_extent()[2:]) for image in examples] == [0, 1, 2]


def test_a_class_without_images_is_left_empty() -> None:
    clean = evaluation(((5, 1, 0), (0, 0, 0), (0, 0, 3)))
    axes, _ = evaluate_figures.robustness(replace(robustness(), clean=clean)).axes
    assert {place: text for place, text in cells(axes).items() if place[0] == 0} == {(0, 0): "83", (0, 2): "100"}


def test_reliability_has_each_bin_s_interval_over_its_count_and_coverage_its_curve_and_threshold() -> None:
    figure = evaluate_figures.calibration(evaluation())
    assert figure.get_suptitle() == "cnn-001's confidence differs from its accuracy by 5.67 points on average"
    assert figure.get_supxlabel() == "Expected calibration error: 5.67 %. Accuracy: 94.27 % of 349 test images."
    reliability, counts, coverage = figure.axes
    (bars,) = reliability.containers
    (x,), (y,) = bars[0].get_data()
    assert (x, y) == pytest.approx((93.21, 94.27), abs=0.01)
    (((_, low), (_, high)),) = bars[2][0].get_segments()
    assert (low, high) == pytest.approx((91.31, 96.26), abs=0.01)
    assert [text.get_text() for text in counts.texts] == ["", "349"]
    curve, point = coverage.lines
    assert curve.get_xydata()[-1] == pytest.approx([97.12, 99.91])
    assert point.get_xydata()[0] == pytest.approx([97.12, 99.91])
    assert coverage.texts[0].get_text() == "confidence ≥ 0.93:\n99.91 % right on 97.1 %"


def test_a_calibration_without_a_threshold_is_drawn_too(tmp_path: Path) -> None:
    figure = evaluate_figures.calibration(replace(evaluation(), calibration=replace(CALIBRATION, suggested=None)))
    style.save(figure, tmp_path / "figure.svg")
    assert not figure.axes[2].texts
