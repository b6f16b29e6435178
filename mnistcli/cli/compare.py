"""mnistcli compare."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistcli.cli.face import Face
from mnistcli.cli.options import RUN_HELP, Dataset, Device, NoCache, Plot, RunsDir, Split, check_plot
from mnistcli.cli.train import train_visibly
from mnistcli.config import RUNS_DIR, TrainConfig, check_split
from mnistcli.errors import RunError, UsageError
from mnistcli.recipes import RECIPES, configure

if TYPE_CHECKING:
    from mnistcli.runs import Run, RunsFolder

EXAMPLES = [
    "mnistcli compare --plot out.png",
    "mnistcli compare linear dense cnn",
    "mnistcli compare dense-001 dense-002 --no-train --json",
]
STUDY = ["dense", "cnn"]


def compare(
    face: Face,
    *,
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help=f"{RUN_HELP} Two or more; without any: dense and cnn."),
    ] = None,
    split: Split = "test",
    dataset: Dataset = TrainConfig.dataset,
    plot: Plot = None,
    no_train: Annotated[
        bool, typer.Option("--no-train", help="Refuse, rather than train, an architecture without a finished run.")
    ] = False,
    device: Device = "auto",
    no_cache: NoCache = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Set runs side by side on the same images and say whether the difference could be chance.

    An architecture that has no finished run is trained first, by its recipe.
    """
    check_plot(plot)
    check_split(split)
    names = runs or STUDY
    if len(names) < 2:
        raise UsageError(f"compare takes two runs or more, not {len(names)}: name another, or none for dense and cnn.")

    from mnistcli.analysis.compare import compare as compare_runs
    from mnistcli.analysis.study import train
    from mnistcli.data import load
    from mnistcli.device import describe, use_device
    from mnistcli.render.comparison import comparison_view, verdict
    from mnistcli.runs import RunsFolder

    folder = RunsFolder(runs_dir)
    images = load(dataset)
    missing = _missing(names, folder)
    if missing and no_train:
        raise RunError(
            f"There is no finished {missing[0]} run in {str(runs_dir)!r}, and --no-train forbids training one."
        )
    for arch in missing:
        face.note(f"There is no finished {arch} run in {str(runs_dir)!r} yet: training one first.")
        config = configure(arch, dataset=dataset)
        train_visibly(face, partial(train, config, runs=folder), device=device, cache=not no_cache, plots=True)
    chosen = _distinct([folder.find(name) for name in names])
    face.note(f"Comparing {', '.join(run.name for run in chosen)} on the {split} images of {dataset}.")
    used = describe(use_device(device, cache=not no_cache))
    face.explain(f"Computing on {used}.")
    comparison = compare_runs(chosen, images, split=split)
    if plot is not None:
        from mnistcli.render import figures

        face.save_figure(figures.comparison(comparison), plot)
    face.show(comparison_view(comparison))
    if face.format != "table":
        for pair in comparison.pairs:
            face.note(verdict(pair))


def _missing(names: list[str], folder: "RunsFolder") -> list[str]:
    """Return the architectures to train; every other name must be a run already, before anything is trained."""
    missing = []
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"compare was given {name!r} twice: name two different runs.")
        if name in RECIPES and not folder.has_finished(name):
            missing.append(name)
        else:
            folder.find(name)
    return missing


def _distinct(runs: list["Run"]) -> list["Run"]:
    places: dict[Path, str] = {}
    for run in runs:
        place = run.weights.resolve()
        if place in places:
            raise UsageError(f"compare was given the run {run.name!r} twice: name two different runs.")
        places[place] = run.name
    return runs
