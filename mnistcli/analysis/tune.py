"""Search for settings that train a network better than its recipe does, by validation alone.

Trial 0 is the recipe. The others draw their settings at random (J. Bergstra and Y. Bengio, "Random search for
hyper-parameter optimization", JMLR 2012); one that after an epoch is worse than the median of those before it is
pruned (the median stopping rule of D. Golovin et al., "Google Vizier", KDD 2017). The best are trained again with new
seeds beside the recipe: the best of many trials owes a part of its accuracy to luck.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

from mnistcli.analysis.crew import Crew, Place
from mnistcli.config import DataChoice, TrainConfig
from mnistcli.data import Dataset
from mnistcli.errors import DivergedError, InterruptedRunError
from mnistcli.models.settings import recipe_of, train_command
from mnistcli.models.space import draw, make_space, settings_of, with_settings
from mnistcli.process import cores, held_interrupts
from mnistcli.results.spread import Spread
from mnistcli.results.training import EpochMetrics, Notice
from mnistcli.results.tune import COMPLETE, DIVERGED, PRUNED, Finalist, SearchResult, Trial
from mnistcli.runs.searches import Search

BEST = 3  # settings that are trained again
NEW_SEEDS = 3  # with which they are
BEFORE_PRUNING = 4  # trials that reached an epoch before others are judged by them

Notify = Callable[[Trial | Notice], None]


@dataclass(frozen=True)
class Job:
    """A trial to train: its number, and its configuration, of which the seed is a part."""

    number: int
    config: TrainConfig


@dataclass(frozen=True)
class Limits:
    """When a search begins no more trials: after so many of them, or so that it ends within so many seconds."""

    trials: int | None = None
    seconds: float | None = None


@dataclass
class Tuning:
    """A search under way.

    Attributes:
        search: What is known so far; search.json holds it after each trial.
        limits: When it ends.
        notify: Hears of each trial that ends.
    """

    search: Search
    limits: Limits
    notify: Notify
    _crew: Crew[Job] = field(init=False)
    _interrupted: Callable[[], bool] = field(init=False)
    _curves: dict[Job, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._begun = time.monotonic() - self.search.seconds
        self._space = make_space(self.search.config.arch, self.search.space)

    def run(self, place: Place, load: Callable[[DataChoice], Dataset]) -> SearchResult:
        """Train the trials that are left, and the best of them again.

        Raises:
            InterruptedRunError: Ctrl-C was pressed; the trials that were under way are lost.
            MnistcliError: A trial failed in another way than that its loss stopped being a number.
        """
        work = partial(_train_trial, load)
        with held_interrupts() as self._interrupted, Crew(place, work, self._hear) as self._crew:
            for jobs in (self._trials(), self._finals()):
                self._crew.do(jobs, self._interrupted)
                if self._interrupted():
                    raise InterruptedRunError(
                        f"Interrupted; 'mnistcli tune --resume {self.search.name}' goes on from here."
                    )
        return self.result(validation_images=len(load(self.search.config.choice()).validation))

    def result(self, *, validation_images: int) -> SearchResult:
        """Return what the search came to.

        Raises:
            DivergedError: None of the best trials ended well with all new seeds.
        """
        config, finalists = self.search.config, tuple(sorted(self._finalists(), key=lambda each: -each.accuracies.mean))
        if not finalists:
            raise DivergedError(
                f"No training of {self.search.name!r} kept a finite loss: give lower rates by --space lr=."
            )
        best = with_settings(config, finalists[0].settings)
        return SearchResult(
            name=self.search.name,
            folder=self.search.path,
            arch=config.arch,
            dataset=config.dataset,
            validation_images=validation_images,
            space={name: str(each) for name, each in self._space.items()},
            trials=tuple(sorted(self._of_seed(config.seed), key=lambda trial: trial.number)),
            finalists=finalists,
            command=train_command(best, base=recipe_of(best)),
            seconds=self.search.seconds,
        )

    def _trials(self) -> Iterator[Job]:
        config = self.search.config
        done = {trial.number for trial in self._of_seed(config.seed)}
        for number in count():
            if number not in done:
                if number and not self._has_time():
                    return
                yield Job(number, with_settings(config, self._settings(number)))
            if self.limits.trials is not None and number + 1 >= self.limits.trials:
                return

    def _finals(self) -> Iterator[Job]:
        complete = [trial for trial in self._of_seed(self.search.config.seed) if trial.status == COMPLETE]
        ranked = sorted((trial for trial in complete if trial.number), key=lambda trial: -trial.best)
        numbers = [0, *(trial.number for trial in ranked[:BEST])]
        for seed in self._new_seeds():
            done = {trial.number for trial in self._of_seed(seed)}
            for number in numbers:
                if number not in done:
                    yield Job(number, replace(with_settings(self.search.config, self._settings(number)), seed=seed))

    def _finalists(self) -> Iterator[Finalist]:
        again = [trial for trial in self.search.trials if trial.seed in self._new_seeds()]
        for number in sorted({trial.number for trial in again}):
            trials = sorted((trial for trial in again if trial.number == number), key=lambda trial: trial.seed)
            if len(trials) == NEW_SEEDS and all(trial.status == COMPLETE for trial in trials):
                accuracies = Spread(tuple(trial.best for trial in trials))
                yield Finalist(number, trials[0].settings, tuple(trial.seed for trial in trials), accuracies)

    def _settings(self, number: int) -> dict[str, Any]:
        if number == 0:
            return settings_of(self.search.config, self._space)
        return draw(self._space, seed=self.search.config.seed, number=number)

    def _new_seeds(self) -> list[int]:
        return [(self.search.config.seed + 1 + i) % 2**32 for i in range(NEW_SEEDS)]

    def _of_seed(self, seed: int) -> list[Trial]:
        return [trial for trial in self.search.trials if trial.seed == seed]

    def _has_time(self) -> bool:
        """Whether another trial leaves time for training the best again, should all take as long as the longest."""
        if self.limits.seconds is None:
            return True
        longest = max((trial.seconds for trial in self.search.trials), default=0.0)
        rounds = 1 + -(-(BEST + 1) * NEW_SEEDS // cores())
        return time.monotonic() - self._begun + rounds * longest < self.limits.seconds

    def _hear(self, job: Job, said: Any) -> None:
        match said:
            case EpochMetrics():
                curve = self._curves.setdefault(job, [])
                curve.append(said.validation_accuracy)
                if job.config.seed == self.search.config.seed and job.number and is_poor(curve, self.search.trials):
                    self._crew.stop(job)
            case (str() as status, float() as seconds) if not (status == PRUNED and self._interrupted()):
                self._keep(job, status, seconds)
            case Notice():
                self.notify(said)

    def _keep(self, job: Job, status: str, seconds: float) -> None:
        settings, curve = settings_of(job.config, self._space), tuple(self._curves.pop(job, ()))
        trial = Trial(job.number, job.config.seed, settings, status, curve, seconds)
        worked = time.monotonic() - self._begun
        self.search = replace(self.search, trials=(*self.search.trials, trial), seconds=worked)
        self.search.write()
        self.notify(trial)


def is_poor(curve: Sequence[float], before: Sequence[Trial]) -> bool:
    """Whether the best of a trial's validation accuracies so far is below the median of trials at the same epoch."""
    epoch = len(curve)
    others = [max(trial.validation[:epoch]) for trial in before if len(trial.validation) >= epoch]
    return len(others) >= BEFORE_PRUNING and max(curve) < statistics.median(others)


@cache
def _load(load: Callable[[DataChoice], Dataset], choice: DataChoice) -> Dataset:
    return load(choice)


def _train_trial(load: Callable[[DataChoice], Dataset], job: Job, connection: Connection, _device: str) -> None:
    """Train a trial, telling of each epoch, and at last how it ended and after how many seconds; or be told to stop."""
    from mnistcli.training import Fit

    started, status = time.monotonic(), COMPLETE
    try:
        for event in Fit(job.config, _load(load, job.config.choice())).run():
            if connection.poll():
                status = PRUNED
                break
            if isinstance(event, EpochMetrics):
                connection.send(event)
    except DivergedError:
        status = DIVERGED
    connection.send((status, time.monotonic() - started))
