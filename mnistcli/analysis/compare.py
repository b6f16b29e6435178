"""Compare runs on the same images, pair by pair."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from mnistcli.analysis.evaluate import load_for, logits_of, score
from mnistcli.data import Dataset
from mnistcli.errors import RunError
from mnistcli.models.language import difference, parse
from mnistcli.results.comparison import ComparedRun, Comparison, PairedTest
from mnistcli.runs import Run


def compare(chosen: Sequence[Run], dataset: Dataset, *, split: str, different_data: bool = False) -> Comparison:
    """Return the runs side by side and each pair's McNemar test.

    Args:
        chosen: The runs.
        dataset: What they are tested on.
        split: The part of it.
        different_data: Whether they may have been trained on other data than that.

    Raises:
        RunError: A run's weights are missing or damaged, do not fit the data, or were trained on other data.
        UsageError: There is no such split.
    """
    images = dataset.split(split)
    compared, right, networks = [], [], []
    for run in chosen:
        model = load_for(run, dataset)
        if model.data_fingerprint not in (None, dataset.fingerprint) and not different_data:
            raise RunError(
                f"The run {run.name!r} was trained on other data than {dataset.name!r}: --allow-different-data "
                "compares all the same."
            )
        logits = logits_of(model, images.images)
        evaluation = score(logits, images, model, run=run.name, split=split)
        record = run.record()
        seconds = record.results.get("train_seconds") if record else None
        compared.append(ComparedRun(evaluation, run.history(), model.parameters, seconds))
        right.append(logits.argmax(1) == images.labels)
        networks.append(model.network)
    pairs = [
        replace(
            paired_test(chosen[a].name, chosen[b].name, right[a], right[b]),
            networks=_difference(networks[a], networks[b]),
        )
        for a, b in combinations(range(len(chosen)), 2)
    ]
    return Comparison(tuple(compared), tuple(pairs))


def _difference(a: str | None, b: str | None) -> str:
    return difference(parse(a), parse(b)) if a is not None and b is not None else ""


def paired_test(a: str, b: str, right_a: np.ndarray, right_b: np.ndarray) -> PairedTest:
    """Return McNemar's exact test of two runs' right answers [n] bool.

    Under the null hypothesis an image that only one of the two reads right falls to either alike, so the count of one
    side is binomial with p = 1/2. Source: Q. McNemar, "Note on the sampling error of the difference between correlated
    proportions or percentages", Psychometrika 12 (1947).
    """
    from scipy.stats import binomtest  # a second to import, and needed nowhere else

    only_a, only_b = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    disagreements = only_a + only_b
    return PairedTest(
        a=a,
        b=b,
        both_right=int((right_a & right_b).sum()),
        only_a_right=only_a,
        only_b_right=only_b,
        both_wrong=int((~right_a & ~right_b).sum()),
        p_value=float(binomtest(only_a, disagreements).pvalue) if disagreements else 1.0,
    )
