"""A run's folder during training: the files that are written to it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from mnistcli.config import TrainConfig
from mnistcli.errors import RunError
from mnistcli.files import read_bounded, write_atomically
from mnistcli.results.train import EpochMetrics
from mnistcli.runs.checkpoint import Checkpoint, drop_older, read_checkpoints, save_checkpoint
from mnistcli.runs.places import now
from mnistcli.runs.record import RunRecord, Status
from mnistcli.runs.run import (
    EPOCHS,
    METRICS,
    START,
    START_SCHEMA,
    TEST,
    TEST_SCHEMA,
    WEIGHTS,
    epoch_files,
    read_start,
)
from mnistcli.runs.sums import MOST, seal
from mnistcli.runs.tensors import save_tensors
from mnistcli.runs.weights import load_model


@dataclass
class RunFolder:
    """The folder of a run that is being trained; `lock` keeps other processes out."""

    path: Path
    record: RunRecord
    lock: FileLock

    @property
    def weights(self) -> Path:
        """The path of the best weights."""
        return self.path / WEIGHTS

    def record_resumption(self, config: TrainConfig, provenance: dict[str, Any]) -> None:
        """Record that the run is resumed, with this configuration, by this command and machine."""
        resumed = [*self.record.provenance.get("resumed", []), {"at": now()} | provenance]
        known = self.record.provenance | {"resumed": resumed}
        self.record = replace(self.record, status=Status.RUNNING, finished=None, config=config, provenance=known)
        self.record.write(self.path)

    def record_device(self, device: str) -> None:
        """Record the name of the device that trains the run."""
        self.record = replace(self.record, provenance=self.record.provenance | {"device": device})
        self.record.write(self.path)

    def append_metrics(self, metrics: EpochMetrics) -> None:
        """Append an epoch's line to metrics.jsonl."""
        with (self.path / METRICS).open("a", encoding="utf-8") as file:
            file.write(_line(metrics))

    def repair_metrics(self, history: Sequence[EpochMetrics]) -> bool:
        """Rewrite metrics.jsonl with only these epochs, and return whether its content changed."""
        path, expected = self.path / METRICS, "".join(map(_line, history)).encode()
        try:
            found = b"" if path.is_symlink() else read_bounded(path, most=MOST)
        except FileNotFoundError:
            found = b""
        except OSError:
            found = None
        write_atomically(path, expected)  # always, to replace a link, which would redirect later lines
        return found != expected

    def save_best(self, tensors: dict[str, np.ndarray], metadata: dict[str, Any]) -> None:
        """Write the best weights so far; they replace the previous ones."""
        save_tensors(self.weights, tensors, metadata)

    def save_start(self, tensors: dict[str, np.ndarray]) -> None:
        """Write the weights that the run starts with, to resume it if it is killed before its first checkpoint."""
        save_tensors(self.path / START, tensors, {"schema": START_SCHEMA})

    def read_start(self) -> dict[str, np.ndarray]:
        """Return the weights that the run started with, by path.

        Raises:
            RunError: The file is missing or damaged.
        """
        return read_start(self.path)

    def save_test_logits(self, logits: np.ndarray, labels: np.ndarray, data_fingerprint: str) -> None:
        """Write the logits [n, classes] and labels [n] of the test images, for later comparisons."""
        metadata = {"schema": TEST_SCHEMA, "data_fingerprint": data_fingerprint}
        save_tensors(self.path / TEST, {"logits": logits, "labels": labels}, metadata)

    def keep_epochs(self) -> None:
        """Create the folder for the weights of each epoch; a link in its place is removed."""
        if (self.path / EPOCHS).is_symlink():
            (self.path / EPOCHS).unlink()
        (self.path / EPOCHS).mkdir(exist_ok=True)

    @property
    def keeps_epochs(self) -> bool:
        """Whether the run keeps the weights of every epoch."""
        return (self.path / EPOCHS).is_dir() and not (self.path / EPOCHS).is_symlink()

    def save_epoch(self, epoch: int, tensors: dict[str, np.ndarray], metadata: dict[str, Any]) -> None:
        """Write the weights at the end of an epoch; they replace those of an earlier attempt."""
        save_tensors(self.path / EPOCHS / f"{epoch:03d}.safetensors", tensors, metadata)

    def drop_epochs(self, *, after: int) -> None:
        """Remove the weights of later epochs, and incomplete files of a killed process."""
        if self.keeps_epochs:
            late = (path for epoch, path in epoch_files(self.path).items() if epoch > after)
            for path in (*late, *(self.path / EPOCHS).glob(".*.*.*")):
                path.unlink(missing_ok=True)

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Write the state that resuming needs."""
        save_checkpoint(self.path, checkpoint)

    def read_checkpoint(self, *, expected: dict[str, np.ndarray], steps: int) -> tuple[Checkpoint | None, list[str]]:
        """Return the newest valid checkpoint, or None, and the problems of newer files.

        `expected` gives the names, dtypes and shapes that its tensors must have; `steps` is the number in an epoch. A
        checkpoint is valid only if the best weights of its epochs are.
        """
        problems: list[str] = []
        for found in read_checkpoints(self.path, expected=expected, steps=steps):
            if isinstance(found, Checkpoint):
                problem = self._weights_problem() if found.history else None
                return (None, [*problems, problem]) if problem else (found, problems)
            problems.append(str(found))
        return None, problems

    def _weights_problem(self) -> str | None:
        try:
            load_model(self.weights)
        except RunError as error:
            return str(error)
        return None

    def close(self, status: Status, results: dict[str, Any] | None = None) -> None:
        """Record how the run ended, and release the lock."""
        self.record = replace(self.record, status=status, finished=now(), results=results or {})
        try:
            if status == Status.FINISHED:
                drop_older(self.path)
            self.record.write(self.path)
        finally:
            self.lock.release()


def _line(metrics: EpochMetrics) -> str:
    return json.dumps(seal(asdict(metrics)), allow_nan=False) + "\n"
