"""Drawing in a browser: by pointers and keys, with real runs."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistcli.datasets import Drawings
from mnistcli.runs.run import BUILTIN
from tests.browser import Page, browser
from tests.conftest import Call

THREE = [(0.3, 0.2), (0.5, 0.12), (0.68, 0.25), (0.6, 0.42), (0.45, 0.47), (0.65, 0.55), (0.7, 0.72), (0.5, 0.85),
         (0.28, 0.78)]  # fmt: skip
SEVEN = [(0.25, 0.18), (0.5, 0.18), (0.75, 0.18), (0.62, 0.45), (0.45, 0.85)]
LABEL, KEPT = "document.querySelector('.label').textContent", "document.querySelector('#kept').textContent"
SPOKEN = "document.querySelector('#spoken').textContent"
TEXTS = "[...document.querySelectorAll('{}')].map(each => each.textContent)"


@contextmanager
def drawing(folder: Path, *arguments: object) -> Iterator[Page]:
    """Yield the page of `mnistcli draw`, which ends by SIGTERM afterwards."""
    command = [sys.executable, "-m", "mnistcli", "draw", "--no-browser", *map(str, arguments)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            with browser(folder / "profile") as page:
                page.resize(1280, 900)
                page.open(address)
                yield page
                assert page.said == []
        finally:
            process.terminate()
            _, said = process.communicate()
    assert (process.returncode, said.splitlines()[1:]) == (130, ["Interrupted."])


def test_a_3_and_a_7_are_drawn_read_and_kept(tmp_path: Path, mnistcli: Call) -> None:
    with drawing(tmp_path, "--run", "builtin", "--save", "mine", "--quota", 1) as page:
        assert page.value(LABEL) == "–"
        page.draw(THREE)
        assert page.wait(SPOKEN).startswith("builtin: 3, ")
        shown = page.value(TEXTS.format(".steps figcaption"))
        assert (shown[0], shown[-1]) == ("ink", "fitted and centred")
        assert page.value(TEXTS.format(".layers figcaption")) == [
            "conv1 (conv)", "pool1 (max-pool)", "conv2 (conv)", "conv3 (conv)", "pool2 (max-pool)",
        ]  # fmt: skip
        page.wait("document.querySelector('.saliency').src.startsWith('data:image/png')")
        shares = page.value(TEXTS.format(".bars .share"))
        assert len(shares) == 11
        assert float(shares[3].split()[0]) > 60

        page.click("#keep button:nth-child(4)")
        page.wait(KEPT, until=lambda text: text.startswith("Kept as 3: mine/3/"))
        page.wait(LABEL, until=lambda text: text == "–")
        page.draw(SEVEN, finger=True)
        page.wait(SPOKEN, until=lambda text: text.startswith("builtin: 7, "))
        assert page.value("document.querySelector('#keep button:nth-child(4)').disabled")
        page.press("3", "7", "7")  # the first is full, and the last finds nothing drawn
        page.draw(THREE)  # while the 7 is kept
        page.wait(KEPT, until=lambda text: text.startswith("Kept as 7: mine/7/"))
        page.wait(SPOKEN, until=lambda text: text.startswith("builtin: 3, "))
        assert page.value(TEXTS.format("#keep small"))[3:8:4] == ["1 of 1", "1 of 1"]
    three, seven = sorted((tmp_path / "mine").rglob("*.png"))
    assert [three.parent.name, seven.parent.name] == ["3", "7"]
    with Image.open(three) as kept:
        assert kept.size == (448, 448)
    assert [line.split("\t")[1] for line in mnistcli("predict", three, seven, "--run", "builtin").lines] == ["3", "7"]


def test_two_runs_read_the_same_strokes_by_keyboard_and_on_a_phone(tmp_path: Path, workspace: Path) -> None:
    runs = ["--run", "dense", "--run", "linear", "--runs-dir", workspace / "runs"]
    with drawing(tmp_path, *runs) as page:
        assert page.value(TEXTS.format(".answer h2")) == ["dense-001", "linear-001"]
        page.value("document.querySelector('canvas').focus()")
        page.press(" ", *["ArrowDown"] * 28, " ")
        assert page.wait(SPOKEN).startswith("dense-001: 1, ")
        assert "linear-001: 1, " in page.value(SPOKEN)
        page.press("z")
        page.wait(LABEL, until=lambda text: text == "–")
        page.draw(SEVEN, [(0.3, 0.5), (0.8, 0.5)])
        page.wait(SPOKEN, until=lambda text: text.startswith("dense-001: 7, "))
        page.press("c")
        page.wait(LABEL, until=lambda text: text == "–")
        page.draw(SEVEN)
        page.wait(SPOKEN)
        page.value("shown = []; show = answered => shown.push(answered); slow = fetch; fetch = (...asked) =>"
                   " new Promise(answer => { release = () => answer(slow(...asked)) }); 0")  # fmt: skip
        page.draw([(0.2, 0.2), (0.8, 0.8)])
        page.press("c")
        page.wait(
            "typeof release === 'function' && (release(), !isAsking)"
        )  # the answer to what was cleared is not shown
        assert page.value("shown.every(answered => answered === null) && shown.length > 0")
        page.open(page.value("location.href"))
        page.touch("touchStart", {1: (0.5, 0.15)})
        page.touch("touchMove", {1: (0.5, 0.4)})
        page.touch("touchStart", {1: (0.5, 0.4), 2: (0.9, 0.9)})  # a palm
        page.touch("touchMove", {1: (0.5, 0.6)})  # which lifts it
        page.touch("touchMove", {1: (0.5, 0.85)})
        page.touch("touchEnd", {})
        page.wait(SPOKEN, until=lambda text: text.startswith("dense-001: 1, "))
        assert page.value("strokes.length") == 1
        for width, dark in ((360, False), (360, True), (1280, False), (1280, True)):
            page.resize(width, 740, dark=dark)
            assert page.value("document.documentElement.scrollWidth") <= width
            assert page.barriers() == []
    assert not (tmp_path / "drawings").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--quota", "0"], 2, "--quota must be at least 1, not 0."),
        (["--save", "file"], 2, "'file' is a file: --save takes a folder."),
        (["--run", "nothing"], 4, "nothing"),
        (["--run", BUILTIN.with_suffix(".onnx")], 4, "is an ONNX file: name a run of a network described in one line."),
    ],
    ids=lambda each: " ".join(map(str, each[:1])) if isinstance(each, list) else None,
)
def test_what_cannot_be_drawn_for_is_told_before_a_page_is_served(
    arguments: list[object], code: int, said: str, mnistcli: Call, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    outcome = mnistcli("draw", "--no-browser", *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert said in outcome.err


def test_runs_of_different_classes_do_not_go_together(mnistcli: Call, tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        mine = Drawings(tmp_path / "mine" / split, "xy", quota=9)
        for name in "xy":
            mine.keep(np.zeros((9, 9, 1), np.uint8), name)
    assert mnistcli("train", "--arch", "linear", "--dataset", "mine", "--epochs", 1, "--no-plots").code == 0
    outcome = mnistcli("draw", "--no-browser", "--run", "builtin", "--run", "linear")
    assert (outcome.code, outcome.out) == (4, "")
    assert "The runs have different classes: 'builtin' has 0, 1, 2" in outcome.err
    assert "'linear-001' has x, y." in outcome.err
