"""mnistcli compare."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistcli.cli.compute import Compute
from mnistcli.cli.data_options import Data
from mnistcli.cli.face import Face
from mnistcli.cli.onnx_options import Onnx
from mnistcli.cli.options import MODEL_HELP, Plot, RunsDir, Split, check_plot
from mnistcli.cli.train import load_source, train_visibly
from mnistcli.config import RUNS_DIR, DataChoice, check_split
from mnistcli.errors import RunError, UsageError
from mnistcli.models import arch_key, configure, is_architecture

if TYPE_CHECKING:
    from mnistcli.runs import Run, RunsFolder

EXAMPLES = [
    "mnistcli compare --plot out.png",
    "mnistcli compare linear dense cnn",
    "mnistcli compare dense-001 dense-002 --no-train --json",
    "mnistcli compare dense cnn --dataset fashion_mnist",
    "mnistcli compare cnn keras.onnx",
]
STUDY = ["dense", "cnn"]


def compare(
    face: Face,
    data: Data,
    compute: Compute,
    onnx: Onnx,
    *,
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help=f"{MODEL_HELP} Two or more; without any: dense and cnn."),
    ] = None,
    split: Split = "test",
    plot: Plot = None,
    no_train: Annotated[
        bool, typer.Option("--no-train", help="Refuse, rather than train, an architecture without a finished run.")
    ] = False,
    allow_different_data: Annotated[
        bool, typer.Option("--allow-different-data", help="Compare runs that were trained on other data too.")
    ] = False,
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
    device = compute.start(face)

    from mnistcli.analysis.compare import compare as compare_runs
    from mnistcli.analysis.study import train
    from mnistcli.render.comparison import comparison_view, verdict
    from mnistcli.runs import RunsFolder

    folder = RunsFolder(runs_dir)
    choice = _choice(data, names, folder)
    images = data.load(face, choice)
    missing = _missing(names, folder, choice)
    named = [name for name in names if not is_architecture(name)]
    found = dict(zip(named, onnx.take(face, map(folder.find, named)), strict=True))
    if missing and no_train:
        raise RunError(
            f"There is no finished {missing[0]} run on {choice.dataset} in {str(runs_dir)!r}, and --no-train forbids "
            "training one."
        )
    for arch in missing:
        face.note(f"There is no finished {arch} run on {choice.dataset} in {str(runs_dir)!r} yet: training one first.")
        load_source(arch)
        work = partial(train, configure(arch, data=choice), runs=folder)
        train_visibly(face, work, data, device=device, plots=True)
    chosen = _distinct([found.get(name) or folder.find(name, data=choice) for name in names])
    face.note(f"Comparing {', '.join(run.name for run in chosen)} on the {split} images of {choice.dataset}.")
    comparison = compare_runs(chosen, images, split=split, different_data=allow_different_data)
    if plot is not None:
        from mnistcli.render import figures

        face.save_figure(figures.comparison(comparison), plot)
    face.show(comparison_view(comparison))
    if face.format != "table":
        for pair in comparison.pairs:
            face.note(verdict(pair))


def _choice(data: Data, names: list[str], folder: "RunsFolder") -> DataChoice:
    """Return what to compare on: what is asked for, else what the first run that is named was trained on."""
    for name in names:
        if not is_architecture(name):
            run = folder.find(name)
            if run.reading is None:
                return data.choice_for(run.name, run.data())
    return data.choice()


def _missing(names: list[str], folder: "RunsFolder", choice: DataChoice) -> list[str]:
    """Return the architectures to train; every other name must be a run already, before anything is trained."""
    missing = []
    for name in names:
        if [_key(each) for each in names].count(_key(name)) > 1:
            raise UsageError(f"compare was given {name!r} twice: name two different runs.")
        if is_architecture(name) and not folder.has_finished(arch_key(name), data=choice):
            missing.append(name)
        else:
            folder.find(name, data=choice)
    return missing


def _key(name: str) -> str:
    return arch_key(name) if is_architecture(name) else name


def _distinct(runs: list["Run"]) -> list["Run"]:
    places: dict[Path, str] = {}
    for run in runs:
        place = run.weights.resolve()
        if place in places:
            raise UsageError(f"compare was given the run {run.name!r} twice: name two different runs.")
        places[place] = run.name
    return runs
