"""The figures of a search for a recipe, and of a learning rate range test."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from mnistcli.models import as_written
from mnistcli.render.style import new_figure, run_colour, write_title
from mnistcli.render.tables import short_arch
from mnistcli.render.tune import rates_sentence, verdict
from mnistcli.results.tune import COMPLETE, RateRange, SearchResult, Trial

COLUMNS = 3
MOST_TICKS = 6  # batch sizes that fit below an axis


def trials(result: SearchResult, *, theme: str = "light") -> Figure:
    """Draw each trial's validation errors by each setting; trials that ended early are hollow, the best is ringed."""
    names = list(result.space)
    rows = -(-len(names) // COLUMNS)
    with new_figure(3.7 * min(COLUMNS, len(names)), 3.1 * rows, theme) as figure:
        note = f"{result.name}: {len(result.trials)} trials of {short_arch(result.arch)} on {result.dataset}. "
        note += "Hollow: pruned or diverged; diamond: the recipe; ringed: recommended."
        write_title(figure, verdict(result).removesuffix("."), note)
        every = figure.subplots(rows, min(COLUMNS, len(names)), squeeze=False, sharey=True).ravel()
        known = [trial for trial in result.trials if trial.validation]
        for i, axes in enumerate(every):
            if i >= len(names):
                axes.set_axis_off()
                continue
            _draw_setting(axes, names[i], known, best=result.finalists[0].number, images=result.validation_images)
            if i % COLUMNS == 0:
                axes.set_ylabel("validation errors (%)")
    return figure


def rates(found: RateRange, *, theme: str = "light") -> Figure:
    """Draw the loss against the learning rate, with the rate to start with."""
    with new_figure(7, 4, theme) as figure:
        note = f"{short_arch(found.arch)}, {found.optimizer}, batches of {found.batch_size}, on {found.dataset}."
        write_title(figure, rates_sentence(found).removesuffix("."), note)
        axes = figure.subplots()
        axes.plot(found.rates, found.losses, color=run_colour(0))
        for rate, i, line, side, text in (
            (found.suggested, 2, "--", "right", f"start with {found.suggested:g} "),
            (found.least, 1, ":", "left", f" lowest loss at {found.least:.2g}"),
        ):
            axes.axvline(rate, color=run_colour(i), linestyle=line)
            axes.annotate(text, (rate, 1), xycoords=("data", "axes fraction"), ha=side, va="top", color=run_colour(i))
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss, smoothed (nats)", ylim=(0, 1.5 * found.losses[0]))
        axes.xaxis.set_major_formatter(_as_typed())
        axes.grid()
    return figure


def _draw_setting(axes: Axes, name: str, known: list[Trial], *, best: int, images: int) -> None:
    """Draw the trials' errors over one setting; `images` is the number of validation images."""
    places = _places(axes, name, [trial.settings[name] for trial in known])
    errors = np.array([100 * max(1 - trial.best, 0.5 / images) for trial in known])  # a log scale has no 0
    complete = np.array([trial.status == COMPLETE for trial in known])
    number = np.array([trial.number for trial in known])
    hollow: dict[str, Any] = {"markerfacecolor": "none"}
    for chosen, label, mark, colour, size, style in (
        (complete, "complete", "o", run_colour(0), 5, {}),
        (~complete, "pruned or diverged", "o", run_colour(0), 5, hollow | {"alpha": 0.5}),
        (number == 0, "recipe", "D", run_colour(1), 7, {}),
        (number == best, "recommended", "o", run_colour(2), 13, hollow | {"markeredgewidth": 1.8}),
    ):
        axes.plot(
            places[chosen], errors[chosen], mark, color=colour, markersize=size, linestyle="none", label=label, **style
        )
    axes.set(xlabel=name.replace("_", " "), yscale="log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(_as_typed())
    axes.grid()


def _places(axes: Axes, name: str, values: list[Any]) -> np.ndarray:
    """Make the axis of a setting, and return the places of its values on it."""
    if isinstance(values[0], str | bool):
        words = list(map(as_written, values))
        choices = sorted({*words})
        axes.set_xticks(range(len(choices)), choices)
        axes.set_xlim(-0.5, len(choices) - 0.5)
        jitter = np.random.default_rng(0).uniform(-0.15, 0.15, len(words))  # or many would overlap
        return np.array(list(map(choices.index, words))) + jitter
    places = np.array(values, float)
    if name != "dropout":
        if (places > 0).all():
            axes.set_xscale("log")
        else:
            axes.set_xscale("symlog", linthresh=min((place for place in places if place > 0), default=1.0))
    if name == "batch_size":
        few = len({*values}) <= MOST_TICKS
        axes.xaxis.set_major_locator(FixedLocator(sorted({*values})) if few else LogLocator(subs=(1, 2, 5)))
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(_as_typed())
    return places


def _as_typed() -> FuncFormatter:
    """Return a formatter that writes numbers as on a command line: 0.001, and 1e-05."""
    return FuncFormatter(lambda value, _: f"{value:g}")
