"""Score a run, or a group of runs, on one split of a data set."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mnistcli.commands.answers import Answers, answers_of, ensemble
from mnistcli.commands.classifier import Classifier
from mnistcli.datasets import Dataset
from mnistcli.metrics.calibration import calibration_of
from mnistcli.metrics.scores import cross_entropy
from mnistcli.models.language import describe
from mnistcli.results.evaluate import Cost, Evaluation, GroupEvaluation
from mnistcli.runs import Run


def evaluate(run: Run, dataset: Dataset, *, split: str) -> Evaluation:
    """Return a run's scores on a split.

    Raises:
        RunError: The run's weights are missing or damaged, or do not fit the data.
        UsageError: The split is unknown.
    """
    answers = answers_of(run, dataset, split=split, kept=False)
    return replace(score(answers), cost=cost_of(run, answers.model))


def evaluate_group(group: str, runs: Sequence[Run], dataset: Dataset, *, split: str) -> GroupEvaluation:
    """Return the scores of each run of a group on a split, and of their ensemble.

    Raises:
        RunError, UsageError: As in `evaluate`.
    """
    members = [answers_of(run, dataset, split=split, kept=False) for run in runs]
    return GroupEvaluation(group, tuple(map(score, members)), score(ensemble(group, members)))


def score(answers: Answers) -> Evaluation:
    """Return the evaluation of a model's answers."""
    labels, classes, model = answers.images.labels, len(answers.class_names), answers.model
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels, answers.predicted), 1)
    return Evaluation(
        run=answers.name,
        arch=model.arch,
        split=answers.split,
        loss=cross_entropy(answers.logits, labels, rejects=model.rejects),
        calibration=calibration_of(answers.logits, labels, temperature=model.temperature, rejects=model.rejects),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        class_names=answers.class_names,
        rejected=int(answers.rejected.sum()),
    )


def cost_of(run: Run, model: Classifier) -> Cost:
    """Return the cost of the run's model."""
    record, products = run.record(), None
    if model.network is not None:
        summary = describe(model.arch, model.network, model.image_shape, len(model.class_names))
        products = summary.multiply_accumulates
    return Cost(
        parameters=model.parameters,
        multiply_accumulates=products,
        model_bytes=run.weights.stat().st_size,
        train_seconds=record.results.get("train_seconds") if record else None,
    )
