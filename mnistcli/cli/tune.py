"""mnistcli tune."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistcli.cli.compute import Compute
from mnistcli.cli.data_options import Data
from mnistcli.cli.face import Face
from mnistcli.cli.options import Plot, RunsDir, Theme, check_plot, parse_shard, refuse
from mnistcli.cli.setting_options import takes_settings
from mnistcli.config import RUNS_DIR, resumed_config
from mnistcli.errors import DataError, InterruptedRunError, MnistcliError, UsageError
from mnistcli.models import RECIPES, configure, is_flax
from mnistcli.models.settings import SEARCHABLE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mnistcli.commands.crew import Place
    from mnistcli.config import TrainConfig
    from mnistcli.datasets import Dataset
    from mnistcli.results.tune import SearchResult
    from mnistcli.runs.searches import Search

TRIALS = 30  # without --trials and --for
UNITS = {"s": 1, "m": 60, "h": 3600}
EXAMPLES = [
    "mnistcli tune dense --trials 30 --plot trials.png",
    "mnistcli tune cnn --for 10m --limit 10000",
    "mnistcli tune dense --space optimizer=adam --space lr=1e-4..1e-2 --space batch_size=32,64",
    'mnistcli tune "dense 256, relu, dropout 0.2" --space dropout=0..0.5',
    "mnistcli tune --resume dense-tune-001 --trials 60",
    "mnistcli tune cnn --lr-range --plot rates.png",
]


@takes_settings(
    ("epochs", "limit", "seed"),
    epochs={"help": "Maximum number of epochs per trial.", "show_default": "the recipe's"},
    seed={"help": "Seed for drawing settings and for the trials."},
)
def tune(
    face: Face,
    data: Data,
    compute: Compute,
    *,
    arch: Annotated[
        str | None,
        typer.Argument(metavar="ARCH", help=f"{', '.join(RECIPES)}, or a network of your own."),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Number of trials, including the recipe.",
            show_default=f"{TRIALS}, or unlimited with --for",
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="TIME",
            help="Time for the whole search, as in 90s, 10m or 1h30m; trials that are running are finished.",
            show_default=False,
        ),
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUES",
            help="Values to try for a setting: LOW..HIGH (logarithmic if LOW is above 0) or VALUE,VALUE. Settings: "
            f"{', '.join(SEARCHABLE)}, dropout.",
            show_default=False,
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Share the trials among N processes that run this command on the same runs folder; this is the I-th.",
            show_default=False,
        ),
    ] = None,
    lr_range: Annotated[
        bool,
        typer.Option("--lr-range", help="Only run a learning rate range test, which takes seconds."),
    ] = False,
    resume: Annotated[
        str | None,
        typer.Option(metavar="SEARCH", help="Continue a search: its name or path.", show_default=False),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The search's name.", show_default="ARCH-tune-001, …")
    ] = None,
    plot: Plot = None,
    theme: Theme = "light",
    runs_dir: RunsDir = RUNS_DIR,
    **settings: Any,
) -> None:
    """Search for settings that train a network better than its recipe.

    Trials use random settings and are judged on validation images; poor ones are stopped early.

    The best three and the recipe are trained again with new seeds; the best of these is recommended.

    The test images are never used.
    """
    begun_with = (name, *settings.values(), space, lr_range or None, None if arch and is_flax(arch) else arch)
    check_plot(plot)
    part = parse_shard(shard)
    refuse(
        (trials is not None and trials < 1, f"--trials must be at least 1, not {trials}."),
        (
            resume is not None and any(each is not None for each in begun_with),
            "--resume continues a search with its own settings: give only --trials, --for and --plot with it.",
        ),
        (
            lr_range and any(each is not None for each in (trials, time, space, name, shard)),
            "--lr-range only measures: leave out --trials, --for, --space, --name and --shard.",
        ),
        (arch is None and resume is None, f"tune needs an architecture: {', '.join(RECIPES)}, or your own."),
    )
    most = {"most_trials": trials, "most_seconds": None if time is None else parse_time(time)}
    source = arch if arch is not None and is_flax(arch) else None
    if resume is not None:
        search, dataset = _resumed(face, data, runs_dir, resume, source=source, most=most)
    else:
        from mnistcli.models.space import check_space, make_space

        config = configure(arch or "", data=data.choice(), **settings)
        check_space(config, make_space(config.arch, space or ()))
        dataset = data.load(face, config.data)
        if lr_range:
            _measure_rates(face, compute, config, dataset, source=source, plot=plot, theme=theme)
            return
        search = _begun(
            config, dataset, runs_dir, name, space=space or (), device=compute.device, shard=part, most=most
        )
    place, is_new = compute.place(face, source=source), resume is None and part is None
    result = _search(face, data, search, place, dataset, shard=part, is_new=is_new)
    _show(face, result, plot, theme)


def _resumed(
    face: Face, data: Data, runs_dir: Path, name: str, *, source: str | None, most: dict[str, Any]
) -> tuple[Search, Dataset]:
    """Return a search to resume, with the new limits if there are any, and its data set."""
    from mnistcli.runs import RunsFolder
    from mnistcli.runs.searches import find_search

    search = find_search(RunsFolder(runs_dir), name)
    _check_source(search, source)
    resumed_config(search.config, data.given)
    dataset = data.load(face, data.choice_for(search.name, search.config.data))
    return search if set(most.values()) == {None} else replace(search, **most), dataset


def _begun(
    config: TrainConfig,
    dataset: Dataset,
    runs_dir: Path,
    name: str | None,
    *,
    space: Sequence[str],
    device: str,
    shard: tuple[int, int] | None,
    most: dict[str, Any],
) -> Search:
    """Return a new search; with --shard, another process may have begun it."""
    from mnistcli.runs import RunsFolder, provenance
    from mnistcli.runs.searches import begin_search, join_search

    return (join_search if shard else begin_search)(
        RunsFolder(runs_dir),
        config,
        name=name,
        space=tuple(space),
        provenance=provenance(device=device, data_fingerprint=dataset.fingerprint),
        **({"most_trials": TRIALS, "most_seconds": None} if set(most.values()) == {None} else most),
    )


def _show(face: Face, result: SearchResult, plot: Path | None, theme: str) -> None:
    from mnistcli.render.tune import search_view, verdict

    if plot is not None:
        from mnistcli.render import tune_figures

        face.save_figure(tune_figures.trials(result, theme=theme), plot)
    face.show(search_view(result))
    if face.format != "table":
        face.note(f"{verdict(result)} {shlex.join(result.command)}")


def parse_time(text: str) -> float:
    """Return the seconds in a text such as "90s", "10m" or "1h30m".

    Raises:
        UsageError: The text is not a time.
    """
    if not re.fullmatch(r"(\d{1,4}h)?(\d{1,4}m)?(\d{1,6}s)?", text) or not any(digit in text for digit in "123456789"):
        raise UsageError(f"--for takes a time, as in 90s, 10m or 1h30m, not {text!r}.")
    return float(sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([hms])", text)))


def _check_source(search: Search, source: str | None) -> None:
    """Refuse to resume a search of a class in Flax unless its file is named and unchanged."""
    recorded = search.config.source_sha256
    if recorded is not None and (source is None or configure(source).source_sha256 != recorded):
        raise UsageError(
            f"The search {search.name!r} trains the class {search.config.arch}: name that file, unchanged, as in "
            f"'mnistcli tune FILE.py:CLASS --resume {search.name}'."
        )


def _search(
    face: Face,
    data: Data,
    search: Search,
    place: Place,
    dataset: Dataset,
    *,
    shard: tuple[int, int] | None,
    is_new: bool,
) -> SearchResult:
    """Run a search with progress on stderr."""
    from mnistcli.commands.tune import Tuning
    from mnistcli.render.tune import SearchProgress
    from mnistcli.runs.searches import drop_empty, lock_search, read_search

    lock = None if shard else lock_search(search)
    try:
        search = replace(read_search(search.path), most_trials=search.most_trials, most_seconds=search.most_seconds)
        if search.provenance.get("data_fingerprint") != dataset.fingerprint:
            raise DataError(
                f"The search {search.name!r} was started on images that differ from those in {dataset.name}."
            )
        if shard is None:
            search.write()
        face.note(f"The search is in {search.path}.")
        with SearchProgress(face.err, trials=search.most_trials, seed=search.config.seed, quiet=face.quiet) as progress:
            return Tuning(search, place, partial(data.load, replace(face, quiet=True)), progress, shard).run()
    except InterruptedRunError:
        raise
    except MnistcliError:
        if is_new:
            drop_empty(search)
        raise
    finally:
        if lock is not None:
            lock.release()


def _measure_rates(
    face: Face,
    compute: Compute,
    config: TrainConfig,
    dataset: Dataset,
    *,
    source: str | None,
    plot: Path | None,
    theme: str,
) -> None:
    compute.start(face)

    from mnistcli.models.flax_file import load_source

    load_source(source)

    from mnistcli.commands.lr_range import measure_rates
    from mnistcli.render.tune import rates_sentence, rates_view

    found = measure_rates(config, dataset)
    if plot is not None:
        from mnistcli.render import tune_figures

        face.save_figure(tune_figures.rates(found, theme=theme), plot)
    face.show(rates_view(found))
    if face.format != "table":
        face.note(rates_sentence(found))
