"""mnistcli data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistcli.cli.compute import Compute
from mnistcli.cli.data_options import Data
from mnistcli.cli.face import Face
from mnistcli.cli.options import RUN_HELP, Plot, RunsDir, Split, Theme, check_plot
from mnistcli.config import RUNS_DIR, check_split
from mnistcli.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mnistcli.datasets import Dataset
    from mnistcli.results.data import Sample
    from mnistcli.runs import Run

SHOW_EXAMPLES = [
    "mnistcli data show",
    "mnistcli data show --split test --label 7 --index 10:300 --plot sevens.png",
    "mnistcli data show --split test --wrong cnn --true 4 --predicted 9",
    "mnistcli data show --split test --wrong dense --right cnn --format jsonl",
    "mnistcli data show --dataset fashion_mnist",
]
INFO_EXAMPLES = ["mnistcli data info", "mnistcli data info --dataset drawn/ --image-size 28 --json"]
VERIFY_EXAMPLES = ["mnistcli data verify"]
EXPORT_EXAMPLES = [
    "mnistcli data export --split test --limit 100 digits",
    "mnistcli data export --split test --by-class digits/test",
]
LIST_EXAMPLES = ["mnistcli data list", "mnistcli data list --format csv"]
PREPARE_EXAMPLES = ["mnistcli data prepare fashion_mnist", "mnistcli data prepare emnist/letters"]
PATH_EXAMPLES = ["mnistcli data path", "du -sh $(mnistcli data path)"]
CLEAN_EXAMPLES = ["mnistcli data clean fashion_mnist", "mnistcli data clean"]
AUDIT_EXAMPLES = ["mnistcli data audit --run cnn", "mnistcli data audit --dataset drawn/ --format jsonl"]


def show(
    face: Face,
    data: Data,
    compute: Compute,
    *,
    split: Split = "train",
    count: Annotated[int, typer.Option(metavar="N", help="Show at most N images.")] = 9,
    label: Annotated[
        str | None,
        typer.Option("--label", "--true", metavar="CLASS", help="Show only images of this class.", show_default=False),
    ] = None,
    predicted: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS",
            help="Show only images that the run reads as this class.",
            show_default=False,
        ),
    ] = None,
    index: Annotated[
        str | None,
        typer.Option(
            metavar="A:B", help="Show images from number A up to, but not including, B.", show_default="from 0"
        ),
    ] = None,
    wrong: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="Show images that this run misreads, the most confident first.", show_default=False
        ),
    ] = None,
    right: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Show images that this run reads correctly; with --wrong, only those that the other run misreads.",
            show_default=False,
        ),
    ] = None,
    plot: Plot = None,
    theme: Theme = "light",
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Show labelled images in a grid: one class, one cell of a confusion matrix, or where two runs differ."""
    check_plot(plot)
    check_split(split)
    if count < 1:
        raise UsageError(f"--count must be at least 1, not {count}.")
    _check_predicted(predicted, label=label, wrong=wrong, right=right)
    start, stop = _parse_range(index)

    runs: dict[str, Run] = {}
    if wrong is None and right is None:
        dataset = data.load(face, data.choice())
        number = None if label is None else dataset.label(label)
        chosen = dataset.split(split).choose(label=number, start=start, stop=stop)
        samples: Sequence[Sample] = dataset.samples(split, chosen[:count].tolist())
    else:
        compute.start(face)
        runs = _find_runs(runs_dir, wrong=wrong, right=right)
        dataset, found = _answered(face, data, runs, split, label=label, predicted=predicted)
        within = range(len(dataset.split(split)))[start:stop]
        samples = [sample for sample in found if sample.index in within][:count]
    reading = f" that {_reading(runs, predicted)}" if runs else ""
    of_class = f" of class {label}" if label else ""
    if not samples:
        within_index = f" in --index {index}" if index else ""
        raise DataError(f"{dataset.name!r} has no {split} image{of_class}{within_index}{reading}.")
    columns = max(3, round(len(samples) ** 0.5))
    if plot is not None:
        from mnistcli.render import figures

        title = f"{len(samples):,} {split} image{'s' * (len(samples) > 1)} of {dataset.name}{reading or of_class}"
        face.save_figure(figures.grid(samples, columns=columns, title=title, theme=theme), plot)

    from mnistcli.render.data import samples_view

    names = [run.name for run in runs.values()]
    face.show(samples_view(samples, dataset=dataset.name, split=split, columns=columns, runs=names))


