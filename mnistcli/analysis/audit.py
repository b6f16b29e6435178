"""What is odd about a data set: images that are there twice, and labels that a run doubts."""

import hashlib

import numpy as np

from mnistcli.analysis.evaluate import load_for
from mnistcli.config import SPLITS
from mnistcli.data import Dataset
from mnistcli.inference import predict_logits
from mnistcli.network import softmax
from mnistcli.results import Finding, Sample
from mnistcli.runs import Run

CONFIDENT = 0.95  # a calibrated network that is so sure is wrong once in twenty times, or its label is


def repeated_images(dataset: Dataset) -> list[Finding]:
    """Return every image whose pixels another before it has, in the order train, validation, test."""
    seen: dict[bytes, tuple[str, int, str]] = {}
    findings = []
    for name in SPLITS:
        split = getattr(dataset, name)
        for i, (image, number) in enumerate(zip(split.images, split.labels, strict=True)):
            label = dataset.class_names[number]
            other = seen.setdefault(hashlib.sha256(image.tobytes()).digest(), (name, i, label))
            if other != (name, i, label):
                kind = "conflict" if other[2] != label else "leak" if other[0] != name else "duplicate"
                findings.append(Finding(kind, name, i, label, *other))
    return findings


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
    probabilities = softmax(predict_logits(model.layers, model.params, images.images), temperature=model.temperature)
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
