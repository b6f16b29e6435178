"""Find images that a data set has more than once."""

import hashlib

from mnistcli.config import SPLITS
from mnistcli.datasets import Dataset
from mnistcli.results.data import Finding


def repeated_images(dataset: Dataset) -> list[Finding]:
    """Return every image that duplicates an earlier one, in the order train, validation, test."""
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
