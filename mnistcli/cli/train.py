"""mnistcli train."""

from __future__ import annotations

import shlex
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistcli.cli.compute import Compute
from mnistcli.cli.data_options import Data
from mnistcli.cli.face import Face
from mnistcli.cli.group import parse_seeds, take_group, train_group
from mnistcli.cli.options import Optimizer, RunsDir, parse_shard
from mnistcli.cli.recipe_options import ARCH, Sources
from mnistcli.config import PRECISIONS, RUNS_DIR, SCHEDULES, Hosts, TrainConfig
from mnistcli.errors import UsageError
from mnistcli.models import RECIPES, is_flax, recipe_default

if TYPE_CHECKING:
    from collections.abc import Callable

    from mnistcli.commands.course import Session
    from mnistcli.commands.hosts import Task
    from mnistcli.results.train import GroupResult, TrainResult
    from mnistcli.runs import RunsFolder

STUDY = ("dense", "cnn")  # what compare compares where nothing else is named
EXAMPLES = [
    "mnistcli train --arch dense",
    "mnistcli train --arch cnn --epochs 3 --seed 7",
    "mnistcli train --arch linear --optimizer adam --lr 0.003 --json",
    "mnistcli train --arch cnn --dataset fashion_mnist",
    'mnistcli train --arch "conv 32 3x3, norm, relu, pool 2, dense 64, relu"',
    "mnistcli train --from cnn --freeze 1 --dataset fashion_mnist",
    "mnistcli train --arch cnn --seeds 5",
    "mnistcli train --arch cnn --seeds 40 --shard 3/8",
    "mnistcli train --arch cnn --devices 4",
    "mnistcli train --like cnn-001 --seed 1",
    "mnistcli train --arch cnn --print-config > recipe.toml",
    "mnistcli train --config recipe.toml --epochs 5",
    "mnistcli train --resume latest",
]


