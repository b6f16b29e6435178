"""The images that a run reads wrong, and labels that it doubts."""

import numpy as np

from mnistcli.analysis.evaluate import load_for, logits_of
from mnistcli.config import SPLITS
from mnistcli.data import Dataset
from mnistcli.metrics import softmax
from mnistcli.results.data import Finding, Sample
from mnistcli.runs import Run

CONFIDENT = 0.95  # a calibrated network that is so sure is wrong once in twenty times, or its label is


def doubted_labels(dataset: Dataset, run: Run) -> list[Finding]:
    """Return the images of which the run is confident that they have another label, the most confident first.

    Raises:
        RunError: The run's weights are missing or damaged, or do not fit the data.
    """
    findings = [
        Finding("doubt", split, sample.index, sample.label, None, None, str(sample.predicted), sample.confidence)
        for split in SPLITS
        if len(getattr(dataset, split))
        for sample in mistakes(dataset, run, split=split)
        if (sample.confidence or 0) >= CONFIDENT
    ]
    return sorted(findings, key=lambda finding: -(finding.confidence or 0))


def mistakes(dataset: Dataset, run: Run, *, split: str) -> list[Sample]:
    """Return the images of a split that the run reads wrong, the most confident first.

    Raises:
        RunError: The run's weights are missing or damaged, or do not fit the data.
        UsageError: There is no such split.
    """
    images = dataset.split(split)
    model = load_for(run, dataset)
    probabilities = softmax(logits_of(model, images.images), temperature=model.temperature)
    answers, confidences = probabilities.argmax(1), probabilities.max(1)
    wrong = np.flatnonzero(answers != images.labels)
    wrong = wrong[np.argsort(-confidences[wrong], kind="stable")]
    return [
        Sample(
            index=int(i),
            label=model.class_names[images.labels[i]],
            picture=np.array(images.images[i]),
            predicted=model.class_names[answers[i]],
            confidence=float(confidences[i]),
        )
        for i in wrong
    ]
