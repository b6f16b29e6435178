"""What the core returns: frozen dataclasses of plain Python values, which the terminal, JSON and figures are made from.

Accuracies, precisions, probabilities and p-values are fractions of 1; losses are mean cross-entropies in nats; times
are seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np


@dataclass(frozen=True)
class RunStarted:
    """A run's folder is claimed and its training begins."""

    run: str
    folder: Path
    arch: str
    device: str
    epochs: int
    steps_per_epoch: int
    train_images: int


@dataclass(frozen=True)
class StepMetrics:
    """Where training stands inside an epoch; loss and accuracy are running means over the epoch so far."""

    epoch: int
    step: int
    loss: float
    accuracy: float
    images_per_second: float


@dataclass(frozen=True)
class EpochMetrics:
    """One line of metrics.jsonl.

    Training loss and accuracy are means over the epoch while the weights change, as Keras reports them; validation is
    scored with the weights at the epoch's end. `seconds` is the time of the training steps alone.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    images_per_second: float


@dataclass(frozen=True)
class Notice:
    """Something that the user should know of a run that goes on."""

    text: str


TrainEvent = Notice | RunStarted | StepMetrics | EpochMetrics


@dataclass(frozen=True)
class ClassScore:
    """How one class fared; a ratio without a denominator is None."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class Evaluation:
    """A model's answers on one split: `confusion[true][predicted]` counts images.

    Attributes:
        loss: The mean cross-entropy in nats.
        calibration_error: The expected calibration error in 15 bins, a fraction of 1.
    """

    run: str
    arch: str
    split: str
    loss: float
    calibration_error: float
    confusion: tuple[tuple[int, ...], ...]
    class_names: tuple[str, ...]

    @property
    def n(self) -> int:
        """How many images were scored."""
        return sum(map(sum, self.confusion))

    @property
    def correct(self) -> int:
        """How many images were read right."""
        return sum(row[i] for i, row in enumerate(self.confusion))

    @property
    def accuracy(self) -> float:
        """The share of images read right."""
        return self.correct / self.n

    @property
    def accuracy_ci95(self) -> tuple[float, float]:
        """The 95 % Wilson score interval of the accuracy."""
        return wilson_interval(self.correct, self.n)

    @property
    def per_class(self) -> tuple[ClassScore, ...]:
        """Precision, recall and F1 of each class."""
        return tuple(self._score(i) for i in range(len(self.class_names)))

    def _score(self, i: int) -> ClassScore:
        hits, support = self.confusion[i][i], sum(self.confusion[i])
        answered = sum(row[i] for row in self.confusion)
        return ClassScore(
            label=self.class_names[i],
            precision=_ratio(hits, answered),
            recall=_ratio(hits, support),
            f1=_ratio(2 * hits, answered + support),
            support=support,
        )

    def worst_confusions(self, k: int = 5) -> list[tuple[str, str, int]]:
        """Return the k commonest errors as (true class, predicted class, images), most frequent first."""
        names = self.class_names
        errors = [
            (names[i], names[j], count)
            for i, row in enumerate(self.confusion)
            for j, count in enumerate(row)
            if i != j and count
        ]
        return sorted(errors, key=lambda error: -error[2])[:k]


@dataclass(frozen=True)
class TrainResult:
    """What a finished run came to; `evaluation` is the one look at the test set."""

    run: str
    folder: Path
    arch: str
    dataset: str
    seed: int
    history: tuple[EpochMetrics, ...]
    best_epoch: int
    stopped_early: bool
    train_seconds: float
    compile_seconds: float
    parameters: int
    device: str
    evaluation: Evaluation

    @property
    def validation_accuracy(self) -> float:
        """Validation accuracy of the weights that were kept."""
        return self.history[self.best_epoch - 1].validation_accuracy

    @property
    def figures(self) -> dict[str, int | float | bool]:
        """What run.json and `train --json` both say of the training."""
        return {
            "epochs": len(self.history),
            "best_epoch": self.best_epoch,
            "stopped_early": self.stopped_early,
            "train_seconds": self.train_seconds,
            "compile_seconds": self.compile_seconds,
            "validation_accuracy": self.validation_accuracy,
            "test_accuracy": self.evaluation.accuracy,
            "test_loss": self.evaluation.loss,
            "parameters": self.parameters,
        }


@dataclass(frozen=True)
class ComparedRun:
    """One run's part of a comparison."""

    evaluation: Evaluation
    history: tuple[EpochMetrics, ...]
    parameters: int
    train_seconds: float | None


@dataclass(frozen=True)
class PairedTest:
    """Two runs on the same images: counts of images, and McNemar's exact two-sided p-value.

    Attributes:
        networks: How b's network differs from a's, in the one-line language; nothing where they are alike.
    """

    a: str
    b: str
    both_right: int
    only_a_right: int
    only_b_right: int
    both_wrong: int
    p_value: float
    networks: str = ""


@dataclass(frozen=True)
class Comparison:
    """Several runs on the same split, and each pair of them."""

    runs: tuple[ComparedRun, ...]
    pairs: tuple[PairedTest, ...]


@dataclass(frozen=True)
class Digit:
    """One digit of a line of them.

    Attributes:
        box: Its left, top, right and bottom edge in pixels of the upright picture.
        probabilities: Of each class.
        class_names: Their names.
        picture: What the network saw, [height, width, channels] uint8.
    """

    box: tuple[int, int, int, int]
    probabilities: tuple[float, ...]
    class_names: tuple[str, ...]
    picture: np.ndarray = field(compare=False, repr=False)

    @property
    def label(self) -> str:
        """The most probable class's name."""
        return self.class_names[self.probabilities.index(self.confidence)]

    @property
    def confidence(self) -> float:
        """The largest probability."""
        return max(self.probabilities)


