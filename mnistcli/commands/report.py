"""Gather the content of a page about runs or groups."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from mnistcli.commands.answers import Answers, answers_of, ensemble
from mnistcli.commands.flips import flips_between
from mnistcli.datasets import Dataset
from mnistcli.models.settings import train_command
from mnistcli.results.compare import Comparison, GroupComparison
from mnistcli.results.evaluate import Evaluation, Robustness
from mnistcli.results.report import Making, Report, Subject
from mnistcli.results.spread import Spread
from mnistcli.runs import Run


def make_report(
    evaluated: Sequence[tuple[Evaluation, Sequence[Run]]],
    dataset: Dataset,
    *,
    comparison: Comparison | GroupComparison | None = None,
    robustness: Robustness | None = None,
) -> Report:
    """Return the content of a page about runs or groups that were evaluated on a split.

    Args:
        evaluated: Each evaluation with its runs: one run, or those of a group.
        dataset: The data set that they were evaluated on.
        comparison: The result of comparing them, if there are several.
        robustness: The results on corrupted images, if there is only one.

    Raises:
        RunError: A run's files are missing or damaged, or do not fit the data.
    """
    found = [_subject(evaluation, runs, dataset) for evaluation, runs in evaluated]
    flips = None
    if len(found) == 2:
        (a, _), (b, _) = found
        flips = flips_between(a, b)
    return Report(tuple(subject for _, subject in found), comparison, flips, robustness)


def _subject(evaluation: Evaluation, runs: Sequence[Run], dataset: Dataset) -> tuple[Answers, Subject]:
    """Return the answers of a run, or of a group's ensemble, and its part of the page."""
    members = [answers_of(run, dataset, split=evaluation.split) for run in runs]
    answers = members[0] if len(members) == 1 else ensemble(evaluation.run, members)
    records = [record for run in runs if (record := run.record())]
    return answers, Subject(
        evaluation=evaluation,
        accuracies=Spread(tuple(float(each.right.mean()) for each in members)),
        histories=tuple(run.history() for run in runs),
        mistakes=answers.samples(~answers.right),
        parameters=answers.model.parameters,
        train_seconds=tuple(r.results["train_seconds"] for r in records if "train_seconds" in r.results),
        making=_making(runs),
    )


def _called_as(argv: Sequence[str]) -> str:
    """Return the command that made a run: mnistcli's, or that of the Python code that called mnistcli."""
    by_program = not argv or Path(argv[0]).name == "mnistcli" or Path(argv[0]).parts[-2:] == ("mnistcli", "__main__.py")
    return shlex.join(["mnistcli", *argv[1:]] if by_program else ["python", *argv])


def _making(runs: Sequence[Run]) -> Making | None:
    records = [record for run in runs if (record := run.record())]
    if not records:
        return None
    first = records[0]
    known, config = first.provenance, first.config
    settings = {name: value for name, value in config.as_dict().items() if name != "seed"}
    facts = {
        **{name.replace("_", " "): str(value) for name, value in settings.items() if value not in (None, (), False)},
        "seeds" if len(records) > 1 else "seed": ", ".join(str(record.config.seed) for record in records),
        "trained": first.created,
        "called as": _called_as([str(word) for word in known.get("argv", [])]),
        "device": str(known.get("device")),
        "platform": str(known.get("platform")),
        "versions": ", ".join(f"{name} {number}" for name, number in dict(known.get("versions") or {}).items()),
        "data (SHA-256)": str(known.get("data_fingerprint")),
        **({"git commit": str(known["git_commit"])} if known.get("git_commit") else {}),
    }
    seeds = [str(record.config.seed) for record in records]
    return Making((*train_command(config), "--seed" if len(seeds) == 1 else "--seeds", ",".join(seeds)), facts)
