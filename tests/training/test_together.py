"""Seeds that one program trains at once, as a GPU or TPU trains the members of a group; here on whatever there is."""

from collections.abc import Callable
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnistcli.commands.crew import STOP, Place
from mnistcli.commands.group import train_members
from mnistcli.commands.work import Work
from mnistcli.config import TrainConfig
from mnistcli.datasets import Dataset, load
from mnistcli.errors import InterruptedRunError
from mnistcli.models import configure
from mnistcli.results.train import EpochMetrics, RunStarted
from mnistcli.runs import RunsFolder, load_model
from mnistcli.runs.groups import Groups
from mnistcli.training import Fit, can_train_together, feed, train_together

CONFIG = configure("dense 8, norm, relu", epochs=6, limit=80, patience=1, optimizer="sgd", learning_rate=0.2)


@pytest.fixture(scope="module")
def mnist() -> Dataset:
    whole = load(CONFIG.data)
    return replace(whole, validation=whole.validation.first(200), test=whole.test.first(100))


def fits(config: TrainConfig, dataset: Dataset, *seeds: int) -> list[Fit]:
    first = Fit(replace(config, seed=seeds[0]), dataset)
    return [first, *(Fit(replace(config, seed=seed), dataset, beside=first) for seed in seeds[1:])]


def test_seeds_trained_together_are_what_each_is_alone_but_for_rounding(mnist: Dataset) -> None:
    together = fits(CONFIG, mnist, 0, 1, 2, 3)
    assert can_train_together(together)
    kept: dict[int, dict[str, np.ndarray]] = {}
    for events in train_together(together):
        kept |= {run.config.seed: run.weights() for run, event in events if isinstance(event, EpochMetrics)}
    for alone in fits(CONFIG, mnist, 0, 1, 2, 3):  # these share what is compiled, and are trained one after the other
        list(alone.run())
        run = together[alone.config.seed]
        assert len(run.history) == len(alone.history)
        for ours, theirs in zip(run.history, alone.history, strict=True):
            assert ours.train_loss == pytest.approx(theirs.train_loss, abs=1e-4)
            assert ours.validation_loss == pytest.approx(theirs.validation_loss, abs=1e-4)
        for name, array in alone.weights().items():
            np.testing.assert_allclose(kept[alone.config.seed][name], array, atol=1e-4)
    assert len({len(run.history) for run in together}) > 1  # one stopped early, and the others went on


def test_what_cannot_be_trained_together_is_told(mnist: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configure("linear", epochs=1, limit=64)
    ahead, behind = fits(config, mnist, 0, 1)
    next(ahead.run())
    assert not can_train_together([ahead, behind])
    assert not can_train_together(fits(config.changed({"augment": True}), mnist, 0, 1))
    assert not can_train_together(fits(configure("dropout 0.1", epochs=1, limit=64), mnist, 0, 1))
    monkeypatch.setattr(feed, "SHARE", 0)
    assert not can_train_together(fits(config, mnist, 0, 1))


@pytest.fixture
def train(tmp_path: Path, mnist: Dataset) -> Callable[..., list[Any]]:
    """Train seeds 3 and 4 of a group of that name in this process, and return what is told."""
    groups = Groups(RunsFolder(tmp_path))
    work = Work(groups.runs, Place("cpu", cache=True), lambda _: mnist, checkpoint_every=1)

    def call(name: str, *, stop: bool = False) -> list[Any]:
        group = groups.find(name) or groups.extend(groups.begin(CONFIG, name=name), (3, 4), reuse=False)
        here, there = Pipe()
        if stop:
            here.send(STOP)
        try:
            train_members(group, work, (3, 4), there, "cpu")
        finally:
            told = []
            while here.poll():
                told.append(here.recv())
        return told

    return call


def test_members_trained_together_are_runs_that_say_so_and_go_on_after_a_stop(
    train: Callable[..., list[Any]], tmp_path: Path
) -> None:
    told = train("whole")
    begun = [each.event.run for each in told if isinstance(each.event, RunStarted)]
    assert begun == ["whole-s3", "whole-s4"]
    assert [each.seed for each in told if each.event is None] == [3, 4]
    with pytest.raises(InterruptedRunError):
        train("torn", stop=True)
    runs = RunsFolder(tmp_path)
    assert [runs.find_record(f"torn-s{seed}")[1].status for seed in (3, 4)] == ["interrupted"] * 2
    train("torn")
    for seed in (3, 4):
        record = runs.find_record(f"torn-s{seed}")[1]
        assert (record.status, record.device) == ("finished", "cpu, 2 seeds together")
        ours, theirs = (load_model(tmp_path / f"{name}-s{seed}/model.safetensors").arrays for name in ("torn", "whole"))
        for name in theirs:
            np.testing.assert_array_equal(ours[name], theirs[name])
