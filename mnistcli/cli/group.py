"""Training groups of runs, which `train --seeds` and `compare --seeds` share."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mnistcli.config import resumed_config
from mnistcli.errors import InterruptedRunError, MnistcliError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mnistcli.cli.compute import Compute
    from mnistcli.cli.data_options import Data
    from mnistcli.cli.face import Face
    from mnistcli.config import TrainConfig
    from mnistcli.render.progress import TrainingProgress
    from mnistcli.results.train import GroupResult, MemberEvent, Notice
    from mnistcli.runs.groups import Group, Groups

MOST_SEEDS = 1000


def parse_seeds(text: str) -> list[int]:
    """Return the seeds that --seeds names: "5" means 0 to 4, "0,3,7" means these three.

    Raises:
        UsageError: The text is in neither form, or names a seed twice.
    """
    words = text.split(",")
    if not all(word.isascii() and word.isdecimal() and len(word) <= 10 for word in words):
        raise UsageError(f"--seeds takes a number, as in 5, or seeds separated by commas, not {text!r}.")
    numbers = [int(word) for word in words]
    if len(numbers) == 1 and not 1 <= numbers[0] <= MOST_SEEDS:
        raise UsageError(f"--seeds must be from 1 to {MOST_SEEDS}, not {text}.")
    if len(numbers) > MOST_SEEDS or max(numbers) >= 2**32:
        raise UsageError(f"--seeds takes at most {MOST_SEEDS} seeds, each below 2**32.")
    if len({*numbers}) < len(numbers):
        raise UsageError(f"--seeds {text} names a seed twice.")
    return numbers if len(numbers) > 1 else [*range(numbers[0])]


def take_group(
    face: Face,
    data: Data,
    groups: Groups,
    config: TrainConfig,
    *,
    seeds: list[int] | None,
    resume: str | None,
    name: str | None,
    given: Mapping[str, Any],
) -> Group | None:
    """Return the group to train, new or resumed; None for a single run.

    `config` is for a new group, `given` are the flags for an existing one. In a shared runs folder, another process may
    have created the group already.
    """
    group = None if resume is None else groups.find(resume)
    if group is None and seeds is None:
        return None
    if group is None and resume is not None:
        raise UsageError(f"--seeds with --resume continues a group, and {resume!r} is not one.")
    if group is not None:
        config = resumed_config(group.config, {**given, **data.given})
    data.load(face, config.data if group is None else data.choice_for(group.name, config.data))
    if groups.runs.shared and group is None:
        return groups.join(config, seeds or (), name=name)
    return groups.extend(group or groups.begin(config, name=name), seeds or (), reuse=False)


def train_group(
    face: Face,
    data: Data,
    compute: Compute,
    groups: Groups,
    group: Group,
    *,
    source: str | None,
    is_new: bool,
    keys: bool = False,
    **how: Any,
) -> GroupResult:
    """Train the group's missing runs, with progress on stderr.

    `source` is the FILE.py:CLASS of a class in Flax; with `keys`, q ends the training early; `how` holds further
    arguments of `Work`.
    """
    from mnistcli.cli.keys import finishing_with_q
    from mnistcli.commands.group import train_group as train
    from mnistcli.commands.work import Work
    from mnistcli.render.progress import TrainingProgress

    load = partial(data.load, replace(face, quiet=True))
    work = Work(groups.runs, compute.place(face, source=source), load, **how)
    seeds = -(-len(groups.unfinished(group)) // (work.shard or (1, 1))[1])
    with (
        TrainingProgress(face.err, quiet=face.quiet, seeds=seeds) as progress,
        finishing_with_q(progress, heed=keys) as finishing,
    ):
        try:
            return train(group, work, partial(_show, progress), finishing)
        except InterruptedRunError:
            raise
        except MnistcliError:
            if is_new:
                groups.drop_if_unstarted(group)
            raise


def _show(progress: TrainingProgress, event: MemberEvent | Notice) -> None:
    """Show an event of a group's training, under its seed if it has one."""
    from mnistcli.results.train import Notice

    if isinstance(event, Notice):
        progress(event)
        return
    label = f"seed {event.seed}  "
    if event.event is None:
        progress.finish(label)
    else:
        progress(event.event, label=label)


def draw_curves(face: Face, result: GroupResult, theme: str | None) -> bool:
    """Draw a group's curves unless `theme` is None; return False, with a message, if they cannot be written."""
    if theme is None:
        return True
    from mnistcli.render.figures import curves
    from mnistcli.render.style import save

    histories = [member.history for member in result.members]
    try:
        save(curves(result.group, histories, theme=theme), result.folder / "curves.png")
    except UsageError as error:
        face.complain(str(error))
        return False
    return True
