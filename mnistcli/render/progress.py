"""How training is shown while it runs: a live bar and charts on a terminal, and one line per epoch everywhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mnistcli.render.chart import TRAINING, VALIDATION, Point, Series, draw_charts, draw_legend, has_room
from mnistcli.render.screen import Screen
from mnistcli.render.tables import percent
from mnistcli.render.view import printable
from mnistcli.results.train import EpochMetrics, Notice, RunStarted, StepMetrics, TrainEvent

PAUSE = 0.25  # least seconds between two drawings, which take some milliseconds each
BAR = 12  # least columns of the bar
MOST_POINTS = 400  # of a curve; a terminal has fewer dots
MOST_SEEDS = 12  # most with curves; the band includes all
# Units: name, words for one, seconds, rounding step, and the seconds from which the next unit is used.
UNITS = (
    ("second", "a second", 1, 5, 55),
    ("minute", "a minute", 60, 1, 3300),
    ("hour", "an hour", 3600, 1, 172_800),
    ("day", "a day", 86_400, 1, float("inf")),
)


class PreparationProgress:
    """Shows on stderr how a data set is prepared: a live bar on a terminal, elsewhere a line when a step starts."""

    def __init__(self, screen: Screen, *, quiet: bool = False) -> None:
        self._screen = screen
        self._quiet = quiet
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[done]}"),
            console=screen,
            transient=True,
            disable=quiet or not is_live(screen),
        )
        self._told: set[str] = set()
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, what: str, done: int, whole: int | None) -> None:
        """Show the progress."""
        if not self._told:
            self._bar.start()
            self._task = self._bar.add_task("", total=None, done="")
        if what not in self._told and self._bar.disable and not self._quiet:
            self._screen.say(f"{what} …")
        self._told.add(what)
        count = "" if not done else f"{done:,}" if whole is None else f"{done:,} of {whole:,}"
        self._bar.update(self._task, description=printable(what), completed=done, total=whole, done=count)


def is_live(screen: Screen) -> bool:
    """Whether a bar can be redrawn on the screen."""
    return screen.file.isatty() and not screen.is_dumb_terminal


@dataclass
class _Curve:
    """The progress of one run.

    Attributes:
        run: The run.
        steps: Progress in the current epoch: all of it in the first epoch, later only the latest.
        epochs: The finished epochs.
        begun: The share that was already done at the first event.
        share: The share that is done.
    """

    run: RunStarted
    steps: list[StepMetrics] = field(default_factory=list)
    epochs: list[EpochMetrics] = field(default_factory=list)
    begun: float | None = None
    share: float = 0.0

    def add_step(self, metrics: StepMetrics) -> None:
        if self.epochs:
            self.steps.clear()
        self.steps.append(metrics)
        self._thin(self.steps)
        self._advance(metrics.epoch - 1 + metrics.step / self.run.steps_per_epoch)

    def add_epoch(self, metrics: EpochMetrics) -> None:
        self.steps.clear()
        self.epochs.append(metrics)
        self._thin(self.epochs)
        self._advance(metrics.epoch)

    def training(self, metric: str, *, first: bool) -> list[Point]:
        """Return the training curve of "loss" or "accuracy" up to the current step.

        The first epoch's steps are included only if `first`; they would flatten the rest.
        """
        points = [(float(each.epoch), getattr(each, f"train_{metric}")) for each in self.epochs]
        steps = self.steps if self.epochs or first else []
        return points + [
            (each.epoch - 1 + each.step / self.run.steps_per_epoch, getattr(each, metric)) for each in steps
        ]

    def validation(self, metric: str) -> list[Point]:
        """Return the validation curve."""
        return [(float(each.epoch), getattr(each, f"validation_{metric}")) for each in self.epochs]

    def _advance(self, epochs: float) -> None:
        self.share = epochs / self.run.epochs
        self.begun = self.share if self.begun is None else self.begun

    def _thin(self, points: list[StepMetrics] | list[EpochMetrics]) -> None:
        if len(points) > MOST_POINTS:
            del points[1:-1:2]


class TrainingProgress:
    """Shows the training of one run, or of several seeds at once, on stderr.

    Redraws on events, at most every PAUSE seconds; no thread of its own draws.

    Args:
        screen: Where it is shown.
        quiet: Show nothing.
        seeds: The number of runs to train.

    Attributes:
        is_live: Whether there is a bar, with charts if the terminal has room.
        hint: Text about a key, below the charts.
    """

    def __init__(self, screen: Screen, *, quiet: bool = False, seeds: int = 1) -> None:
        self._screen = screen
        self._quiet = quiet
        self._seeds = seeds
        self.is_live = not quiet and is_live(screen)
        self.hint = ""
        self._live = self._make_live()
        self._drawn = 0.0
        self._begun: float | None = None
        self._curves: dict[str, _Curve] = {}
        self._finished: set[str] = set()
        self._bands: dict[str, dict[float, Point]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()
        if kind is None and self._has_charts() and any(len(curve.epochs) > 1 for curve in self._curves.values()):
            self._screen.show(Group(*self._charts(), self._legend()))

    def __call__(self, event: TrainEvent, *, label: str = "") -> None:
        """Show one event of training; `label`, such as "seed 3  ", tells which run it belongs to."""
        match event:
            case Notice():
                self._say(f"{label}{event.text}")
            case RunStarted():
                self._say(
                    f"{label}Training {event.arch} on {event.train_images:,} images ({event.device}): {event.folder}"
                )
                self._curves[label] = _Curve(event)
            case StepMetrics():
                self._curves[label].add_step(event)
            case EpochMetrics():
                self._finish_epoch(event, label)
        if self._curves and self._begun is None:
            self._begun = time.monotonic()
        self.refresh()

    def finish(self, label: str) -> None:
        """Mark a run as finished."""
        self._finished.add(label)

    def refresh(self, *, now: bool = False) -> None:
        """Redraw, unless that happened less than PAUSE ago."""
        if self.is_live and self._curves and (now or time.monotonic() - self._drawn > PAUSE):
            self._live.start()
            self._live.update(self._draw(), refresh=True)
            self._drawn = time.monotonic()

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Leave the terminal to others while the block lasts."""
        self._live.stop()
        self._live = self._make_live()  # the old one would draw over what others write
        paused = time.monotonic()
        yield
        if self._begun is not None:
            self._begun += time.monotonic() - paused
        self.refresh(now=True)

    def _make_live(self) -> Live:
        return Live(console=self._screen, auto_refresh=False, transient=True)

    def _finish_epoch(self, metrics: EpochMetrics, label: str) -> None:
        self._curves[label].add_epoch(metrics)
        for kind in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
            band, value = self._bands.setdefault(kind, {}), getattr(metrics, kind)
            low, high = band.get(metrics.epoch, (value, value))
            band[metrics.epoch] = min(low, value), max(high, value)
        epochs = self._curves[label].run.epochs
        epoch = f"{label}epoch {metrics.epoch:>{len(str(epochs))}}/{epochs}"
        train, validation = percent(metrics.train_accuracy), percent(metrics.validation_accuracy)
        losses = f"{epoch}  loss {metrics.train_loss:.4f}  accuracy {train}  validation {metrics.validation_loss:.4f}"
        took = f"{metrics.seconds:.1f} s"
        self._say(
            f"{losses}, {validation}  {took}  {metrics.images_per_second:,.0f} images/s",
            f"{losses}, {validation}  {took}",
            f"{losses}, {validation}",
            f"{epoch}  accuracy {train}  validation {validation}",
        )

    def _say(self, *choices: str) -> None:
        if not self._quiet:
            self._screen.say(*choices)

    def _draw(self) -> RenderableType:
        below = [*self._charts(), self._legend(self.hint)] if self._has_charts() else [Text(self.hint)]
        return Group(self._bar(), *below)

    def _bar(self) -> RenderableType:
        """Return the bar for the whole training."""
        whole = max(self._seeds, len(self._curves))
        done = len(self._finished) + sum(
            curve.share for label, curve in self._curves.items() if label not in self._finished
        )
        (*_, curve) = self._curves.values()
        left = time_left(self._seconds_left(whole - done))
        if self._seeds > 1:
            head, choices = f"{len(self._finished)} of {whole} seeds", [left]
        else:
            epoch = curve.steps[-1].epoch if curve.steps else min(len(curve.epochs) + 1, curve.run.epochs)
            head, choices = f"epoch {epoch}/{curve.run.epochs}", [*_figures(curve, left)]
        said = self._screen.choose(choices, room=self._screen.width - len(head) - 2 * 2 - BAR)
        row = Table.grid(padding=(0, 2, 0, 0), expand=True)
        row.add_column(no_wrap=True)
        row.add_column(ratio=1)
        row.add_column(no_wrap=True)
        row.add_row(Text(head), ProgressBar(total=whole, completed=done), Text(said))
        return row

    def _seconds_left(self, work: float) -> float | None:
        """Return the seconds that `work` runs will take at the speed so far."""
        gained = sum(curve.share - (curve.begun or 0.0) for curve in self._curves.values())
        if not gained or self._begun is None:
            return None
        return work / gained * (time.monotonic() - self._begun)

    def _has_charts(self) -> bool:
        """Whether there is something to draw, and a terminal with room for it."""
        return (
            self.is_live
            and has_room(self._screen)
            and any(curve.steps or curve.epochs for curve in self._curves.values())
        )

    def _charts(self) -> Iterator[Text]:
        return draw_charts(self._series, self._screen)

    def _series(self, metric: str) -> list[Series]:
        drawn = [curve for curve in self._curves.values() if curve.steps or curve.epochs]
        curves, bands = drawn[-MOST_SEEDS:], self._bands if self._seeds > 1 else {}
        first = not any(curve.epochs for curve in curves)
        training = [curve.training(metric, first=first) for curve in curves]
        validation = [curve.validation(metric) for curve in curves]
        return [
            Series(TRAINING, training, band=bands.get(f"train_{metric}")),
            Series(VALIDATION, validation, marked=True, band=bands.get(f"validation_{metric}")),
        ]

    def _legend(self, hint: str = "") -> Text:
        legend = draw_legend(self._screen, band=self._seeds > 1)
        room = self._screen.width - legend.cell_len
        if hint and room > len(hint) + 1:
            legend.append(f"{hint:>{room}}", "bold")
        return legend


def _figures(curve: _Curve, left: str) -> Iterator[str]:
    """Yield the bar's text for one run, longest first."""
    if curve.steps:
        step = curve.steps[-1]
        accuracy = f"accuracy {percent(step.accuracy)}"
        both = f"loss {step.loss:.4f}  {accuracy}"
        yield f"{both}  {step.images_per_second:,.0f} images/s  {left}"
        yield f"{both}  {left}"
        yield f"{accuracy}  {left}"
    yield left


def time_left(seconds: float | None) -> str:
    """Return the remaining time in words."""
    if seconds is None:
        return ""
    if seconds < 8:
        return "a few seconds left"
    unit, one, length, step, _ = next(each for each in UNITS if seconds < each[-1])
    n = max(1, round(seconds / length / step) * step)
    return f"about {f'{n} {unit}s' if n > 1 else one} left"