@dataclass(frozen=True)
class Prediction:
    """One picture's answer, or the reason why there is none.

    Attributes:
        path: Its name as the user gave it.
        probabilities: Of each class, where the picture was read as one digit.
        class_names: Their names.
        digits: From left to right, where it was read as a line of them.
        error: Why there is no answer.
        note: What its owner should know of how it was read.
        picture: What the network saw of one digit, [height, width, channels] uint8.
    """

    path: str
    probabilities: tuple[float, ...] = ()
    class_names: tuple[str, ...] = ()
    digits: tuple[Digit, ...] = ()
    error: str | None = None
    note: str | None = None
    picture: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def top(self) -> list[tuple[str, float]]:
        """Class names with their probabilities, most probable first; of a line, the one string that was read.

        A string's probability is the product of its digits'.
        """
        if self.digits:
            return [("".join(digit.label for digit in self.digits), math.prod(each.confidence for each in self.digits))]
        return sorted(zip(self.class_names, self.probabilities, strict=True), key=lambda pair: -pair[1])

    @property
    def pictures(self) -> list[np.ndarray]:
        """All that the network saw, from left to right."""
        return [digit.picture for digit in self.digits] if self.picture is None else [self.picture]


@dataclass(frozen=True)
class Explanation:
    """Why one picture got its answer.

    Attributes:
        prediction: The answer.
        steps: The picture [height, width, 1 or 3] uint8 and what was kept of it, step by step, each under its name.
        saliency: How much each pixel that the network saw adds to the answer's logit, [height, width] float32.
        method: How that was computed, and its source.
    """

    prediction: Prediction
    steps: tuple[tuple[str, np.ndarray], ...] = field(compare=False, repr=False)
    saliency: np.ndarray = field(compare=False, repr=False)
    method: str


@dataclass(frozen=True)
class LayerSummary:
    """One layer: its output's shape without the batch, its parameters, multiply-accumulates for one image.

    Attributes:
        receptive_field: Rows and columns of the image that one number of its output follows from; empty: not known.
        depth: In how many residuals it is.
        adds: Of the end of a residual: how many layers, right before it, are inside.
    """

    name: str
    kind: str
    detail: str
    output_shape: tuple[int, ...]
    parameters: int
    multiply_accumulates: int
    receptive_field: tuple[int, ...]
    depth: int = 0
    adds: int = 0


@dataclass(frozen=True)
class Export:
    """A network's file for other programs, and how it answered.

    Attributes:
        size: Of the file, in bytes.
        images: How many test images it was given.
        same_answers: How many of them it reads as JAX does.
        largest_difference: Between a probability of its and the one that follows from JAX's logits.
    """

    run: str
    file: str
    size: int
    images: int
    same_answers: int
    largest_difference: float


@dataclass(frozen=True)
class ModelSummary:
    """An architecture, layer by layer; the first row is the input. `network` is its description, where it has one."""

    arch: str
    network: str | None
    layers: tuple[LayerSummary, ...]

    @property
    def parameters(self) -> int:
        """Trainable parameters in all."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_accumulates(self) -> int:
        """Multiply-accumulates for one image in all."""
        return sum(layer.multiply_accumulates for layer in self.layers)


@dataclass(frozen=True)
class SplitSummary:
    """One split's images, counted by class."""

    name: str
    images: int
    per_class: tuple[int, ...]


@dataclass(frozen=True)
class DatasetSummary:
    """A data set at a glance; `fingerprint` is a SHA-256 over its content."""

    name: str
    splits: tuple[SplitSummary, ...]
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    fingerprint: str
    location: str


@dataclass(frozen=True)
class KnownDataset:
    """A data set that has a name: height, width and channels, classes, images, megabytes to fetch, what it shows."""

    name: str
    image_shape: tuple[int, int, int]
    classes: int
    train_images: int
    test_images: int
    megabytes: int
    summary: str
    prepared: bool = False


@dataclass(frozen=True)
class Sample:
    """One labelled image of a split: [height, width, channels] uint8; and what a run that reads it wrong says of it."""

    index: int
    label: str
    picture: np.ndarray = field(compare=False, repr=False)
    predicted: str | None = None
    confidence: float | None = None


@dataclass(frozen=True)
class Finding:
    """Something odd in a data set.

    Attributes:
        kind: "duplicate", "leak" (a duplicate in another split), "conflict" (one under another label), or "doubt" (a
            run is confident of another label).
        split: Where the image is, and `index` its number there.
        label: Its label.
        other_split: Where it is too, and `other_index` its number there; None for a doubt.
        other_label: The label there, or the one that the run is confident of.
        confidence: The run's.
    """

    kind: str
    split: str
    index: int
    label: str
    other_split: str | None
    other_index: int | None
    other_label: str
    confidence: float | None = None


@dataclass(frozen=True)
class FileCheck:
    """One file's SHA-256 after decompression, as expected and as found (None: the file could not be read)."""

    file: str
    expected: str
    found: str | None

    @property
    def ok(self) -> bool:
        """Whether the file is what it should be."""
        return self.found == self.expected


@dataclass(frozen=True)
class RunSummary:
    """A line of `runs list`; what a run has not come to is None."""

    run: str
    arch: str
    dataset: str
    status: str
    test_accuracy: float | None
    epochs: int | None
    train_seconds: float | None
    created: str


@dataclass(frozen=True)
class Check:
    """One line of `doctor`."""

    name: str
    value: str
    ok: bool = True


def wilson_interval(successes: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927). SciPy has it too, but takes a second to import.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / n
    centre = share + z * z / (2 * n)
    half_width = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half_width) / scale), min(1.0, (centre + half_width) / scale)


def _ratio(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None
