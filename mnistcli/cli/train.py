"""mnistcli train."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistcli.cli.compute import Compute
from mnistcli.cli.data_options import Data
from mnistcli.cli.face import Face
from mnistcli.cli.group import draw_curves, parse_seeds, take_group, train_group
from mnistcli.cli.options import RunsDir, Theme, parse_shard, refuse
from mnistcli.cli.recipe_options import Sources
from mnistcli.cli.setting_options import TRAINING, given_settings, takes_settings
from mnistcli.cli.training import draw_figures, train_visibly
from mnistcli.config import RUNS_DIR, SETTINGS, Hosts, Hyper, place_flags
from mnistcli.declaration import declared
from mnistcli.errors import ExitCode, UsageError
from mnistcli.models import as_written, is_flax

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mnistcli.cli.recipe_options import Plan
    from mnistcli.config import TrainConfig
    from mnistcli.results.train import GroupResult, TrainResult
    from mnistcli.runs.groups import Group, Groups

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


@takes_settings(TRAINING)
def train(
    face: Face,
    data: Data,
    compute: Compute,
    sources: Sources,
    hosts: Hosts | None,
    *,
    seeds: Annotated[
        str | None,
        typer.Option(
            metavar="N|LIST",
            help="Train a group with one run per seed: 0 to N-1, or those listed, as in 0,3,7.",
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
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Continue an unfinished run: its name or path, or 'latest'. --epochs is then the total; it can change "
            "only if the learning rate is constant.",
            show_default=False,
        ),
    ] = None,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(metavar="STEPS", help="Write a checkpoint every STEPS steps.", show_default="at each epoch's end"),
    ] = None,
    keep_epochs: Annotated[
        bool,
        typer.Option("--keep-epochs", help="Keep the weights of every epoch, for 'inspect --epochs'."),
    ] = False,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The run's name.", show_default="ARCH-001, ARCH-002, …")
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
    no_plots: Annotated[bool, typer.Option("--no-plots", help="Do not draw curves.png and confusion.png.")] = False,
    theme: Theme = "light",
    **settings: Any,
) -> None:
    """Train a network, keep its best weights, and score it once on the test images.

    Without further flags, the architecture's recipe is used.

    The run's folder then contains its configuration, metrics, weights and figures.

    In a terminal, press q to stop after the current epoch and score the best weights so far; Ctrl-C interrupts the
    training, and --resume continues it.
    """
    given = given_settings(settings)
    _check_flags(given, sources, hosts, seeds=seeds, shard=shard, resume=resume, every=checkpoint_every, name=name)
    wanted, part = None if seeds is None else parse_seeds(seeds), parse_shard(shard)
    plan = sources.plan(given | data.given, face, data, runs_dir)
    if sources.only_print:
        from mnistcli.render.settings import settings_view

        face.show(settings_view(plan.settings, runs_dir=runs_dir))
        return

    from mnistcli.runs import RunsFolder
    from mnistcli.runs.groups import Groups

    groups = Groups(RunsFolder(runs_dir, shared=part is not None))
    keeping = {"checkpoint_every": checkpoint_every, "keep_epochs": keep_epochs}
    order = Order(face, data, compute, groups, plan, given, resume, name, keeping, None if no_plots else theme)
    if hosts is not None:
        _train_with_hosts(order, hosts)
    elif group := take_group(
        face, data, groups, plan.config, seeds=wanted, resume=resume, name=name, given=order.given
    ):
        _train_group(order, group, part)
    elif part is not None:
        raise UsageError(f"--shard shares the seeds of a group, but {resume!r} is a single run.")
    else:
        _train_run(order)


@dataclass(frozen=True)
class Order:
    """The training that the command line requests.

    Attributes:
        groups: The groups in the runs folder.
        plan: The settings of a new run; a resumed run has its own.
        flags: The training settings on the command line, by attribute.
        resume: The run or group to resume; None: start a new one.
        name: The new run's name; None: its architecture and a number.
        keeping: Arguments of `train_visibly`.
        theme: The colours of the run's figures; None: no figures.
    """

    face: Face
    data: Data
    compute: Compute
    groups: Groups
    plan: Plan
    flags: dict[str, Any]
    resume: str | None
    name: str | None
    keeping: dict[str, Any]
    theme: str | None

    @property
    def source(self) -> str | None:
        """The FILE.py:CLASS to execute."""
        arch: str | None = self.flags.get("arch")
        return arch if arch is not None and is_flax(arch) else None

    @property
    def given(self) -> dict[str, Any]:
        """The settings on the command line that a resumed run must agree with, by attribute."""
        given = {name: value for name, value in self.flags.items() if name not in ("start", "freeze")}
        return given | ({"arch": self.plan.config.arch} if "arch" in given else {}) | self.data.given

    @property
    def beginning(self) -> dict[str, Any]:
        """Arguments of `commands.train.begin`."""
        freeze = self.plan.config.freeze
        return {"start": self.plan.start, "freeze": ",".join(freeze) if freeze else None}

    @property
    def work(self) -> dict[str, Any]:
        """Arguments of `commands.work.Work`."""
        return {"given": self.given, **self.beginning, **self.keeping}


def _check_flags(
    given: Mapping[str, Any],
    sources: Sources,
    hosts: Hosts | None,
    *,
    seeds: str | None,
    shard: str | None,
    resume: str | None,
    every: int | None,
    name: str | None,
) -> None:
    """Raise UsageError if flags contradict each other."""
    resumes, shares = resume is not None, shard is not None
    refuse(
        (every is not None and every < 1, f"--checkpoint-every must be at least 1, not {every}."),
        (resumes and name is not None, "--name contradicts --resume: the run already has a name."),
        (seeds is not None and "seed" in given, "--seed contradicts --seeds: give one of them."),
        (shares and seeds is None and not resumes, "--shard shares the seeds of a group: give --seeds too."),
        (
            shares and hosts is not None,
            "--shard contradicts --distributed: with --distributed, all processes train one run.",
        ),
        (
            seeds is not None and hosts is not None,
            "--seeds contradicts --distributed: with --distributed, all processes train one run.",
        ),
        (
            resumes and not given.keys().isdisjoint({"start", "freeze"}),
            "--from and --freeze contradict --resume: the run was started with its own.",
        ),
        *(
            (resumes, f"{flag} contradicts --resume: the run was started with its own settings.")
            for flag in sources.flags
        ),
    )


def _train_run(order: Order) -> None:
    """Train or resume a run and show the result."""
    face, runs, resume = order.face, order.groups.runs, order.resume
    begun_on = None if resume is None else runs.find_unfinished(resume)[1].device
    device = order.compute.start(face, like=begun_on)

    from mnistcli.models.flax_file import load_source

    load_source(order.source)

    from mnistcli.commands.train import resume as resume_run
    from mnistcli.commands.train import train as train_run

    if resume is not None:
        work = partial(resume_run, resume, runs=runs, given=order.given)
    else:
        face.explain(_describe(order.plan.config))
        work = partial(train_run, order.plan.config, runs=runs, name=order.name, **order.beginning)
    _show_result(order, train_visibly(face, work, order.data, device=device, keys=True, **order.keeping))


def _train_group(order: Order, group: Group, shard: tuple[int, int] | None) -> None:
    """Train a group's missing runs, or this process's share, and show the result."""
    from mnistcli.render.group import group_training_view

    how = {"source": order.source, "keys": shard is None, **order.work}
    how["is_new"] = order.resume is None and shard is None
    trained = train_group(order.face, order.data, order.compute, order.groups, group, shard=shard, **how)
    drawn = draw_curves(order.face, trained, order.theme)
    order.face.show(group_training_view(trained, next_commands=_next_of_group(trained, order.groups.runs.path)))
    if not drawn:
        raise typer.Exit(ExitCode.FAILED)


def _train_with_hosts(order: Order, hosts: Hosts) -> None:
    """Train with other processes; the first shows progress and the result."""
    from mnistcli.commands.hosts import Task, train_with_hosts
    from mnistcli.commands.work import Work
    from mnistcli.render.progress import TrainingProgress

    face, runs = order.face, order.groups.runs
    task = Task(order.plan.config if order.resume is None else None, order.name, order.resume)
    quiet = replace(face, quiet=face.quiet or bool(hosts.process))
    place = order.compute.place(quiet, source=order.source, hosts=hosts)
    work = Work(runs, place, partial(order.data.load, replace(face, quiet=True)), **order.work)
    with TrainingProgress(face.err, quiet=face.quiet) as progress:
        result = train_with_hosts(task, work, progress)
    if result is not None:
        _show_result(order, result)


def _show_result(order: Order, result: TrainResult) -> None:
    """Draw the run's figures and show its result."""
    from mnistcli.render.train import training_view

    drawn = draw_figures(order.face, result, order.theme)
    order.face.show(training_view(result, next_commands=_next_commands(result, order.groups.runs.path)))
    if not drawn:
        raise typer.Exit(ExitCode.FAILED)


def _describe(config: TrainConfig) -> str:
    values, told = config.as_dict(), (*declared(Hyper), "precision", "seed")
    settings = [f"{SETTINGS[name].key.replace('_', ' ')} {as_written(values[name])}" for name in told]
    return f"Training on {config.data.dataset} with {', '.join(settings)}."


def _next_commands(result: TrainResult, runs_dir: Path) -> list[str]:
    folder, data = place_flags(runs_dir), place_flags(runs_dir, result.dataset)
    other = "cnn" if result.arch != "cnn" else "dense"
    return [
        shlex.join(["mnistcli", "evaluate", result.run, *data]),
        shlex.join(["mnistcli", "predict", "digit.png", "--run", result.run, *folder]),
        shlex.join(["mnistcli", "compare", other, result.run, "--plot", "compare.png", *data]),
    ]


def _next_of_group(result: GroupResult, runs_dir: Path) -> list[str]:
    data, other = place_flags(runs_dir, result.dataset), "cnn" if result.arch != "cnn" else "dense"
    return [
        shlex.join(["mnistcli", "evaluate", result.group, *data]),
        shlex.join(["mnistcli", "compare", result.group, other, "--seeds", str(len(result.members)), *data]),
    ]
