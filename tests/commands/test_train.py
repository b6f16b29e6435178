from dataclasses import replace
from pathlib import Path

import numpy as np

from mnistcli.commands.classifier import logits_of
from mnistcli.commands.train import Session, begin, train, train_all
from mnistcli.datasets import Split, load
from mnistcli.metrics.scores import cross_entropy
from mnistcli.models import configure
from mnistcli.results.train import TrainResult
from mnistcli.runs import RunsFolder, Status, load_model


def test_the_weights_that_are_kept_and_scored_are_those_of_the_best_epoch_on_validation(tmp_path: Path) -> None:
    """What is right in training is wrong in validation here, so every epoch is worse than the one before."""
    mnist = load("mnist")
    images = mnist.train.first(200)
    contrary = Split(images.images, (images.labels + 1) % 10)
    dataset = replace(mnist, train=images, validation=contrary, test=mnist.test.first(100))

    def trained(epochs: int) -> TrainResult:
        session = Session(lambda _: None, device="cpu", load=lambda _: dataset)
        return train(configure("linear", epochs=epochs, patience=0), session, runs=RunsFolder(tmp_path))

    one, four = trained(1), trained(4)
    assert (four.best_epoch, len(four.history)) == (1, 4)
    assert (four.validation_accuracy, four.evaluation.loss) == (one.validation_accuracy, one.evaluation.loss)
    first, kept = (load_model(each.folder / "model.safetensors") for each in (one, four))
    assert kept.temperature == first.temperature
    assert all(np.array_equal(kept.arrays[name], array) for name, array in first.arrays.items())


def test_the_temperature_that_a_run_stores_makes_the_validation_labels_likeliest(workspace: Path) -> None:
    validation = load("mnist").validation
    for run in ("linear-001", "dense-001"):
        model = load_model(workspace / "runs" / run / "model.safetensors")
        scores = logits_of(model, validation.images) / model.temperature
        losses = [cross_entropy(scores / factor, validation.labels) for factor in (0.98, 1, 1.02)]
        assert losses[1] == min(losses)


def test_of_seeds_that_are_trained_one_after_the_other_the_one_that_is_to_end_is_the_last(tmp_path: Path) -> None:
    mnist = load("mnist")
    few = mnist.train.first(200)
    dataset = replace(mnist, train=few, validation=few, test=few)
    session = Session(lambda _: None, device="cpu", load=lambda _: dataset, is_last=lambda epoch: epoch >= 2)
    runs = RunsFolder(tmp_path)
    config = configure("linear", epochs=9, augment=True)  # which keeps seeds from being trained together
    courses = [begin(replace(config, seed=seed), session, runs=runs) for seed in (0, 1)]
    courses[1].session = replace(session, is_last=lambda _: len(courses[0].fit.history) == 2)
    train_all(courses, lambda: False)
    assert [len(course.fit.history) for course in courses] == [2, 0]
    assert [course.folder.record.status for course in courses] == [Status.FINISHED, Status.INTERRUPTED]
