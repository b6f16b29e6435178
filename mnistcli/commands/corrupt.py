"""Evaluate a run on corrupted images."""

from collections.abc import Sequence

import numpy as np

from mnistcli.commands.answers import Answers
from mnistcli.commands.classifier import load_for, logits_of
from mnistcli.commands.evaluate import score
from mnistcli.datasets import Dataset, Split
from mnistcli.results.evaluate import CorruptedEvaluation, Evaluation, Robustness
from mnistcli.runs import Run
from mnistcli.vision.corruptions import KINDS, corrupt


def evaluate_corrupted(run: Run, dataset: Dataset, *, split: str, names: Sequence[str]) -> Robustness:
    """Evaluate a run on a split, and on the same images with each of the named corruptions.

    Raises:
        RunError: The run's weights are missing or damaged, or do not fit the data.
        UsageError: The split is unknown.
    """
    clean, model = dataset.split(split), load_for(run, dataset)

    def scored(images: np.ndarray) -> Evaluation:
        return score(Answers(run.name, model, split, Split(images, clean.labels), logits_of(model, images)))

    corrupted = []
    for name in names:
        images = corrupt(clean.images, name)
        corrupted.append(CorruptedEvaluation(name, KINDS[name].severity, scored(images), images[0].copy()))
    return Robustness(scored(clean.images), np.array(clean.images[0]), tuple(corrupted))
