"""What a run answers on every image of a split, and how confident it is."""

from dataclasses import dataclass, replace

import numpy as np

from mnistcli.analysis.evaluate import load_for, logits_of
from mnistcli.data import Dataset, Split
from mnistcli.metrics.scores import softmax
from mnistcli.results.data import Sample
from mnistcli.runs import Run


@dataclass(frozen=True)
class Answers:
    """A run's answers on a split.

    Attributes:
        split: The images and their labels.
        class_names: What the model calls the classes.
        predicted: The number of the class that each image is read as, [n] integers.
        confidences: The calibrated probability of that class, [n] float64.
    """

    split: Split
    class_names: tuple[str, ...]
    predicted: np.ndarray
    confidences: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """Whether each image is read as its label, [n] bool."""
        return self.predicted == self.split.labels

    def most_confident(self, chosen: np.ndarray) -> list[int]:
        """Return the indices of the images for which `chosen` [n] bool holds, the most confident answer first."""
        indices = np.flatnonzero(chosen)
        order: list[int] = indices[np.argsort(-self.confidences[indices], kind="stable")].tolist()
        return order

    def sample(self, index: int) -> Sample:
        """Return an image with its label and the answer; its picture is a view of the split's images."""
        return Sample(
            index=index,
            label=self.class_names[self.split.labels[index]],
            picture=np.asarray(self.split.images[index]),
            predicted=self.class_names[self.predicted[index]],
            confidence=float(self.confidences[index]),
        )

    def samples(self, chosen: np.ndarray) -> list[Sample]:
        """Return the images for which `chosen` [n] bool holds, the most confident answer first."""
        return [self.sample(index) for index in self.most_confident(chosen)]


def answers_of(run: Run, dataset: Dataset, *, split: str) -> Answers:
    """Return what the run answers on every image of a split.

    Raises:
        RunError: The run's weights are missing or damaged, or do not fit the data.
        UsageError: There is no such split.
    """
    images = dataset.split(split)
    model = load_for(run, dataset)
    probabilities = softmax(logits_of(model, images.images), temperature=model.temperature)
    return Answers(images, model.class_names, probabilities.argmax(1), probabilities.max(1))


def with_names_of(run: Run, dataset: Dataset) -> Dataset:
    """Return the data set with the class names of the run, where it has none of its own.

    Raises:
        RunError: The run's weights are missing or damaged, or do not fit the data.
    """
    return dataset if dataset.named else replace(dataset, class_names=load_for(run, dataset).class_names)
