"""mnistcli compare."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistcli.cli.compute import Compute
from mnistcli.cli.data_options import Data
from mnistcli.cli.face import Face
from mnistcli.cli.group import draw_curves, parse_seeds, train_group
from mnistcli.cli.onnx_options import Onnx
from mnistcli.cli.options import MODEL_HELP, Html, Plot, RunsDir, Split, Theme, check_html, check_plot
from mnistcli.cli.training import draw_figures, train_visibly
from mnistcli.config import RUNS_DIR, DataChoice, check_split
from mnistcli.errors import RunError, UsageError
from mnistcli.models import arch_key, configure, is_architecture, is_flax

if TYPE_CHECKING:
    from mnistcli.datasets import Dataset
    from mnistcli.results.compare import Comparison, GroupComparison
    from mnistcli.results.evaluate import Evaluation
    from mnistcli.runs import Run, RunsFolder
    from mnistcli.runs.groups import Group, Groups

EXAMPLES = [
    "mnistcli compare --plot out.png",
    "mnistcli compare linear dense cnn",
    "mnistcli compare dense-001 dense-002 --no-train --json",
    "mnistcli compare dense cnn --seeds 8 --html report.html",
    "mnistcli compare dense cnn --plot-flips flips.png",
    "mnistcli compare dense cnn --dataset fashion_mnist",
    "mnistcli compare cnn keras.onnx",
]
STUDY = ["dense", "cnn"]
MARGIN = 0.1  # percentage points


def compare(
    face: Face,
    data: Data,
    compute: Compute,
    onnx: Onnx,
    *,
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", help=f"{MODEL_HELP} Two or more; without any: dense and cnn."),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            metavar="N|LIST",
            help="Compare recipes, with one run per seed: seeds 0 to N-1, or those listed, as in 0,3,7. Missing runs "
            "are trained.",
            show_default=False,
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS",
            help="Treat recipes as equivalent if they differ by less than POINTS percentage points.",
            show_default=f"{MARGIN:g}",
        ),
    ] = None,
    split: Split = "test",
    plot: Plot = None,
    theme: Theme = "light",
    plot_flips: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw the images that only one of two runs, or of two groups' ensembles, reads correctly: .png, .pdf "
            "or .svg.",
            show_default=False,
        ),
    ] = None,
    html: Html = None,
    no_train: Annotated[
        bool, typer.Option("--no-train", help="Fail instead of training an architecture that has no finished run.")
    ] = False,
    allow_different_data: Annotated[
        bool, typer.Option("--allow-different-data", help="Also compare runs that were trained on different data.")
    ] = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Compare runs on the same images and say whether the differences could be chance.

    An architecture that has no finished run is trained first, with its recipe.

    Two runs only tell you about these two trainings. With --seeds, or with groups, compare tells you about their
    recipes: whether new trainings would give the same result.
    """
    names = runs or STUDY
    _check_arguments(names, split=split, margin=margin, plot=plot, plot_flips=plot_flips, html=html)
    wanted = [] if seeds is None else parse_seeds(seeds)

    from mnistcli.runs import RunsFolder
    from mnistcli.runs.groups import Groups

    groups = Groups(RunsFolder(runs_dir))
    order = Order(
        face, data, compute, onnx, groups, split, plot, theme, plot_flips, html, no_train, allow_different_data
    )
    known = {name: groups.find(name) for name in names}
    if not wanted and not any(known.values()):
        if margin is not None:
            raise UsageError("--margin is for comparing recipes: give --seeds, or groups of runs.")
        _compare_runs(order, names)
        return
    onnx.take(face, [])
    if len(known) < len(names):
        raise UsageError("compare was given the same name twice: name two different recipes or groups.")
    _compare_groups(order, known, wanted, margin=(margin or MARGIN) / 100)


@dataclass(frozen=True)
class Order:
    """The options on the command line, and the groups in the runs folder."""

    face: Face
    data: Data
    compute: Compute
    onnx: Onnx
    groups: Groups
    split: str
    plot: Path | None
    theme: str
    plot_flips: Path | None
    html: Path | None
    no_train: bool
    different_data: bool