def info(face: Face, data: Data) -> None:
    """Describe a data set: splits, images of each class, shapes, fingerprint, location."""
    from mnistcli.render.data import dataset_view

    face.show(dataset_view(data.load(face, data.choice()).summary()))


def verify(face: Face) -> None:
    """Compare the embedded files with the SHA-256 that MNIST's authors published."""
    from mnistcli.datasets import verify_embedded
    from mnistcli.render.data import file_checks_view

    checks = verify_embedded()
    face.show(file_checks_view(checks))
    if not all(check.ok for check in checks):
        raise DataError("The embedded MNIST is damaged: reinstall mnistcli.")


def export(
    face: Face,
    data: Data,
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    split: Split = "test",
    limit: Annotated[int | None, typer.Option(metavar="N", help="Only the first N images.", show_default="all")] = None,
    by_class: Annotated[bool, typer.Option("--by-class", help="Write one folder per class.")] = False,
) -> None:
    """Write images as PNG files with their labels in the file names, and a labels.csv."""
    check_split(split)
    if limit is not None and limit < 1:
        raise UsageError(f"--limit must be at least 1, not {limit}.")

    from mnistcli.datasets import export_images
    from mnistcli.render.data import export_view

    images = export_images(data.load(face, data.choice()), split, folder, limit=limit, by_class=by_class)
    face.show(export_view(str(folder), images, split))


def list_known(face: Face) -> None:
    """List data sets like MNIST that you can use by name, and which are already prepared."""
    from mnistcli.datasets import known_datasets
    from mnistcli.render.data import known_view

    face.show(known_view(known_datasets()))


def prepare(
    face: Face,
    data: Data,
    *,
    name: Annotated[
        str | None, typer.Argument(metavar="DATA", help="A TFDS name or a path; short for --dataset DATA.")
    ] = None,
) -> None:
    """Download, prepare and decode a data set now, so that its first use is fast and needs no network."""
    from mnistcli.cli.data_options import with_dataset
    from mnistcli.render.data import dataset_view

    named = data if name is None else with_dataset(data, name)
    if "dataset" not in named.given:
        raise UsageError("data prepare needs a data set: see 'mnistcli data prepare --help'.")
    face.show(dataset_view(named.load(face, named.choice()).summary()))


def path(face: Face) -> None:
    """Print the folder of decoded data sets."""
    from mnistcli.datasets import cache_folder
    from mnistcli.render.data import path_view

    face.show(path_view(str(cache_folder())))


def clean(
    face: Face,
    *,
    name: Annotated[
        str | None,
        typer.Argument(metavar="DATA", help="A data set's name, as data info shows it.", show_default="all"),
    ] = None,
) -> None:
    """Delete decoded data sets from the cache; the original files are not touched."""
    from mnistcli.config import absolute
    from mnistcli.datasets import clean_cache
    from mnistcli.render.data import clean_view

    face.show(clean_view(clean_cache(None if name is None else absolute(name))))


