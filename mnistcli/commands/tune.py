"""Search for settings that are better than an architecture's recipe, by validation accuracy only.

Trial 0 is the recipe. The others have random settings (J. Bergstra and Y. Bengio, "Random search for hyper-parameter
optimization", JMLR 2012); a trial that is worse than the median of earlier trials at the same epoch is pruned (the
median stopping rule of D. Golovin et al., "Google Vizier", KDD 2017). The best settings and the recipe are trained
again with new seeds, because the best of many trials is partly lucky.
"""

import shlex
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

from filelock import FileLock

from mnistcli.commands.course import resume_command
from mnistcli.commands.crew import Crew, Place
from mnistcli.commands.group import shard_flag
from mnistcli.config import DataChoice, TrainConfig
from mnistcli.datasets import Dataset
from mnistcli.errors import DivergedError, InterruptedRunError
from mnistcli.models.settings import recipe_of, train_command
from mnistcli.models.space import draw, make_space, settings_of, with_settings
from mnistcli.process import held_interrupts
from mnistcli.results.spread import Spread
from mnistcli.results.train import EpochMetrics, Notice
from mnistcli.results.tune import COMPLETE, DIVERGED, PRUNED, Finalist, SearchResult, Trial
from mnistcli.runs.searches import Search, add_trial, choose_again, claim_trial, drop_claim, has_claims, read_search

BEST = 3  # settings to train again, beside the recipe
NEW_SEEDS = 3  # for training them again
LOOK = 0.5  # seconds between checks of what other processes have done
BEFORE_PRUNING = 4  # trials that must have reached an epoch before others can be pruned there

Notify = Callable[[Trial | Notice], None]
Load = Callable[[DataChoice], Dataset]


@dataclass(frozen=True)
class Job:
    """A training to do: the number of the settings, and the configuration with these and a seed."""

    number: int
    config: TrainConfig


