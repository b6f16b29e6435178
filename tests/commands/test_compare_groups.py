from pathlib import Path

import numpy as np
import pytest

from mnistcli.commands.classifier import load_stored_for, logits_of
from mnistcli.commands.compare import compare_groups
from mnistcli.datasets import load
from mnistcli.errors import RunError, UsageError
from mnistcli.metrics.scores import softmax
from mnistcli.runs import RunsFolder


def test_groups_are_scored_run_by_run_and_as_ensembles_of_calibrated_probabilities(workspace: Path) -> None:
    folder, data = RunsFolder(workspace / "runs"), load("mnist")
    dense, linear = folder.find("dense-001"), folder.find("linear-001")
    found = compare_groups(
        [("ours", [dense, linear]), ("theirs", [linear, dense])], data, split="test", margin=0.002, notes=["Note."]
    )
    ours, theirs = found.groups
    assert (ours.runs, ours.seeds) == (("dense-001", "linear-001"), (0, 0))
    models = [load_stored_for(run, data) for run in (dense, linear)]
    logits = [logits_of(model, data.test.images) for model in models]
    assert ours.accuracies.values == tuple((each.argmax(1) == data.test.labels).mean() for each in logits)
    assert theirs.accuracies.values == ours.accuracies.values[::-1]
    mean = np.mean(
        [softmax(each, temperature=model.temperature) for each, model in zip(logits, models, strict=True)], axis=0
    )
    assert ours.ensemble.run == "ours"
    assert ours.ensemble.accuracy == (mean.argmax(1) == data.test.labels).mean()
    assert ours.ensemble.loss == pytest.approx(-np.log(mean[np.arange(10_000), data.test.labels]).mean())
    assert [len(history) for history in ours.histories] == [2, 2]
    (test,) = found.pairs
    assert (test.difference, test.margin, test.p_value) == (0, 0.002, 1)
    assert (found.n, found.notes) == (10_000, ("Note.",))


def test_a_group_of_one_run_or_without_seeds_is_refused(workspace: Path) -> None:
    folder, data = RunsFolder(workspace / "runs"), load("mnist")
    dense, builtin = folder.find("dense-001"), folder.find("builtin")
    with pytest.raises(UsageError, match="'few' has one finished run"):
        compare_groups([("few", [dense]), ("two", [dense, dense])], data, split="test", margin=0.001)
    with pytest.raises(RunError, match=r"'builtin' has no run\.json"):
        compare_groups([("a", [dense, dense]), ("b", [builtin, builtin])], data, split="test", margin=0.001)