def audit(
    face: Face,
    data: Data,
    compute: Compute,
    *,
    run: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Look for labels that this run doubts. " + RUN_HELP, show_default=False),
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Look for duplicate images, leaks between splits, and labels that a run confidently doubts."""
    if run is not None:
        compute.start(face)

    from mnistcli.commands.repeated import repeated_images
    from mnistcli.render.data import audit_view

    if run is None:
        dataset = data.load(face, data.choice())
        findings = repeated_images(dataset)
    else:
        from mnistcli.commands.audit import doubted_labels
        from mnistcli.runs import RunsFolder

        found = RunsFolder(runs_dir).find(run)
        dataset = data.load(face, data.choice_for(found.name, found.data()))
        face.note(f"Looking for labels of {dataset.name} that run {found.name} doubts.")
        findings = [*repeated_images(dataset), *doubted_labels(dataset, found)]
    face.show(audit_view(findings, dataset=dataset.name))


HELP = "Show, describe, verify, export, prepare and audit data sets."
EXAMPLES = [*SHOW_EXAMPLES, *EXPORT_EXAMPLES]
COMMANDS = {
    "show": (show, SHOW_EXAMPLES),
    "info": (info, INFO_EXAMPLES),
    "verify": (verify, VERIFY_EXAMPLES),
    "export": (export, EXPORT_EXAMPLES),
    "list": (list_known, LIST_EXAMPLES),
    "prepare": (prepare, PREPARE_EXAMPLES),
    "path": (path, PATH_EXAMPLES),
    "clean": (clean, CLEAN_EXAMPLES),
    "audit": (audit, AUDIT_EXAMPLES),
}


def _check_predicted(predicted: str | None, *, label: str | None, wrong: str | None, right: str | None) -> None:
    """Raise UsageError if --predicted contradicts --label, --wrong or --right."""
    if predicted is None:
        return
    if wrong is None and right is None:
        raise UsageError("--predicted needs a run: name it with --wrong RUN.")
    if wrong is not None and predicted == label:
        advice = f"use --right {wrong}" if right is None else "name another class with --predicted"
        raise UsageError(f"Images of class {label} that are read as {label} are read correctly: {advice}.")
    if wrong is None and label not in (None, predicted):
        raise UsageError(f"Images of class {label} that are read as {predicted} are misread: use --wrong {right}.")


def _find_runs(runs_dir: Path, **asked: str | None) -> dict[str, Run]:
    from mnistcli.runs import RunsFolder

    return {flag: RunsFolder(runs_dir).find(text) for flag, text in asked.items() if text is not None}


def _answered(
    face: Face, data: Data, runs: dict[str, Run], split: str, *, label: str | None, predicted: str | None
) -> tuple[Dataset, list[Sample]]:
    """Return the data set and the images that match the runs, class and answer."""
    from mnistcli.commands.answers import with_names_of
    from mnistcli.commands.flips import read_by

    first, *_ = runs.values()
    dataset = with_names_of(first, data.load(face, data.choice_for(first.name, first.data())))
    for name in filter(None, (label, predicted)):
        dataset.label(name)
    face.note(f"Looking for {split} images of {dataset.name} that {_reading(runs, predicted)}.")
    samples = read_by(runs, dataset, split=split)
    chosen = [each for each in samples if label in (None, each.label) and predicted in (None, each.predicted)]
    return dataset, chosen


def _reading(runs: dict[str, Run], predicted: str | None) -> str:
    """Say how the runs read an image: "dense-001 reads as 9 and cnn-001 reads correctly"."""
    ways = {"wrong": "misreads" if predicted is None else f"reads as {predicted}", "right": "reads correctly"}
    return " and ".join(f"{run.name} {ways[flag]}" for flag, run in runs.items())


def _parse_range(text: str | None) -> tuple[int, int | None]:
    if text is None:
        return 0, None
    start, colon, stop = text.partition(":")
    try:
        first = int(start or 0)
        last = int(stop) if stop else None if colon else first + 1
    except ValueError as error:
        raise UsageError(f"--index takes A:B, A: or A, as in 10:30, not {text!r}.") from error
    if first < 0 or (last is not None and last <= first):
        raise UsageError(f"--index {text!r} contains no image: expected 0 ≤ A < B.")
    return first, last
