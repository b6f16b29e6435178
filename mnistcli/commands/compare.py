"""Compare runs, or groups of runs of one recipe, on the same images, pair by pair."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from mnistcli.commands.answers import Answers, answers_of, ensemble
from mnistcli.commands.classifier import Classifier
from mnistcli.commands.evaluate import score
from mnistcli.datasets import Dataset
from mnistcli.errors import RunError, UsageError
from mnistcli.metrics.pairs import cochran_test, holm, paired_test
from mnistcli.metrics.recipes import compare_all
from mnistcli.models.language import difference, parse
from mnistcli.results.compare import ComparedGroup, ComparedRun, Comparison, GroupComparison
from mnistcli.results.spread import Spread
from mnistcli.runs import Run


def compare(chosen: Sequence[Run], dataset: Dataset, *, split: str, different_data: bool = False) -> Comparison:
    """Return the runs side by side, Cochran's Q of three or more, and each pair's McNemar test.

    Args:
        chosen: The runs.
        dataset: The data set.
        split: The split.
        different_data: Whether they may have been trained on different data; a run that another of them started from
            always may.

    Raises:
        RunError: A run's weights are missing or damaged, do not fit the data, or were trained on different data.
        UsageError: The split is unknown.
    """
    starts = {record.config.start for run in chosen if (record := run.record())}
    answers = [_answers(run, dataset, split, different_data=different_data or run.name in starts) for run in chosen]
    compared = tuple(
        ComparedRun(score(each), run.history(), each.model.parameters, _train_seconds(run))
        for run, each in zip(chosen, answers, strict=True)
    )
    tests = [
        (paired_test(a.name, b.name, a.right, b.right), _difference(a.model, b.model))
        for a, b in combinations(answers, 2)
    ]
    corrected = holm([test.p_value for test, _ in tests])
    pairs = tuple(
        replace(test, p_holm=p, networks=networks) for (test, networks), p in zip(tests, corrected, strict=True)
    )
    q, p = cochran_test(np.array([each.right for each in answers])) if len(answers) > 2 else (None, None)
    return Comparison(compared, pairs, cochran_q=q, cochran_p=p)


def distinct(runs: Sequence[Run]) -> Sequence[Run]:
    """Return the runs to compare.

    Raises:
        UsageError: Two of them have the same weights file.
    """
    places: dict[Path, str] = {}
    for run in runs:
        place = run.weights.resolve()
        if place in places:
            raise UsageError(f"compare was given the run {run.name!r} twice: name two different runs.")
        places[place] = run.name
    return runs


def compare_groups(
    groups: Sequence[tuple[str, Sequence[Run]]],
    dataset: Dataset,
    *,
    split: str,
    margin: float,
    different_data: bool = False,
    notes: Sequence[str] = (),
) -> GroupComparison:
    """Return groups of runs, each of one recipe, side by side, and each pair's test over seeds and images.

    Args:
        groups: Names and finished runs, two or more each.
        dataset: The data set.
        split: The split.
        margin: The largest difference of accuracies, as a fraction, that counts as equivalent.
        different_data: Whether they may have been trained on different data.
        notes: Remarks for the reader.

    Raises:
        RunError: A run's weights are missing or damaged, do not fit the data, or were trained on different data.
        UsageError: A group has only one run, or the split is unknown.
    """
    for name, runs in groups:
        if len(runs) < 2:
            raise UsageError(f"{name!r} has one finished run: comparing recipes needs two or more seeds of each.")
    answers = [[_answers(run, dataset, split, different_data=different_data) for run in runs] for _, runs in groups]
    names = [name for name, _ in groups]
    right = [np.array([each.right for each in members]) for members in answers]
    networks = [_difference(a[0].model, b[0].model) for a, b in combinations(answers, 2)]
    tests = compare_all([*zip(names, right, strict=True)], margin=margin)
    return GroupComparison(
        split=split,
        n=len(answers[0][0].images),
        class_names=answers[0][0].class_names,
        groups=tuple(_group(name, runs, members) for (name, runs), members in zip(groups, answers, strict=True)),
        pairs=tuple(replace(test, networks=text) for test, text in zip(tests, networks, strict=True)),
        notes=tuple(notes),
    )


def _group(name: str, runs: Sequence[Run], members: Sequence[Answers]) -> ComparedGroup:
    return ComparedGroup(
        group=name,
        arch=members[0].model.arch,
        seeds=tuple(map(_seed, runs)),
        runs=tuple(run.name for run in runs),
        accuracies=Spread(tuple(float(each.right.mean()) for each in members)),
        train_seconds=tuple(map(_train_seconds, runs)),
        histories=tuple(run.history() for run in runs),
        parameters=members[0].model.parameters,
        ensemble=score(ensemble(name, members)),
    )


def _answers(run: Run, dataset: Dataset, split: str, *, different_data: bool) -> Answers:
    answers = answers_of(run, dataset, split=split)
    if answers.model.data_fingerprint not in (None, dataset.fingerprint) and not different_data:
        raise RunError(
            f"The run {run.name!r} was trained on different data than {dataset.name!r}: use --allow-different-data to "
            "compare anyway."
        )
    return answers


def _seed(run: Run) -> int:
    record = run.record()
    if record is None:
        raise RunError(f"The run {run.name!r} has no run.json, so its seed is unknown.")
    return record.config.seed


def _train_seconds(run: Run) -> float | None:
    record = run.record()
    return record.results.get("train_seconds") if record else None


def _difference(a: Classifier, b: Classifier) -> str:
    if a.network is None or b.network is None:
        return ""
    return difference(parse(a.network), parse(b.network))
