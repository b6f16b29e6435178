"""The answers of a run, or of a group, for every image of a split, with their confidence."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from mnistcli.commands.classifier import Classifier, load_for, logits_of, probabilities_of
from mnistcli.datasets import Dataset, Split
from mnistcli.metrics.scores import ensemble_logits
from mnistcli.results.data import Sample
from mnistcli.runs import Run


@dataclass(frozen=True)
class Answers:
    """A model's answers on a split.

    Attributes:
        name: The name of the run or group.
        model: The run's model; for a group, the first run's, with a temperature of 1.
        split: The split's name.
        images: Its images and their labels.
        logits: [n, classes] float32; float64 for a group.
    """

    name: str
    model: Classifier
    split: str
    images: Split
    logits: np.ndarray = field(repr=False, compare=False)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The model's names of the classes."""
        return self.model.class_names

    @cached_property
    def predicted(self) -> np.ndarray:
        """The number of each image's most probable class, [n] integers, even if "none of these" is more probable."""
        return self.logits.argmax(1)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """The calibrated probabilities, [n, classes] float64."""
        return probabilities_of(self.model, self.logits)

    @cached_property
    def confidences(self) -> np.ndarray:
        """The calibrated probability of each predicted class, [n] float64."""
        highest: np.ndarray = self.probabilities.max(1)
        return highest

    @property
    def rejected(self) -> np.ndarray:
        """Whether "none of these" is more probable than each class, [n] bool."""
        return 1 - self.probabilities.sum(1) > self.confidences

    @property
    def right(self) -> np.ndarray:
        """Whether each image's predicted class is its label, [n] bool."""
        return self.predicted == self.images.labels

    def most_confident(self, chosen: np.ndarray) -> list[int]:
        """Return the indices of the images where `chosen` [n] bool is true, the most confident answer first."""
        indices = np.flatnonzero(chosen)
        order: list[int] = indices[np.argsort(-self.confidences[indices], kind="stable")].tolist()
        return order

    def sample(self, index: int) -> Sample:
        """Return an image with its label and the answer; its picture is a view of the split's images."""
        return Sample(
            index=index,
            label=self.class_names[self.images.labels[index]],
            picture=np.asarray(self.images.images[index]),
            predicted=self.class_names[self.predicted[index]],
            confidence=float(self.confidences[index]),
        )

    def samples(self, chosen: np.ndarray) -> list[Sample]:
        """Return the images where `chosen` [n] bool is true, the most confident answer first."""
        return [self.sample(index) for index in self.most_confident(chosen)]


def answers_of(run: Run, dataset: Dataset, *, split: str, kept: bool = True) -> Answers:
    """Return the run's answers for every image of a split.

    Args:
        run: The run.
        dataset: The data set.
        split: The split's name.
        kept: Whether to use the test logits that the run stored when it finished, instead of computing them again.

    Raises:
        RunError: The run's files are missing or damaged, or do not fit the data.
        UsageError: The split is unknown.
    """
    images, model = dataset.split(split), load_for(run, dataset)
    logits = None
    if kept and split == "test" and run.folder is not None:
        shape = len(images), len(model.class_names)
        logits = run.test_logits(data_fingerprint=dataset.fingerprint, shape=shape)
    return Answers(run.name, model, split, images, logits_of(model, images.images) if logits is None else logits)


def ensemble(group: str, members: Sequence[Answers]) -> Answers:
    """Return the answers of a group: the mean of its runs' calibrated probabilities."""
    first = members[0]
    logits = ensemble_logits(((each.logits, each.model.temperature) for each in members), rejects=first.model.rejects)
    return Answers(group, replace(first.model, temperature=1.0), first.split, first.images, logits)


def with_names_of(run: Run, dataset: Dataset) -> Dataset:
    """Return the data set, with the run's class names if it has none of its own.

    Raises:
        RunError: The run's weights are missing or damaged, or do not fit the data.
    """
    return dataset if dataset.named else replace(dataset, class_names=load_for(run, dataset).class_names)