def train(
    face: Face,
    data: Data,
    compute: Compute,
    sources: Sources,
    hosts: Hosts | None,
    *,
    arch: Annotated[
        str | None,
        typer.Option(
            "--arch",
            "-a",
            metavar="|".join(RECIPES),
            help="The network: one of these, its layers in one line, or FILE.py:CLASS ('mnistcli help arch').",
            show_default=ARCH,
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", help="Epochs at most.", show_default=recipe_default("epochs"))
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", help="Images a step.", show_default=recipe_default("batch_size"))
    ] = None,
    optimizer: Optimizer = None,
    lr: Annotated[
        float | None,
        typer.Option(metavar="RATE", help="Learning rate.", show_default=recipe_default("learning_rate")),
    ] = None,
    weight_decay: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="AdamW's decoupled weight decay; for the other optimizers L2: the share of each weight that is added "
            "to its gradient.",
            show_default=recipe_default("weight_decay"),
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Stop when training accuracy did not rise for N epochs; 0: never.",
            show_default=recipe_default("patience"),
        ),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(SCHEDULES),
            help="How the learning rate changes; cosine: it falls to 0; one-cycle: it rises, then falls to 0.",
            show_default=f"{recipe_default('schedule')}; cosine on other data than mnist",
        ),
    ] = None,
    label_smoothing: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="The share of each label that is spread over all classes.",
            show_default=recipe_default("label_smoothing"),
        ),
    ] = None,
    augment: Annotated[
        bool | None,
        typer.Option(
            "--augment/--no-augment",
            help="Shift, turn, scale, shear, thicken, blur each image at random.",
            show_default=recipe_default("augment"),
        ),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(PRECISIONS),
            help="Precision of matrix products; float32: JAX's default; bfloat16: rounded factors, float32 sums; "
            "highest: float32 on every device.",
            show_default=TrainConfig.precision,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Decides first weights, order of images, augmentation.",
            show_default=str(TrainConfig.seed),
        ),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            metavar="N|LIST",
            help="Train a group: one run for each of the seeds 0 to N-1, or of these, as in 0,3,7.",
            show_default=False,
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Share the seeds among N processes that run this command on the same runs folder; this is the I-th.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="Train on the first N images only.", show_default="all")
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Go on with an unfinished run: its name or path, or 'latest'. --epochs is then the total, and can "
            "change where the rate is constant.",
            show_default=False,
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Begin with the weights of a run, where they fit; the last layer only for the same classes. Without "
            "--freeze the learning rate is then a tenth; fewer than 1,000 images come in batches of 16, for 300 steps.",
            show_default=False,
        ),
    ] = None,
    freeze: Annotated[
        str | None,
        typer.Option(
            metavar="N|LAYERS",
            help="Do not train the first N layers, or these, as in conv1,norm1.",
            show_default=False,
        ),
    ] = None,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(metavar="STEPS", help="Write a checkpoint every STEPS steps.", show_default="at each epoch's end"),
    ] = None,
    keep_epochs: Annotated[
        bool,
        typer.Option("--keep-epochs", help="Keep each epoch's weights, which 'inspect --epochs' draws."),
    ] = False,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The run's name.", show_default="ARCH-001, ARCH-002, …")
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
    no_plots: Annotated[bool, typer.Option("--no-plots", help="Draw no curves.png and confusion.png.")] = False,
) -> None:
    """Train a network, keep its best weights, score it once on the test images.

    Without further flags an architecture is trained by its recipe.

    The run's folder then holds its configuration, metrics, weights and figures.

    In a terminal, q ends the training after the epoch under way and scores the best weights so far; Ctrl-C interrupts
    it, and --resume goes on.
    """
    if checkpoint_every is not None and checkpoint_every < 1:
        raise UsageError(f"--checkpoint-every must be at least 1, not {checkpoint_every}.")
    if resume is not None and name is not None:
        raise UsageError("--name contradicts --resume: the run has its name already.")
    if seeds is not None and seed is not None:
        raise UsageError("--seed contradicts --seeds: give one of them.")
    wanted = None if seeds is None else parse_seeds(seeds)
    part = parse_shard(shard)
    if part is not None and seeds is None and resume is None:
        raise UsageError("--shard shares the seeds of a group: give --seeds too.")
    if part is not None and hosts is not None:
        raise UsageError("--shard contradicts --distributed: one run is trained by all processes.")
    if seeds is not None and hosts is not None:
        raise UsageError("--seeds contradicts --distributed: one run is trained by all processes.")
    if resume is not None and (start, freeze) != (None, None):
        raise UsageError("--from and --freeze contradict --resume: the run was begun with its own.")
    if resume is not None and sources.flags:
        raise UsageError(f"{sources.flags[0]} contradicts --resume: the run was begun with its own settings.")
    given: dict[str, Any] = {
        "arch": arch,
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "learning_rate": lr,
        "weight_decay": weight_decay,
        "patience": patience,
        "schedule": schedule,
        "label_smoothing": label_smoothing,
        "augment": augment,
        "precision": precision,
        "seed": seed,
        "limit": limit,
    }
    said = given | data.given | {"start": start, "freeze": None if freeze is None else tuple(freeze.split(","))}
    said = {key: value for key, value in said.items() if value is not None}
    plan = sources.plan(said, face, data, runs_dir)
    config = plan.config
    if sources.only_print:
        from mnistcli.render.settings import settings_view

        face.show(settings_view(plan.settings, runs_dir=runs_dir))
        return
    if arch is not None:
        given["arch"] = config.arch
    from mnistcli.render.group import group_training_view
    from mnistcli.runs import RunsFolder
    from mnistcli.runs.groups import Groups

    groups = Groups(RunsFolder(runs_dir, shared=part is not None))
    source = arch if arch is not None and is_flax(arch) else None
    beginning: dict[str, Any] = {"start": plan.start, "freeze": ",".join(config.freeze) if config.freeze else None}
    keeping: dict[str, Any] = {"checkpoint_every": checkpoint_every, "keep_epochs": keep_epochs}
    how = {"source": source, "plots": not no_plots, "given": given | data.given, **beginning, **keeping}
    if hosts is not None:
        from mnistcli.commands.hosts import Task
        from mnistcli.render.train import training_view

        task = Task(config if resume is None else None, name, resume)
        shared = _train_with_hosts(face, data, compute, hosts, groups.runs, task, **how)
        if shared is not None:
            face.show(training_view(shared, next_commands=_next_commands(shared, runs_dir)))
        return
    group = take_group(face, data, groups, config, seeds=wanted, resume=resume, name=name, given=given)
    if group is not None:
        trained = train_group(face, data, compute, groups, group, shard=part, keys=part is None, **how)
        face.show(group_training_view(trained, next_commands=_next_of_group(trained, runs_dir)))
        return
    if part is not None:
        raise UsageError(f"--shard shares the seeds of a group, and {resume!r} is a run.")
    device = compute.start(face, like=groups.runs.find_unfinished(resume)[1].device if resume is not None else None)
    load_source(arch)

    from mnistcli.commands.train import resume as resume_run
    from mnistcli.commands.train import train as train_run
    from mnistcli.render.train import training_view

    if resume is not None:
        work = partial(resume_run, resume, runs=groups.runs, given=given | data.given)
    else:
        face.explain(_describe(config))
        work = partial(train_run, config, runs=groups.runs, name=name, **beginning)
    result = train_visibly(face, work, data, device=device, plots=not no_plots, keys=True, **keeping)
    face.show(training_view(result, next_commands=_next_commands(result, runs_dir)))


