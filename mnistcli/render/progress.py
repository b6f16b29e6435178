"""How training is shown while it goes on: a live bar on a terminal, a line an epoch elsewhere."""

from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from mnistcli.render.screen import Screen
from mnistcli.render.tables import percent
from mnistcli.render.view import printable
from mnistcli.results.train import EpochMetrics, Notice, RunStarted, StepMetrics, TrainEvent

BAR = len("⠋ epoch 100/100 ━━━━━━━━━━  0:00:00")


class PreparationProgress:
    """Shows on stderr how a data set is prepared: a live bar on a terminal, a line at each step's start elsewhere."""

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
        """Show where the work stands."""
        if not self._told:
            self._bar.start()
            self._task = self._bar.add_task("", total=None, done="")
        if what not in self._told and self._bar.disable and not self._quiet:
            with suppress(BrokenPipeError):
                self._screen.show(Text(f"{printable(what)} …"))
        self._told.add(what)
        count = "" if not done else f"{done:,}" if whole is None else f"{done:,} of {whole:,}"
        self._bar.update(self._task, description=printable(what), completed=done, total=whole, done=count)


def is_live(screen: Screen) -> bool:
    """Whether a bar can be drawn again and again where the screen writes."""
    return screen.file.isatty() and not screen.is_dumb_terminal


class TrainingProgress:
    """Shows on stderr how one run is trained, or several at once, each with a bar of its own."""

    def __init__(self, screen: Screen, *, quiet: bool = False) -> None:
        self._screen = screen
        self._quiet = quiet
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[metrics]}"),
            TimeRemainingColumn(compact=True),
            console=screen,
            transient=True,
            disable=quiet or not is_live(screen),
            expand=True,
        )
        self._runs: dict[str, tuple[RunStarted, TaskID]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, event: TrainEvent, *, label: str = "") -> None:
        """Show one event of training; `label`, such as "seed 3  ", tells which of several it is of."""
        match event:
            case Notice():
                self._say(f"{label}{event.text}")
            case RunStarted():
                self._start(event, label)
            case StepMetrics():
                self._advance(event, label)
            case EpochMetrics():
                self._finish_epoch(event, label)

    def finish(self, label: str) -> None:
        """Take the bar of a run away."""
        if label in self._runs:
            self._bar.remove_task(self._runs.pop(label)[1])

    def _start(self, run: RunStarted, label: str) -> None:
        self._say(f"{label}Training {run.arch} on {run.train_images:,} images ({run.device}): {run.folder}")
        self._bar.start()
        task = self._bar.add_task(label, total=run.steps_per_epoch, epoch=1, epochs=run.epochs, metrics="")
        self._runs[label] = run, task

    def _advance(self, metrics: StepMetrics, label: str) -> None:
        _, task = self._runs[label]
        accuracy = f"acc {percent(metrics.accuracy)}"
        both = f"loss {metrics.loss:.4f}  {accuracy}"
        choices = [f"{both}  {metrics.images_per_second:,.0f} images/s", both, accuracy]
        said = self._screen.choose(choices, room=self._screen.width - BAR - len(label))
        self._bar.update(task, completed=metrics.step, epoch=metrics.epoch, metrics=said)

    def _finish_epoch(self, metrics: EpochMetrics, label: str) -> None:
        epochs = self._runs[label][0].epochs
        epoch = f"{label}epoch {metrics.epoch:>{len(str(epochs))}}/{epochs}"
        train, validation = percent(metrics.train_accuracy), percent(metrics.validation_accuracy)
        losses = f"{epoch}  loss {metrics.train_loss:.4f}  accuracy {train}  validation {metrics.validation_loss:.4f}"
        time = f"{metrics.seconds:.1f} s"
        self._say(
            f"{losses}, {validation}  {time}  {metrics.images_per_second:,.0f} images/s",
            f"{losses}, {validation}  {time}",
            f"{losses}, {validation}",
            f"{epoch}  accuracy {train}  validation {validation}",
        )

    def _say(self, *choices: str) -> None:
        """Print the first choice, longest first, that the screen has room for."""
        if not self._quiet:
            try:
                self._screen.show(self._screen.choose([Text(printable(text)) for text in choices]))
            except BrokenPipeError:  # nobody reads any more; the training goes on
                self._quiet = True
