"""The page of --html: what it tells, and that it needs nothing from elsewhere."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from mnistcli.render.page import page, save_page
from mnistcli.results.compare import ComparedRun, Comparison, PairedTest
from mnistcli.results.data import Sample
from mnistcli.results.report import Making, Report, Subject
from mnistcli.results.spread import Spread
from tests.conftest import Call
from tests.render.by_hand import BETTER, CALIBRATION, HISTORY, evaluation, robustness

DARK, LIGHT = "--blink-settings=preferredColorScheme=0", "--blink-settings=preferredColorScheme=1"
EVIL = "<b>&\"run'"
ELSEWHERE = re.compile(r"""https?://|(?:src|href)=["'](?!data:)|url\(|@import|<script""")


def subject(name: str, *accuracies: float) -> Subject:
    pictures = np.random.default_rng(0).integers(0, 256, (9, 28, 28, 1), np.uint8)
    mistakes = [Sample(i, "0", picture, predicted="1", confidence=0.9 - i / 100) for i, picture in enumerate(pictures)]
    making = Making(("mnistcli", "train", "--name", name), {"device": "cpu"})
    scored = evaluation(run=name)
    values = accuracies or (scored.accuracy,)
    return Subject(scored, Spread(values), (HISTORY,) * len(values), mistakes, 10, (1.5,), making)


def compared(a: str, b: str) -> Report:
    pair = PairedTest(a, b, 320, 9, 18, 2, -0.0258, (-0.05, -0.002), 0.0123, 0.0123)
    better = replace(subject(b), evaluation=evaluation(BETTER, run=b))
    runs = tuple(ComparedRun(each.evaluation, HISTORY, 10, 1.5) for each in (subject(a), better))
    return Report((subject(a), better), Comparison(runs, (pair,)))


def test_the_page_begins_with_the_verdict_and_says_how_to_train_each_run_again() -> None:
    text = page(compared("one", "two"))
    verdict = text.index("The run two is better than one: 9 more images right, 2.58 points")
    assert verdict < text.index("<svg") < text.index("<table") < text.index("mnistcli train --name one")
    assert text.index("mnistcli train --name one") < text.index("mnistcli train --name two")


def test_names_are_text_on_the_page_and_nothing_comes_from_elsewhere() -> None:
    text = page(compared(EVIL, "b\x1b[31m\u202ec"))
    assert "<b>" not in text
    assert "&lt;b&gt;&amp;" in text
    assert not {"\x1b", "\u202e"} & {*text}
    assert ELSEWHERE.findall(text) == []


def test_each_cell_with_errors_opens_its_images() -> None:
    text = page(Report((subject("one"),)))
    targets, cells = re.findall('popovertarget="(.*?)"', text), re.findall('<div popover .*? id="(.*?)"', text)
    assert "m0-0-1" in cells
    assert {*cells} <= {*targets}
    assert len(targets) == 4  # cells of CONFUSION that are off the diagonal and not empty
    opened = text[text.index('id="m0-0-1"') :].split("<h3>")[0]
    assert re.findall('alt="image (.), a 0 read as 1"', opened) == [*"012345678"]


def test_cells_show_fewer_images_where_all_would_make_the_page_too_large() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (54, 64, 64, 1), np.uint8)
    cells = [(i, j) for i in "012" for j in "012" if i != j]
    mistakes = [Sample(i, cells[i % 6][0], picture, cells[i % 6][1], 0.9) for i, picture in enumerate(noise)]
    text = page(Report(tuple(replace(subject(f"run {i}"), mistakes=mistakes) for i in range(6))))
    assert len(text) < 2_000_000
    assert text.count("<img") == 6 * (6 * 4 + 12)


@pytest.mark.parametrize("values", [(0.9,), (0.9, 0.9), (1.0, 1.0), (0.5, 0.9, 0.7)])
def test_runs_that_are_alike_or_perfect_are_drawn_too(values: tuple[float, ...]) -> None:
    text = page(Report((replace(subject("one", *values), histories=((),) * len(values), making=None),)))
    assert text.count('class="dot"') == (len(values) if len(values) > 1 else 0)
    assert "nan" not in text


def drawn(text: str, name: str) -> list[list[float]]:
    """Return the ends of each interval across and upright, and the middle of its mark."""
    mark = rf'<g class="{name}"><line .*? x1="(.*?)" .*? y1="(.*?)" y2="(.*?)"/><circle .*? cy="(.*?)"'
    return [list(map(float, each)) for each in re.findall(mark, text)]


def test_calibration_is_drawn_before_and_after_temperature_with_intervals_and_counted_in_tables() -> None:
    text = page(Report((subject("one"),)))
    (after,), (_, before) = drawn(text, "after"), drawn(text, "before")
    assert after == pytest.approx([44 + 3.44 * 93.21, *(200 - 1.92 * y for y in (91.31, 96.26, 94.27))], abs=0.1)
    assert before[0] == pytest.approx(44 + 3.44 * 98.76, abs=0.1)
    assert "Before temperature scaling" in text
    assert "(calibration error 5.67 %); hollow: before it (7.89 %)" in text
    assert re.findall(r'<tr><th scope="row">50.00–100.00 %</th><td>(\d+)</td>', text) == ["345", "349"]
    bars = re.findall(r'<rect class="bar" .*? height="(.*?)"', text)
    assert list(map(float, bars)) == [0, 48]


