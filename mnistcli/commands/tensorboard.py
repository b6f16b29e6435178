"""A run's epochs as TensorBoard's event files, by tensorboardX."""

import shutil
import tempfile
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from itertools import accumulate
from pathlib import Path

from mnistcli.errors import RunError, UsageError
from mnistcli.process import undoing
from mnistcli.results.train import EpochMetrics

# One chart for each, with training and validation in it.
TAGS = {
    "loss/train": "train_loss",
    "loss/validation": "validation_loss",
    "accuracy/train": "train_accuracy",
    "accuracy/validation": "validation_accuracy",
    "images_per_second": "images_per_second",
}


def write_events(run: str, history: Sequence[EpochMetrics], folder: Path, *, created: str) -> Path:
    """Write a run's epochs into a folder of its name, whole or not at all, and return it.

    Args:
        run: The run's name.
        history: Its epochs.
        folder: Where TensorBoard looks for runs; it need not exist.
        created: When the run began, ISO 8601: the events' times are that and the seconds of training.

    Raises:
        RunError: The run does not say when it began.
        UsageError: tensorboardX is missing, or the folder is there already or cannot be made.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise UsageError("--tensorboard needs tensorboardX: pip install 'mnistcli[tensorboard]'.") from error
    final = folder / run
    if final.exists():
        raise UsageError(f"{str(final)!r} is there already: name another folder with --tensorboard.")
    try:
        begun = datetime.fromisoformat(created).timestamp()
        folder.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{run}.", dir=folder))
        with undoing(partial(shutil.rmtree, new, ignore_errors=True)):
            with SummaryWriter(str(new / run)) as writer:
                times = accumulate((metrics.seconds for metrics in history), initial=begun)
                for time, metrics in zip([*times][1:], history, strict=True):
                    for tag, name in TAGS.items():
                        writer.add_scalar(tag, getattr(metrics, name), metrics.epoch, walltime=time)
            (new / run).rename(final)
    except ValueError as error:
        raise RunError(f"The run {run!r} began at {created!r}, which is not a time.") from error
    except OSError as error:
        raise UsageError(f"--tensorboard {str(folder)!r} cannot be written: {error.strerror}.") from error
    return final
