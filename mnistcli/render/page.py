"""One self-contained HTML page of a run, of a group, or of a comparison: no network, no script."""

import io
import shlex
from base64 import b64encode
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from mnistcli.errors import UsageError
from mnistcli.files import write_atomically
from mnistcli.metrics.welch import mean_interval
from mnistcli.render.comparison import p_text, points, recipe_verdict, verdict
from mnistcli.render.pixels import shrink
from mnistcli.render.tables import interval, percent, seconds
from mnistcli.render.view import printable
from mnistcli.results.comparison import GroupComparison, PairedTest, RecipeTest
from mnistcli.results.data import Sample
from mnistcli.results.report import Report, Subject

LEFT, RIGHT = 44, 388  # where a drawing's axis begins and ends, of 400 across
TOP, BOTTOM = 8, 150  # of the curves
MOST_CLASSES = 26  # of a matrix that fits on a page
MOST_SHOWN = 12  # of the worst mistakes, and of the flips of either side
IN_CELL = (9, 4, 1)  # images of a cell: fewer where so many would make the page too large
MOST_BYTES = 1_500_000  # of the images in cells
MOST_PIXELS = 64  # a wider image is shrunk


@dataclass(frozen=True)
class Scale:
    """Where the values from `low` to `high` lie on a drawing's axis from `start` to `end`."""

    low: float
    high: float
    start: float = LEFT
    end: float = RIGHT

    def __call__(self, value: float) -> float:
        """Return where a value lies."""
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[float]:
        """Some two to seven round values, in order."""
        rough = (self.high - self.low) / 6
        power = 10.0 ** np.floor(np.log10(rough))
        step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= rough)
        numbers = range(int(np.ceil(self.low / step - 1e-9)), int(np.floor(self.high / step + 1e-9)) + 1)
        return [round(float(number * step), 10) for number in numbers]


def save_page(report: Report, path: Path) -> None:
    """Write the page, whole or not at all.

    Raises:
        UsageError: The file cannot be written.
    """
    try:
        write_atomically(path, page(report).encode())
    except OSError as error:
        raise UsageError(f"The page cannot be written to {str(path)!r}: {error.strerror}.") from error


