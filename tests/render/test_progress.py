"""How a training is shown while it goes on, as a terminal has it."""

import io
import time
from pathlib import Path

import pyte
import pytest

from mnistcli.render.progress import PAUSE, TrainingProgress, time_left
from mnistcli.render.screen import Screen
from mnistcli.results.train import EpochMetrics, RunStarted, StepMetrics

RUN = RunStarted("dense-001", Path("runs/dense-001"), "dense", "cpu", epochs=4, steps_per_epoch=100, train_images=3200)


class Terminal(io.TextIOWrapper):
    """A terminal of a certain size, and what stands on it."""

    def __init__(self, columns: int = 80, lines: int = 24, *, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)
        self.columns, self.height = columns, lines

    def isatty(self) -> bool:
        return True

    @property
    def sent(self) -> str:
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined]

    @property
    def shown(self) -> list[str]:
        screen = pyte.Screen(self.columns, self.height)
        pyte.Stream(screen).feed(self.sent.replace("\n", "\r\n"))
        return [line.rstrip() for line in screen.display]


def step(epoch: int, done: int) -> StepMetrics:
    return StepMetrics(epoch, done, loss=1 / (epoch + done / 100), accuracy=0.9 + epoch / 100, images_per_second=1000)


def end(epoch: int, *, worse: float = 0.0) -> EpochMetrics:
    loss, accuracy = 1 / (epoch + 1) + worse, 0.92 + epoch / 100 - worse
    return EpochMetrics(epoch, loss, accuracy, loss + 0.1, accuracy - 0.01, 1.5, 2000)


def progress_on(terminal: Terminal, *, seeds: int = 1, quiet: bool = False, term: str = "xterm") -> TrainingProgress:
    screen = Screen(terminal, brief=True, width=terminal.columns, height=terminal.height, _environ={"TERM": term})
    return TrainingProgress(screen, seeds=seeds, quiet=quiet)


def test_a_training_shows_its_bar_its_curves_and_the_time_left_below_the_epochs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    with progress_on(terminal) as progress:
        for i, event in enumerate((RUN, step(1, 50), end(1), step(2, 50), end(2), step(3, 50))):
            monkeypatch.setattr(time, "monotonic", lambda: 26.0 * i)  # noqa: B023
            progress(event)
        shown = terminal.shown
    assert [line.split("  loss")[0] for line in shown[1:3]] == ["epoch 1/4", "epoch 2/4"]
    assert shown[3].startswith("epoch 3/4  ━")
    assert "accuracy 93.00 %" in shown[3]
    assert shown[3].endswith("about 2 minutes left")  # 130 s for half of the training, and 3/8 to go
    assert shown[4].split() == ["loss", "accuracy"]
    (loss, accuracy), (least, worst) = ([line[:40].strip(), line[40:].strip()] for line in (shown[5], shown[10]))
    assert (loss.split()[0], least.split()[0]) == ("0.6", "0.286")
    assert (accuracy[:6], worst[:6]) == ("94.0 %", "92.0 %")
    assert shown[11].split() == ["1", "epoch", "3"] * 2
    assert shown[12] == "⠤⠤ training  o validation"
    plot = shown[5:11]
    assert sum(line.count("o") for line in plot) == 4
    assert any("⠀" < sign <= "⣿" for line in plot for sign in line)
    left = terminal.shown
    assert "━" not in "".join(left)
    assert left[3].split() == ["loss", "accuracy"]


def test_a_group_s_chart_has_every_seed_and_the_band_between_them() -> None:
    terminal = Terminal()
    with progress_on(terminal, seeds=3) as progress:
        for seed in (0, 1):
            progress(RUN, label=f"seed {seed}  ")
            for epoch in (1, 2):
                progress(end(epoch, worse=0.05 * seed), label=f"seed {seed}  ")
        progress.finish("seed 0  ")
        progress.refresh(now=True)
        shown = terminal.shown
    (bar,) = (line for line in shown if "━" in line)
    assert bar.startswith("1 of 3 seeds")
    top = shown.index(bar) + 2
    plot = shown[top : top + 6]
    assert [line.count("o") for line in ("".join(line[:40] for line in plot), "".join(line[40:] for line in plot))] == [
        4,
        4,
    ]
    assert any("░" in line for line in plot)
    assert "░ lowest to highest" in "".join(shown)


def test_the_first_of_many_seeds_is_drawn_before_the_others_have_figures() -> None:
    terminal = Terminal()
    with progress_on(terminal, seeds=16) as progress:
        for seed in range(16):
            progress(RUN, label=f"seed {seed}  ")
        progress(step(1, 50), label="seed 0  ")
        progress.refresh(now=True)
        assert "loss" in "".join(terminal.shown)


def test_a_pause_before_the_training_does_not_count_as_training(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    with progress_on(terminal) as progress:
        monkeypatch.setattr(time, "monotonic", lambda: 90_000.0)
        with progress.hidden():
            pass
        for i, event in enumerate((RUN, step(1, 50), end(1), end(2))):
            monkeypatch.setattr(time, "monotonic", lambda: 90_000.0 + 30 * i)  # noqa: B023
            progress(event)
        progress.refresh(now=True)
        assert "minutes left" in "".join(terminal.shown)
        assert "day" not in "".join(terminal.shown)


def test_what_is_drawn_fits_a_small_terminal_and_one_without_braille() -> None:
    for terminal in (Terminal(80, 12), Terminal(40, 24), Terminal(60, 24), Terminal(encoding="ascii")):
        with progress_on(terminal) as progress:
            progress(RUN)
            progress(end(1))
            progress(end(2))
            progress.refresh(now=True)
            shown = [line for line in terminal.shown if line]
        assert shown[0].startswith("Training")
        has_chart = any("validation" in line for line in shown[-1:])
        assert has_chart == (terminal.columns >= 60 and terminal.height == 24)
        assert terminal.sent.isascii() == (terminal.encoding == "ascii")
    assert any("*" in line and "o" in line for line in shown)


@pytest.mark.parametrize("how", [{"quiet": True}, {"term": "dumb"}])
def test_a_dumb_terminal_gets_lines_alone_and_quiet_nothing(how: dict[str, bool | str]) -> None:
    terminal = Terminal()
    with progress_on(terminal, **how) as progress:  # type: ignore[arg-type]
        for event in (RUN, step(1, 50), end(1), step(2, 50), end(2)):
            progress(event)
    assert terminal.sent.count("\n") == (0 if "quiet" in how else 3)
    assert "\x1b" not in terminal.sent


def test_it_is_drawn_a_few_times_a_second_however_often_it_is_told_something() -> None:
    terminal, started = Terminal(), time.monotonic()
    with progress_on(terminal) as progress:
        progress(RUN)
        for i in range(1, 2001):
            progress(StepMetrics(1, i, 0.5, 0.9, 1000))
    assert terminal.sent.count("epoch 1/4") <= 3 + (time.monotonic() - started) / PAUSE


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (0, "a few seconds left"),
        (9, "about 10 seconds left"),
        (50, "about 50 seconds left"),
        (70, "about a minute left"),
        (130, "about 2 minutes left"),
        (3500, "about an hour left"),
        (7300, "about 2 hours left"),
        (200_000, "about 2 days left"),
    ],
)
def test_the_time_left_is_said_in_words(seconds: float | None, said: str) -> None:
    assert time_left(seconds) == said