def _check_arguments(
    names: list[str],
    *,
    split: str,
    margin: float | None,
    plot: Path | None,
    plot_flips: Path | None,
    html: Path | None,
) -> None:
    """Raise UsageError if an argument is invalid."""
    check_plot(plot)
    check_plot(plot_flips, flag="--plot-flips")
    check_html(html)
    check_split(split)
    if len(names) < 2:
        raise UsageError(
            f"compare needs two or more runs, not {len(names)}: name another, or none to compare dense and cnn."
        )
    if plot_flips is not None and len(names) > 2:
        raise UsageError(f"--plot-flips needs exactly two runs, not {len(names)}.")
    if margin is not None and not 0 < margin < 100:
        raise UsageError(f"--margin takes percentage points between 0 and 100, not {margin:g}.")


def _compare_runs(order: Order, names: list[str]) -> None:
    """Compare single runs, after training architectures without one."""
    face, folder = order.face, order.groups.runs
    device = order.compute.start(face)

    from mnistcli.commands.compare import compare as compare_runs
    from mnistcli.commands.compare import distinct
    from mnistcli.render.compare import comparison_view, verdict

    choice = _choice(order.data, names, folder)
    images = order.data.load(face, choice)
    missing = _missing(names, folder, choice)
    named = [name for name in names if not is_architecture(name)]
    found = dict(zip(named, order.onnx.take(face, map(folder.find, named)), strict=True))
    _train_architectures(order, missing, choice, device)
    chosen = distinct([found.get(name) or folder.find(name, data=choice) for name in names])
    face.note(f"Comparing {', '.join(run.name for run in chosen)} on the {order.split} images of {choice.dataset}.")
    face.note_caveats(chosen)
    comparison = compare_runs(chosen, images, split=order.split, different_data=order.different_data)
    if order.plot is not None:
        from mnistcli.render import compare_figures

        face.save_figure(compare_figures.comparison(comparison, theme=order.theme), order.plot)
    evaluated = [(each.evaluation, [run]) for each, run in zip(comparison.runs, chosen, strict=True)]
    _save_others(order, evaluated, images, comparison)
    face.show(comparison_view(comparison))
    if face.format != "table":
        for pair in comparison.pairs:
            face.note(verdict(pair))


def _train_architectures(order: Order, archs: list[str], choice: DataChoice, device: str) -> None:
    """Train one run of each architecture; raise RunError if --no-train forbids it."""
    from mnistcli.commands.train import train
    from mnistcli.models.flax_file import load_source

    folder = order.groups.runs
    for arch in archs:
        lacking = f"There is no finished {arch} run on {choice.dataset} in {str(folder.path)!r}"
        if order.no_train:
            raise RunError(f"{lacking}, and --no-train forbids training one.")
        order.face.note(f"{lacking} yet: training one first.")
        load_source(arch)
        work = partial(train, configure(arch, data=choice), runs=folder)
        draw_figures(order.face, train_visibly(order.face, work, order.data, device=device), order.theme)


def _prepare_groups(order: Order, known: dict[str, Group | None], seeds: list[int]) -> tuple[Dataset, list[Group]]:
    """Return the data set and the groups to compare, after training missing runs; each group has at least these seeds.

    `known` maps each name to its group, or to None for an architecture.
    """
    data, groups = order.data, order.groups
    first = next(filter(None, known.values()), None)
    choice = data.choice() if first is None else data.choice_for(first.name, first.config.data)
    for name, group in known.items():
        if group is None and not is_architecture(name):
            raise UsageError(
                f"{name!r} is neither a group nor an architecture: recipes cannot be compared with a single run."
            )
    dataset = data.load(order.face, choice)
    chosen = []
    for name, found in known.items():
        config = configure(name, data=choice) if found is None else found.config
        group = found or groups.newest(config)
        if group is None and not seeds:
            raise RunError(f"There is no group of {name} runs on {choice.dataset}: --seeds 5 trains one.")
        lacking = [seed for seed in seeds if group is None or seed not in group.members]
        lacking += [] if group is None else groups.unfinished(group)
        if lacking and order.no_train:
            raise RunError(f"Seed {lacking[0]} of {name} is not trained, and --no-train forbids training it.")
        if group is None or lacking:
            is_new = group is None
            group = groups.extend(group or groups.begin(config), seeds, reuse=True)
            _train_missing(order, group, source=name if is_flax(name) else None, is_new=is_new)
        chosen.append(group)
    if len({group.name for group in chosen}) < len(chosen):
        raise UsageError(f"compare was given the group {chosen[0].name!r} twice: name two different ones.")
    return dataset, chosen


