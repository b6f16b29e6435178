"""Small results with no symmetry: whatever is swapped in showing them is seen."""

from collections.abc import Sequence

import numpy as np

from mnistcli.results.compare import ComparedGroup, ComparedRun, Comparison, GroupComparison, RecipeTest, Verdict
from mnistcli.results.evaluate import (
    Calibration,
    CorruptedEvaluation,
    CoveragePoint,
    Evaluation,
    ReliabilityBin,
    Robustness,
)
from mnistcli.results.spread import Spread
from mnistcli.results.train import EpochMetrics

HISTORY = (
    EpochMetrics(1, 0.9, 0.70, 0.5, 0.83, 1.5, 100.0),
    EpochMetrics(2, 0.4, 0.88, 0.3, 0.91, 2.5, 100.0),
    EpochMetrics(3, 0.2, 0.95, 0.25, 0.92, 3.5, 100.0),
)
CONFUSION = ((90, 7, 3), (0, 40, 9), (1, 0, 199))  # 10, 9 and 1 errors by true class; 1, 7 and 12 by predicted
CALIBRATION = Calibration(
    loss=0.1212,
    brier=0.0333,
    error=0.0567,
    error_uncalibrated=0.0789,
    reliability=(ReliabilityBin(0.0, 0.5, 0, 0, None), ReliabilityBin(0.5, 1.0, 349, 329, 0.9321)),
    reliability_uncalibrated=(ReliabilityBin(0.0, 0.5, 4, 1, 0.47), ReliabilityBin(0.5, 1.0, 345, 328, 0.9876)),
    coverage=(CoveragePoint(0.5, 1.0, 329 / 349), CoveragePoint(0.99, 0.0, None)),
    suggested=CoveragePoint(0.93, 0.9712, 0.9991),
    curve=(CoveragePoint(0.5, 1.0, 329 / 349), CoveragePoint(0.93, 0.9712, 0.9991)),
)
BETTER = ((96, 4, 0), (2, 47, 0), (3, 2, 195))  # 4, 2 and 5 errors by true class


def evaluation(
    confusion: Sequence[Sequence[int]] = CONFUSION, *, run: str = "cnn-001", names: Sequence[str] = ("0", "1", "2")
) -> Evaluation:
    matrix = tuple(map(tuple, confusion))
    return Evaluation(run, run.split("-")[0], "test", 0.1234, CALIBRATION, matrix, tuple(names))


def compared(*runs: tuple[Evaluation, Sequence[EpochMetrics]]) -> Comparison:
    return Comparison(tuple(ComparedRun(each, tuple(history), 10, 1.0) for each, history in runs), ())


def robustness(names: Sequence[str] = ("0", "1", "2")) -> Robustness:
    """BETTER once clean, and CONFUSION in two corruptions; images of 2×3 pixels."""
    pictures = [np.full((2, 3, 1), level, np.uint8) for level in (200, 100, 50)]
    corrupted = [
        CorruptedEvaluation(name, f"{name}, by hand", evaluation(names=names), picture)
        for name, picture in zip(("fog", "shear"), pictures[1:], strict=True)
    ]
    return Robustness(evaluation(BETTER, names=names), pictures[0], tuple(corrupted))


TEST = RecipeTest(
    a="cnn", b="dense", difference=0.0065, welch_t=12.3, welch_p=0.00002, welch_ci95=(0.0053, 0.0077),
    p_value=0.0079, p_holm=0.0079, permutations=252, smallest_p=0.0079, bootstrap_ci95=(0.0041, 0.0089),
    seeds_share=0.25, images_share=0.75, probability=0.96, probability_ci95=(0.88, 1.0), meaningful=True,
    margin=0.001, p_equivalence=0.9991, verdict=Verdict.A_BETTER,
)  # fmt: skip


def group(name: str, accuracies: Sequence[float], *, epochs: Sequence[int] = (3, 3, 3)) -> ComparedGroup:
    n = len(accuracies)
    return ComparedGroup(
        group=name, arch=name, seeds=tuple(range(n)), runs=tuple(f"{name}-{i + 1:03}" for i in range(n)),
        accuracies=Spread(tuple(accuracies)), train_seconds=(*(10.0 * (i + 1) for i in range(n - 1)), None),
        histories=tuple(HISTORY[:each] for each in epochs), parameters=407_050, ensemble=evaluation(run=name),
    )  # fmt: skip


GROUPS = GroupComparison(
    split="test", n=10_000, class_names=("0", "1", "2"),
    groups=(group("cnn", (0.9881, 0.9885, 0.9874)), group("dense", (0.9815, 0.9811, 0.9820))), pairs=(TEST,),
)  # fmt: skip
