"""Find the images that one of two runs reads correctly and the other misreads."""

from collections.abc import Iterable, Mapping, Sequence

from mnistcli.commands.answers import Answers, answers_of
from mnistcli.datasets import Dataset
from mnistcli.results.data import Flip, Flips, Sample
from mnistcli.runs import Run


def flips(a: Run, b: Run, dataset: Dataset, *, split: str) -> Flips:
    """Return the images of a split that only one of two runs reads correctly, the most confident mistake first.

    Raises:
        RunError: A run's weights are missing or damaged, or do not fit the data.
        UsageError: The split is unknown.
    """
    return flips_between(*(answers_of(run, dataset, split=split) for run in (a, b)))


def flips_between(a: Answers, b: Answers) -> Flips:
    """Return the images that only one of two models reads correctly, in the same order."""
    return Flips(
        a=a.name,
        b=b.name,
        only_a_right=_flips(a, b, b.most_confident(a.right & ~b.right)),
        only_b_right=_flips(a, b, a.most_confident(~a.right & b.right)),
    )


def read_by(runs: Mapping[str, Run], dataset: Dataset, *, split: str) -> Sequence[Sample]:
    """Return the images of a split that the run "wrong" misreads and the run "right" reads correctly, or for one run.

    The most confident answer comes first; with two runs, the most confident mistake.

    Raises:
        RunError: A run's weights are missing or damaged, or do not fit the data.
        UsageError: The split is unknown.
    """
    if len(runs) == 2:
        return flips(runs["wrong"], runs["right"], dataset, split=split).only_b_right
    [(how, run)] = runs.items()
    answers = answers_of(run, dataset, split=split)
    return answers.samples(answers.right == (how == "right"))


def _flips(first: Answers, second: Answers, indices: Iterable[int]) -> tuple[Flip, ...]:
    return tuple(
        Flip(
            **vars(first.sample(i)),
            other_predicted=first.class_names[second.predicted[i]],
            other_confidence=float(second.confidences[i]),
        )
        for i in indices
    )