def page(report: Report) -> str:
    """Return the page as HTML."""
    environment = Environment(
        loader=PackageLoader("mnistcli.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters |= {"percent": percent, "interval": interval, "points": points, "p": p_text, "png": _png}
    pairs = report.comparison.pairs if report.comparison else ()
    return environment.get_template("page.html").render(
        subjects=report.subjects,
        title=", ".join(subject.name for subject in report.subjects),
        verdicts=[_verdict(pair) for pair in pairs] or [_score(report.subjects[0])],
        notes=report.comparison.notes if isinstance(report.comparison, GroupComparison) else (),
        facts=_facts(report.subjects),
        pairs=[(pair, _pair_interval(pair)) for pair in pairs],
        accuracies=_accuracies(report.subjects),
        difference=_difference(pairs[0]) if len(pairs) == 1 else None,
        curves=_curves(report.subjects),
        cells=_cells(report.subjects),
        flips=report.flips,
        most=MOST_SHOWN,
        most_classes=MOST_CLASSES,
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
    return (
        f"The {len(accuracies.values)} runs of {subject.name} read {percent(accuracies.mean)} {scored} on average "
        f"(95 % interval {interval(_bounds(subject))}), their ensemble {percent(subject.evaluation.accuracy)}."
    )


def _bounds(subject: Subject) -> tuple[float, float]:
    """Return the interval of a group's mean, over seeds, or of a run's accuracy, over images."""
    values = subject.accuracies.values
    return mean_interval(values) if len(values) > 1 else subject.evaluation.accuracy_ci95


def _pair_interval(pair: PairedTest | RecipeTest) -> tuple[float, float]:
    return pair.difference_ci95 if isinstance(pair, PairedTest) else pair.bootstrap_ci95


def _facts(subjects: Sequence[Subject]) -> dict[str, list[str]]:
    """Return a table's rows: what is told of each subject."""
    facts = {
        "architecture": [each.evaluation.arch for each in subjects],
        "runs": [str(len(each.accuracies.values)) for each in subjects],
        "accuracy (mean of the runs)": [percent(each.accuracies.mean) for each in subjects],
        "95 % interval": [interval(_bounds(each)) for each in subjects],
        "standard deviation (points)": [
            "–" if each.accuracies.sd is None else points(each.accuracies.sd) for each in subjects
        ],
        "accuracy of the ensemble": [percent(each.evaluation.accuracy) for each in subjects],
        "loss (nats)": [f"{each.evaluation.loss:.4f}" for each in subjects],
        "calibration error": [percent(each.evaluation.calibration.error) for each in subjects],
        "images read wrong": [f"{each.evaluation.n - each.evaluation.correct:,}" for each in subjects],
        "parameters": [f"{each.parameters:,}" for each in subjects],
        "training time": [seconds(fmean(each.train_seconds) if each.train_seconds else None) for each in subjects],
    }
    if all(len(each.accuracies.values) == 1 for each in subjects):
        for name in ("runs", "standard deviation (points)", "accuracy of the ensemble"):
            del facts[name]
        return {name.replace(" (mean of the runs)", ""): values for name, values in facts.items()}
    return facts


def _accuracies(subjects: Sequence[Subject]) -> tuple[Scale, list[tuple[Subject, tuple[float, float]]]]:
    """Return the axis of all accuracies, in percent, and each subject with its interval."""
    rows = [(subject, _bounds(subject)) for subject in subjects]
    ends = [end for subject, bounds in rows for end in (*bounds, *subject.accuracies.values)]
    margin = 0.05 * (max(ends) - min(ends)) or 0.001
    return Scale((min(ends) - margin) * 100, (max(ends) + margin) * 100), rows


def _difference(pair: PairedTest | RecipeTest) -> Scale:
    """Return the axis, in points, of a difference with its interval and zero."""
    low, high = _pair_interval(pair)
    least, most = min(low, 0) * 100, max(high, 0) * 100
    margin = 0.1 * (most - least) or 0.1
    return Scale(least - margin, most + margin)


@dataclass(frozen=True)
class Curves:
    """Validation accuracy by epoch: axes, and each subject's mean and its band from worst to best."""

    x: Scale
    y: Scale
    lines: tuple[tuple[int, str, str], ...]


def _curves(subjects: Sequence[Subject]) -> Curves | None:
    """Return the curves in percent; None where no run has kept its epochs."""
    values = {}
    for i, subject in enumerate(subjects):
        if epochs := min(map(len, subject.histories)):  # runs that stop early end before the others
            values[i] = np.array([[m.validation_accuracy * 100 for m in run[:epochs]] for run in subject.histories])
    if not values:
        return None
    low, high = min(v.min() for v in values.values()), max(v.max() for v in values.values())
    margin = 0.05 * (high - low) or 0.1
    x = Scale(1, max(2, *(v.shape[1] for v in values.values()), 0))
    y = Scale(float(low - margin), float(high + margin), BOTTOM, TOP)

    def path(heights: np.ndarray) -> list[str]:
        return [f"{x(epoch)},{y(height)}" for epoch, height in enumerate(heights.tolist(), 1)]

    lines = [(i, " ".join(path(v.mean(0))), " ".join(path(v.max(0)) + path(v.min(0))[::-1])) for i, v in values.items()]
    return Curves(x, y, tuple(lines))


def _cells(subjects: Sequence[Subject]) -> list[dict[tuple[str, str | None], list[Sample]]]:
    """Return, for each subject, the first images of each cell of its matrix: as many as the page has room for."""
    every = []
    for subject in subjects:
        cells = defaultdict(list)
        for sample in subject.mistakes if len(subject.evaluation.class_names) <= MOST_CLASSES else ():
            cells[sample.label, sample.predicted].append(sample)
        every.append(cells)
    most = next((most for most in IN_CELL if _size(every, most) <= MOST_BYTES), 0)
    return [{cell: samples[:most] for cell, samples in cells.items()} for cells in every]


def _size(every: Sequence[dict[tuple[str, str | None], list[Sample]]], most: int) -> int:
    return sum(len(_png(each)) for cells in every for samples in cells.values() for each in samples[:most])


def _png(sample: Sample) -> str:
    """Return a sample's picture as the address of a PNG image that holds its own data."""
    [picture] = shrink([sample.picture], MOST_PIXELS)
    pixels = picture.round().astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(content, "png", optimize=True)
    return f"data:image/png;base64,{b64encode(content.getvalue()).decode()}"
