"""What commands that train a run share: its progress on stderr, the key q, and its figures."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from functools import partial
from typing import TYPE_CHECKING

from mnistcli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mnistcli.cli.data_options import Data
    from mnistcli.cli.face import Face
    from mnistcli.commands.course import Session
    from mnistcli.results.train import TrainResult


def train_visibly(
    face: Face,
    work: Callable[[Session], TrainResult],
    data: Data,
    *,
    device: str,
    keys: bool = False,
    checkpoint_every: int | None = None,
    keep_epochs: bool = False,
) -> TrainResult:
    """Train a run with progress on stderr; with `keys`, q ends the training early."""
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
        return work(Session(progress, device, checkpoint_every, load, keep_epochs, is_last=lambda _: finishing()))


def draw_figures(face: Face, result: TrainResult, theme: str | None) -> bool:
    """Draw a run's figures unless `theme` is None; return False, with a message, if one cannot be written."""
    if theme is None:
        return True
    from mnistcli.render.figures import confusion, curves
    from mnistcli.render.style import save

    try:
        save(curves(result.run, [result.history], theme=theme), result.folder / "curves.png")
        save(confusion(result.evaluation, theme=theme), result.folder / "confusion.png")
    except UsageError as error:
        face.complain(str(error))
        return False
    return True