def load_source(arch: str | None) -> None:
    """Execute the file of an architecture FILE.py:CLASS, which the command line names, once JAX is set up."""
    if arch is not None and is_flax(arch):
        from mnistcli.models.flax_file import load, read_source

        load(read_source(arch))


def train_visibly(
    face: Face,
    work: Callable[[Session], TrainResult],
    data: Data,
    *,
    device: str,
    plots: bool,
    keys: bool = False,
    checkpoint_every: int | None = None,
    keep_epochs: bool = False,
) -> TrainResult:
    """Train a run, showing on stderr how it goes, and draw its figures; q ends it early where `keys`."""
    from mnistcli.cli.keys import finishing_with_q
    from mnistcli.commands.course import Session
    from mnistcli.render.progress import TrainingProgress

    # A class in Flax may print while it is traced, and stdout is for the result.
    with (
        TrainingProgress(face.err, quiet=face.quiet) as progress,
        finishing_with_q(progress, heed=keys) as finishing,
        redirect_stdout(sys.stderr),
    ):
        load = partial(data.load, face)
        result = work(Session(progress, device, checkpoint_every, load, keep_epochs, is_last=lambda _: finishing()))
    if plots:
        _save_figures(result)
    return result


def _train_with_hosts(
    face: Face,
    data: Data,
    compute: Compute,
    hosts: Hosts,
    runs: RunsFolder,
    task: Task,
    *,
    source: str | None,
    plots: bool,
    **how: Any,
) -> TrainResult | None:
    """Train with other processes, showing how it goes where this is the first; the result is the first one's."""
    from mnistcli.commands.hosts import train_with_hosts
    from mnistcli.commands.work import Work
    from mnistcli.render.progress import TrainingProgress

    place = compute.place(replace(face, quiet=face.quiet or bool(hosts.process)), source=source, hosts=hosts)
    work = Work(runs, place, partial(data.load, replace(face, quiet=True)), **how)
    with TrainingProgress(face.err, quiet=face.quiet) as progress:
        result = train_with_hosts(task, work, progress)
    if plots and result is not None:
        _save_figures(result)
    return result


def _save_figures(result: TrainResult) -> None:
    from mnistcli.render import figures

    figures.save(figures.curves(result.run, [result.history]), result.folder / "curves.png")
    figures.save(figures.confusion(result.evaluation), result.folder / "confusion.png")


def _describe(config: TrainConfig) -> str:
    smoothed = f", labels smoothed by {config.label_smoothing:g}" if config.label_smoothing else ""
    return (
        f"{config.optimizer} with {config.schedule} learning rate {config.learning_rate:g}, weight decay "
        f"{config.weight_decay:g}, batches of {config.batch_size}, at most {config.epochs} epochs, patience "
        f"{config.patience}, seed {config.seed}, on {config.dataset}{smoothed}"
        f"{', augmented' if config.augment else ''}."
    )


def _next_commands(result: TrainResult, runs_dir: Path) -> list[str]:
    where = "" if runs_dir == RUNS_DIR else f" --runs-dir {shlex.quote(str(runs_dir))}"
    return [
        f"mnistcli evaluate {result.run}{where}",
        f"mnistcli predict digit.png --run {result.run}{where}",
        f"mnistcli compare{'' if result.arch in STUDY else f' cnn {result.run}'} --plot compare.png{where}",
    ]


def _next_of_group(result: GroupResult, runs_dir: Path) -> list[str]:
    where = "" if runs_dir == RUNS_DIR else f" --runs-dir {shlex.quote(str(runs_dir))}"
    other = "cnn" if result.arch != "cnn" else "dense"
    return [
        f"mnistcli evaluate {result.group}{where}",
        f"mnistcli compare {result.group} {other} --seeds {len(result.members)}{where}",
    ]
