"""Find labels that a run doubts."""

from mnistcli.commands.answers import answers_of
from mnistcli.config import SPLITS
from mnistcli.datasets import Dataset
from mnistcli.results.data import Finding
from mnistcli.runs import Run

CONFIDENT = 0.95  # at this confidence, a calibrated network is wrong once in twenty times


def doubted_labels(dataset: Dataset, run: Run) -> list[Finding]:
    """Return the images for which the run is confident of another label, the most confident first.

    Raises:
        RunError: The run's weights are missing or damaged, or do not fit the data.
    """
    findings = []
    for split in SPLITS:
        if not len(getattr(dataset, split)):
            continue
        answers = answers_of(run, dataset, split=split)
        findings += [
            Finding("doubt", split, sample.index, sample.label, None, None, str(sample.predicted), sample.confidence)
            for sample in answers.samples(~answers.right & (answers.confidences >= CONFIDENT))
        ]
    return sorted(findings, key=lambda finding: -(finding.confidence or 0))
