"""mnistcli train."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from mnistcli.cli.face import Face
from mnistcli.cli.options import RUNS_DIR, Arch, Dataset, Device, NoCache, Optimizer, RunsDir
from mnistcli.config import OPTIMIZERS, SCHEDULES, TrainConfig
from mnistcli.recipes import configure, recipe_default
from mnistcli.results import TrainResult

RATES = ", ".join(f"{name} {choice.learning_rate:g}" for name, choice in OPTIMIZERS.items())
EXAMPLES = [
    "mnistcli train --arch dense",
    "mnistcli train --arch cnn --epochs 3 --seed 7",
    "mnistcli train --arch linear --optimizer adam --lr 0.003 --json",
]


def train(
    face: Face,
    *,
    arch: Arch = "dense",
    dataset: Dataset = TrainConfig.dataset,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", help="Epochs at most.", show_default=recipe_default("epochs"))
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(metavar="N", help="Images a step.", show_default=recipe_default("batch_size"))
    ] = None,
    optimizer: Optimizer = None,
    lr: Annotated[float | None, typer.Option(metavar="RATE", help="Learning rate.", show_default=RATES)] = None,
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
            help="How the learning rate goes on; cosine: down to 0 at the end.",
            show_default=recipe_default("schedule"),
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
    seed: Annotated[
        int, typer.Option(metavar="N", help="Decides first weights, order of images, augmentation.")
    ] = TrainConfig.seed,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="Train on the first N images only.", show_default="all")
    ] = None,
    device: Device = "auto",
    no_cache: NoCache = False,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The run's name.", show_default="ARCH-001, ARCH-002, …")
    ] = None,
    runs_dir: RunsDir = RUNS_DIR,
    no_plots: Annotated[bool, typer.Option("--no-plots", help="Draw no curves.png and confusion.png.")] = False,
) -> None:
    """Train a network, keep its best weights, score it once on the test images.

    Without further flags an architecture is trained by its recipe, as the study does.

    The run's folder then holds its configuration, metrics, weights and figures.
    """
    config = configure(
        arch,
        dataset=dataset,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        learning_rate=lr,
        patience=patience,
        schedule=schedule,
        augment=augment,
        seed=seed,
        limit=limit,
    )
    result = train_visibly(
        face, config, runs_dir=runs_dir, name=name, device=device, cache=not no_cache, plots=not no_plots
    )

    from mnistcli.render.training import training_view

    face.show(training_view(result, next_commands=_next_commands(result, runs_dir)))


def train_visibly(
    face: Face,
    config: TrainConfig,
    *,
    runs_dir: Path,
    device: str,
    cache: bool,
    plots: bool,
    name: str | None = None,
) -> TrainResult:
    """Train a run, showing on stderr how it goes, and draw its figures."""
    face.explain(
        f"{config.optimizer} with {config.schedule} learning rate {config.learning_rate:g}, batches of "
        f"{config.batch_size}, at most {config.epochs} epochs, patience {config.patience}, seed {config.seed}, on "
        f"{config.dataset}{', augmented' if config.augment else ''}."
    )

    from mnistcli.analysis.study import train as train_run
    from mnistcli.render.progress import TrainingProgress
    from mnistcli.runs import RunsFolder

    with TrainingProgress(face.err, quiet=face.quiet) as progress:
        result = train_run(config, runs=RunsFolder(runs_dir), notify=progress, name=name, device=device, cache=cache)
    if plots:
        from mnistcli.render import figures

        figures.save(figures.curves({result.run: result.history}), result.folder / "curves.png")
        figures.save(figures.confusion(result.evaluation), result.folder / "confusion.png")
    return result


def _next_commands(result: TrainResult, runs_dir: Path) -> list[str]:
    where = "" if runs_dir == RUNS_DIR else f" --runs-dir {shlex.quote(str(runs_dir))}"
    return [
        f"mnistcli evaluate {result.run}{where}",
        f"mnistcli predict digit.png --run {result.run}{where}",
        f"mnistcli compare --plot compare.png{where}",
    ]