def _train_missing(order: Order, group: Group, *, source: str | None, is_new: bool) -> None:
    face, data, groups = order.face, order.data, order.groups
    seeds = groups.unfinished(group)
    if not all(groups.is_free(group.members[seed]) for seed in seeds):
        groups.members(group)  # raises an error that lists the missing runs: other processes train them
    if seeds:
        face.note(f"{group.name}: training seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))} first.")
        trained = train_group(face, data, order.compute, groups, group, given=data.given, source=source, is_new=is_new)
        draw_curves(face, trained, order.theme)


def _compare_groups(order: Order, known: dict[str, Group | None], seeds: list[int], *, margin: float) -> None:
    """Compare recipes by their groups, after training missing runs; arguments are as in `_prepare_groups`."""
    face, split = order.face, order.split
    dataset, chosen = _prepare_groups(order, known, seeds)
    order.compute.start(face)

    from mnistcli.commands.compare import compare_groups
    from mnistcli.render.compare import group_comparison_view, recipe_verdict

    face.note(f"Comparing {', '.join(group.name for group in chosen)} on the {split} images of {dataset.name}.")
    members = [(group.name, order.groups.members(group)) for group in chosen]
    comparison = compare_groups(
        members,
        dataset,
        split=split,
        margin=margin,
        different_data=order.different_data,
        notes=[note for group in chosen if split == "test" and (note := _added_after_look(group))],
    )
    if split == "test":
        for group in chosen:
            with suppress(OSError, RunError):  # the folder may be somebody else's
                group.record_look()
    if order.plot is not None:
        from mnistcli.render import compare_figures

        face.save_figure(compare_figures.group_comparison(comparison, theme=order.theme), order.plot)
    evaluated = [(each.ensemble, runs) for each, (_, runs) in zip(comparison.groups, members, strict=True)]
    _save_others(order, evaluated, dataset, comparison)
    face.show(group_comparison_view(comparison))
    if face.format != "table":
        for text in (*map(recipe_verdict, comparison.pairs), *comparison.notes):
            face.note(text)


def _save_others(
    order: Order,
    evaluated: list[tuple[Evaluation, list[Run]]],
    dataset: Dataset,
    comparison: Comparison | GroupComparison,
) -> None:
    """Write the figure and the page that other flags than --plot request."""
    if order.plot_flips is None and order.html is None:
        return
    from mnistcli.commands.report import make_report

    report = make_report(evaluated, dataset, comparison=comparison)
    if order.plot_flips is not None and report.flips is not None:
        from mnistcli.render import image_figures

        order.face.save_figure(image_figures.flips(report.flips, theme=order.theme), order.plot_flips)
    if order.html is not None:
        order.face.save_page(report, order.html)


def _added_after_look(group: Group) -> str | None:
    """Return a warning if seeds were added after a comparison, or None.

    Adding seeds until p is small finds differences that do not exist.
    """
    fewer = [look for look in group.looks if len(look["seeds"]) < len(group.seeds)]
    if not fewer:
        return None
    return (
        f"{group.name} was compared with {len(fewer[-1]['seeds'])} seeds and now has {len(group.seeds)}: adding seeds "
        "after a comparison makes p too small."
    )


def _choice(data: Data, names: list[str], folder: RunsFolder) -> DataChoice:
    """Return the requested data set, or else that of the first named run."""
    for name in names:
        if not is_architecture(name):
            run = folder.find(name)
            if run.reading is None:
                return data.choice_for(run.name, run.data())
    return data.choice()


def _missing(names: list[str], folder: RunsFolder, choice: DataChoice) -> list[str]:
    """Return the architectures to train first; raise RunError if any other name is not a run."""
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
