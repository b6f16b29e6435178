"""Write a run's epochs as TensorBoard event files, with tensorboardX."""

import shutil
import tempfile
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path

from mnistcli.errors import RunError, UsageError
from mnistcli.process import cleaning_up
from mnistcli.results.train import EpochMetrics

# TensorBoard shows one chart for each prefix, with training and validation in it.
TAGS = {
    "loss/train": "train_loss",
    "loss/validation": "validation_loss",
    "accuracy/train": "train_accuracy",
    "accuracy/validation": "validation_accuracy",
    "images_per_second": "images_per_second",
}


def check_events(run: str, folder: Path) -> None:
    """Raise UsageError if tensorboardX is not installed, or the folder already has events of that run."""
    if find_spec("tensorboardX") is None:
        raise UsageError("--tensorboard needs tensorboardX: pip install 'mnistcli[tensorboard]'.")
    if (final := folder / run).exists():
        raise UsageError(f"{str(final)!r} already exists: give another folder with --tensorboard.")


def write_events(run: str, history: Sequence[EpochMetrics], folder: Path, *, created: str) -> Path:
    """Write a run's epochs atomically to a folder with its name, and return the folder.

    Args:
        run: The run's name.
        history: The metrics of its epochs.
        folder: The folder where TensorBoard looks for runs; it may not exist yet.
        created: When the run started, ISO 8601; the times of events are this plus the seconds of training.

    Raises:
        RunError: `created` is not a time.
        UsageError: The folder cannot be written.
    """
    from tensorboardX import SummaryWriter

    final = folder / run
    try:
        started = datetime.fromisoformat(created).timestamp()
        folder.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{run}.", dir=folder))
        with cleaning_up(partial(shutil.rmtree, new, ignore_errors=True)):
            with SummaryWriter(str(new / run)) as writer:
                times = accumulate((metrics.seconds for metrics in history), initial=started)
                for time, metrics in zip([*times][1:], history, strict=True):
                    for tag, name in TAGS.items():
                        writer.add_scalar(tag, getattr(metrics, name), metrics.epoch, walltime=time)
            (new / run).rename(final)
    except ValueError as error:
        raise RunError(f"The start of the run {run!r} is {created!r}, which is not a time.") from error
    except OSError as error:
        raise UsageError(f"--tensorboard {str(folder)!r} cannot be written: {error.strerror}.") from error
    return final