def test_calibration_without_a_temperature_is_drawn_once() -> None:
    alike = replace(evaluation(), calibration=replace(CALIBRATION, reliability_uncalibrated=CALIBRATION.reliability))
    text = page(Report((replace(subject("one"), evaluation=alike),)))
    assert (len(drawn(text, "after")), drawn(text, "before")) == (1, [])
    assert "hollow" not in text
    assert "<caption>Reliability</caption>" in text


def test_coverage_says_which_min_confidence_to_use_where_one_can_be_named() -> None:
    said = "With predict --min-confidence 0.93, 97.1 % of the images get an answer, and 99.91 % of these are correct."
    text = page(Report((subject("one"),)))
    assert said in text
    assert "The dot: --min-confidence 0.93." in text
    assert '<tr><th scope="row">0.99</th><td>0.00 %</td><td>–</td></tr>' in text
    none = replace(evaluation(), calibration=replace(CALIBRATION, suggested=None))
    assert "The dot" not in page(Report((replace(subject("one"), evaluation=none),)))


def test_robustness_is_a_table_of_corruptions_and_of_classes_where_it_was_asked_for() -> None:
    assert "Robustness" not in page(Report((subject("one"),)))
    text = page(Report((subject("one"),), robustness=robustness()))
    assert "cnn-001 reads 96.85 % of 349 test images right, and 94.27 % when corrupted (mean of 2 corruptions)." in text
    rows = [re.sub(r"<.*?>", " ", row).split() for row in re.findall(r"<tr>.*?</tr>", text)]
    assert ["fog", "94.27", "%", "91.31–96.26", "%", "-2.58", "×", "1.8", "fog,", "by", "hand"] in rows
    assert ["fog", "90", "82", "100"] in rows
    assert '<td style="--lost: 0.18">82</td>' in text
    assert "these are not MNIST-C" in text


def test_a_browser_opens_the_page_of_two_runs_with_a_clean_console(mnistcli: Call, workspace: Path) -> None:
    html = workspace.parent / f"{workspace.name}.html"
    made = mnistcli("compare", "linear-001", "dense-001", "--html", html, cwd=workspace)
    assert made.code == 0
    assert f"Saved the page to {html}." in made.err.replace("\n", " ")
    assert html.stat().st_size < 3_000_000
    assert ELSEWHERE.findall(html.read_text(encoding="utf-8")) == []
    said = opened(html)
    assert "is better than" in said
    assert "Calibration of linear-001" in said
    assert barriers(html) == []


def test_a_browser_opens_the_page_of_a_run_on_corrupted_images_too(tmp_path: Path) -> None:
    save_page(Report((subject("one"),), robustness=robustness()), tmp_path / "page.html")
    assert "Robustness of cnn-001" in opened(tmp_path / "page.html")


def barriers(html: Path) -> list[list[str]]:
    """Return what axe-core finds against a page with all its details open, in the light theme and in the dark one.

    Where the page mixes colours, as a heat map does, this version of it cannot tell the contrast, and checks none.
    """
    page = html.read_text(encoding="utf-8").replace("<details", "<details open")
    axe = (files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
    tell = (
        "axe.run().then(found => document.title = JSON.stringify([found.passes, found.violations].map("
        "rules => rules.map(rule => [rule.impact, rule.id]))))"
    )
    probe = html.with_suffix(".axe.html")
    probe.write_text(page.replace("</body>", f"<script>{axe}</script><script>{tell}</script></body>"), encoding="utf-8")
    found = []
    for theme in (DARK, LIGHT):
        title = re.search("<title>(.*?)</title>", opened(probe, "--virtual-time-budget=20000", theme))
        assert title
        passes, violations = json.loads(unescape(title[1]))
        assert "color-contrast" in [rule for _, rule in (*passes, *violations)]
        found += violations
    return found


def opened(html: Path, *flags: str) -> str:
    """Return what a browser makes of a page, with nothing said on its console."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"]
    done = subprocess.run([*command, *flags, "--dump-dom", html.as_uri()], capture_output=True, text=True, timeout=120)
    assert "CONSOLE" not in done.stderr
    return done.stdout


@pytest.mark.parametrize("command", ["evaluate", "compare"])
@pytest.mark.parametrize(("file", "said"), [("page.txt", "must end in .html"), ("nowhere/page.html", "no folder")])
def test_a_page_that_cannot_be_written_is_refused_before_the_work(
    command: str, file: str, said: str, mnistcli: Call
) -> None:
    outcome = mnistcli(command, "--html", file)
    assert outcome.code == 2
    assert said in outcome.err