@dataclass
class Tuning:
    """A running search.

    Attributes:
        search: The trials so far; search.json is written after each trial.
        place: The device that trains its trials.
        load: Loads the data set.
        notify: Called with each trial that ends.
        shard: I and N: this is process I of N that share the trials; None: it is the only one.
    """

    search: Search
    place: Place
    load: Load
    notify: Notify
    shard: tuple[int, int] | None = None
    _crew: Crew[Job] = field(init=False)
    _curves: dict[Job, list[float]] = field(default_factory=dict)
    _pruned: set[Job] = field(default_factory=set)
    _claims: dict[Job, FileLock] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._started = time.monotonic() - self.search.seconds
        self._space = make_space(self.search.config.arch, self.search.space)

    def run(self) -> SearchResult:
        """Train the remaining trials, and the best settings again.

        Raises:
            InterruptedRunError: Ctrl-C was pressed; running trials are lost.
            DivergedError: None of the best settings could be trained with all new seeds.
            MnistcliError: A trial failed in another way.
        """
        work, config = partial(_train_trial, self.load), self.search.config
        with held_interrupts() as interrupted, Crew(self.place, work, self._on_message) as self._crew:
            for jobs in (self._trials, self._finals):
                self._crew.do(self._claimed(jobs()), interrupted)
                while self.shard and not interrupted() and self._wait_for_others(jobs()):
                    self._crew.do(self._claimed(jobs()), interrupted)
                if interrupted():
                    command = f"mnistcli tune{f' {shlex.quote(self.place.source)}' if self.place.source else ''}"
                    command = resume_command(command, self.search.path, config)
                    raise InterruptedRunError(f"Interrupted; to continue, run '{command}{shard_flag(self.shard)}'.")
        finalists = tuple(sorted(self._finalists(), key=lambda each: -each.accuracies.mean))
        if not finalists:
            raise DivergedError("Every training diverged: try lower rates, as in --space lr=1e-5..1e-3.")
        best = self._config(finalists[0].number)
        return SearchResult(
            name=self.search.name,
            folder=self.search.path,
            arch=config.arch,
            dataset=config.data.dataset,
            validation_images=len(self.load(config.data).validation),
            space={name: str(each) for name, each in self._space.items()},
            trials=tuple(sorted(self._of_seed(config.seed), key=lambda trial: trial.number)),
            finalists=finalists,
            command=train_command(best, base=recipe_of(best), source=self.place.source),
            seconds=self.search.seconds,
        )

    def _claimed(self, jobs: Iterator[Job]) -> Iterator[Job]:
        """Yield the jobs; if other processes share them, only those that none of them has claimed or done."""
        for job in jobs:
            if self.shard:
                claim = claim_trial(self.search, job.number, seed=job.config.seed)
                if claim is None:
                    continue
                if self._is_done(job):
                    drop_claim(claim)
                    continue
                self._claims[job] = claim
            yield job

    def _is_done(self, job: Job) -> bool:
        """Whether a trial has ended, here or in another process."""
        self.search = replace(self.search, trials=read_search(self.search.path).trials)
        return any((trial.number, trial.seed) == (job.number, job.config.seed) for trial in self.search.trials)

    def _wait_for_others(self, jobs: Iterator[Job]) -> bool:
        """Wait a moment, and return whether jobs remain that other processes are doing or have lost."""
        time.sleep(LOOK)
        return has_claims(self.search) or not all(map(self._is_done, jobs))

    def _trials(self) -> Iterator[Job]:
        done = {trial.number for trial in self._of_seed(self.search.config.seed)}
        for number in count():
            if number not in done:
                if number and not self._has_time():
                    return
                yield Job(number, self._config(number))
            if self.search.most_trials is not None and number + 1 >= self.search.most_trials:
                return

    def _finals(self) -> Iterator[Job]:
        numbers = choose_again(self.search, self._best) if self.shard else self._best()
        for seed in self._new_seeds():
            done = {trial.number for trial in self._of_seed(seed)}
            for number in numbers:
                if number not in done:
                    yield Job(number, replace(self._config(number), seed=seed))

    def _best(self) -> list[int]:
        """Return the recipe's number and those of the best trials: BEST, fewer if time is short, but at least one."""
        complete = [
            trial for trial in self._of_seed(self.search.config.seed) if trial.status == COMPLETE and trial.number
        ]
        ranked = [trial.number for trial in sorted(complete, key=lambda trial: -trial.best)]
        most = BEST
        if self.search.most_seconds is not None:
            left = self.search.most_seconds - (time.monotonic() - self._started)
            trainings = self._crew.processes * left / max(self._longest_trial(), 1e-9)
            most = max(1, min(BEST, int(trainings // NEW_SEEDS) - 1))
        return [0, *ranked[:most]]

    def _finalists(self) -> Iterator[Finalist]:
        again = [trial for trial in self.search.trials if trial.seed in self._new_seeds() and trial.status == COMPLETE]
        for number in sorted({trial.number for trial in again}):
            trials = sorted((trial for trial in again if trial.number == number), key=lambda trial: trial.seed)
            if len(trials) == NEW_SEEDS:
                accuracies = Spread(tuple(trial.best for trial in trials))
                yield Finalist(number, trials[0].settings, tuple(trial.seed for trial in trials), accuracies)

    def _config(self, number: int) -> TrainConfig:
        config = self.search.config
        return with_settings(config, draw(self._space, seed=config.seed, number=number)) if number else config

    def _new_seeds(self) -> list[int]:
        return [(self.search.config.seed + 1 + i) % 2**32 for i in range(NEW_SEEDS)]

    def _of_seed(self, seed: int) -> list[Trial]:
        return [trial for trial in self.search.trials if trial.seed == seed]

    def _has_time(self) -> bool:
        """Whether there is time for another trial and the final trainings, if each takes as long as the longest yet."""
        if self.search.most_seconds is None:
            return True
        rounds = 1 + -(-(BEST + 1) * NEW_SEEDS // self._crew.processes)
        return time.monotonic() - self._started + rounds * self._longest_trial() < self.search.most_seconds

    def _longest_trial(self) -> float:
        return max((trial.seconds for trial in self.search.trials), default=0.0)

    def _on_message(self, job: Job, message: Any) -> None:
        match message:
            case EpochMetrics():
                curve = self._curves.setdefault(job, [])
                curve.append(message.validation_accuracy)
                seed = self.search.config.seed
                if job.config.seed == seed and job.number and is_poor(curve, self._of_seed(seed)):
                    self._pruned.add(job)
                    self._crew.stop(job)
            case (str() as status, float() as seconds) if status != PRUNED or job in self._pruned:
                self._keep(job, status, seconds)
            case Notice():
                self.notify(message)

    def _keep(self, job: Job, status: str, seconds: float) -> None:
        settings, curve = settings_of(job.config, self._space), tuple(self._curves.pop(job, ()))
        trial = Trial(job.number, job.config.seed, settings, status, curve, seconds)
        worked = time.monotonic() - self._started
        before = self.search
        after = add_trial(before, trial, seconds=worked)
        self.search = replace(after, most_trials=before.most_trials, most_seconds=before.most_seconds)
        if job in self._claims:
            drop_claim(self._claims.pop(job))
        self.notify(trial)


def is_poor(curve: Sequence[float], before: Sequence[Trial]) -> bool:
    """Whether a trial's best validation accuracy so far is below the median of earlier trials at the same epoch."""
    epoch = len(curve)
    others = [max(trial.validation[:epoch]) for trial in before if len(trial.validation) >= epoch]
    return len(others) >= BEFORE_PRUNING and max(curve) < statistics.median(others)


@cache
def _load(load: Load, choice: DataChoice) -> Dataset:
    return load(choice)


def _train_trial(load: Load, job: Job, connection: Connection, _device: str) -> None:
    """Train a trial until it ends or STOP arrives; send each epoch's metrics, then the status and the seconds."""
    from mnistcli.training import Fit

    started, status = time.monotonic(), COMPLETE
    try:
        for event in Fit(job.config, _load(load, job.config.data)).run():
            if connection.poll():
                status = PRUNED
                break
            if isinstance(event, EpochMetrics):
                connection.send(event)
    except DivergedError:
        status = DIVERGED
    connection.send((status, time.monotonic() - started))
