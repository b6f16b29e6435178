"""A self-contained HTML page about a run, a group or a comparison: no network, no script."""

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import fmean

from mnistcli.files import write_output
from mnistcli.render import drawings
from mnistcli.render.compare import p_text, recipe_verdict, verdict
from mnistcli.render.corrupt import ORIGIN, more_errors, robustness_text
from mnistcli.render.evaluate import suggestion_text
from mnistcli.render.html import make_environment
from mnistcli.render.matrix import MOST_PICTURED, samples_by_cell
from mnistcli.render.pixels import MOST_PIXELS, png_address
from mnistcli.render.tables import interval, percent, points, seconds
from mnistcli.results.compare import GroupComparison, PairedTest, RecipeTest
from mnistcli.results.data import Sample
from mnistcli.results.report import Report, Subject

MOST_SHOWN = 12  # of the worst mistakes, and of the images that only one run reads right
IN_CELL = (9, 4, 1)  # most images of a cell: fewer if the page would be too large
MOST_BYTES = 1_500_000  # of the images in cells


def save_page(report: Report, path: Path) -> None:
    """Write the page atomically.

    Raises:
        UsageError: The file cannot be written.
    """
    write_output(path, page(report).encode())


def page(report: Report) -> str:
    """Return the page as HTML."""
    environment = make_environment()
    environment.filters |= {
        "percent": percent,
        "interval": interval,
        "points": points,
        "p": p_text,
        "png": partial(png_address, most=MOST_PIXELS),
    }
    environment.filters |= {"suggestion": suggestion_text, "summary": robustness_text, "more_errors": more_errors}
    pairs = report.comparison.pairs if report.comparison else ()
    return environment.get_template("page.html").render(
        subjects=report.subjects,
        title=", ".join(subject.name for subject in report.subjects),
        verdicts=[_verdict(pair) for pair in pairs] or [_score(report.subjects[0])],
        notes=report.comparison.notes if isinstance(report.comparison, GroupComparison) else (),
        facts=_facts(report.subjects),
        pairs=[(pair, drawings.difference_interval(pair)) for pair in pairs],
        accuracies=drawings.accuracies(report.subjects),
        difference=drawings.difference(pairs[0]) if len(pairs) == 1 else None,
        curves=drawings.curves(report.subjects),
        cells=_cells(report.subjects),
        confidences=[drawings.confidence(subject.evaluation.calibration) for subject in report.subjects],
        robustness=report.robustness,
        origin=ORIGIN,
        flips=report.flips,
        most=MOST_SHOWN,
        most_classes=MOST_PICTURED,
        quote=shlex.join,
    )


def _verdict(pair: PairedTest | RecipeTest) -> str:
    return verdict(pair) if isinstance(pair, PairedTest) else recipe_verdict(pair)


def _score(subject: Subject) -> str:
    scored = f"of {subject.evaluation.n:,} {subject.evaluation.split} images right"
    accuracies = subject.accuracies
    if len(accuracies.values) == 1:
        bounds = interval(subject.evaluation.accuracy_ci95)
        return f"{subject.name} reads {percent(accuracies.mean)} {scored} (95 % interval {bounds})."
    bounds, together = interval(drawings.accuracy_interval(subject)), percent(subject.evaluation.accuracy)
    return (
        f"The {len(accuracies.values)} runs of {subject.name} read {percent(accuracies.mean)} {scored} on average "
        f"(95 % interval {bounds}), their ensemble {together}."
    )


def _facts(subjects: Sequence[Subject]) -> dict[str, list[str]]:
    """Return a table's rows: the facts about each subject."""
    facts = {
        "architecture": [each.evaluation.arch for each in subjects],
        "runs": [str(len(each.accuracies.values)) for each in subjects],
        "accuracy (mean of the runs)": [percent(each.accuracies.mean) for each in subjects],
        "95 % interval": [interval(drawings.accuracy_interval(each)) for each in subjects],
        "standard deviation (points)": [
            "–" if each.accuracies.sd is None else points(each.accuracies.sd) for each in subjects
        ],
        "accuracy of the ensemble": [percent(each.evaluation.accuracy) for each in subjects],
        "loss (nats)": [f"{each.evaluation.loss:.4f}" for each in subjects],
        "calibration error": [percent(each.evaluation.calibration.error) for each in subjects],
        "misread images": [f"{each.evaluation.errors:,}" for each in subjects],
        "parameters": [f"{each.parameters:,}" for each in subjects],
        "training time": [seconds(fmean(each.train_seconds) if each.train_seconds else None) for each in subjects],
    }
    if all(len(each.accuracies.values) == 1 for each in subjects):
        for name in ("runs", "standard deviation (points)", "accuracy of the ensemble"):
            del facts[name]
        return {name.replace(" (mean of the runs)", ""): values for name, values in facts.items()}
    return facts


def _cells(subjects: Sequence[Subject]) -> list[dict[tuple[str, str | None], list[Sample]]]:
    """Return, for each subject, the first images of each cell of its matrix: as many as the page may contain."""
    every = [
        samples_by_cell(subject.mistakes if len(subject.evaluation.class_names) <= MOST_PICTURED else ())
        for subject in subjects
    ]
    most = next((most for most in IN_CELL if _size(every, most) <= MOST_BYTES), 0)
    return [{cell: samples[:most] for cell, samples in cells.items()} for cells in every]


def _size(every: Sequence[dict[tuple[str, str | None], list[Sample]]], most: int) -> int:
    return sum(
        len(png_address(each.picture, most=MOST_PIXELS))
        for cells in every
        for samples in cells.values()
        for each in samples[:most]
    )
