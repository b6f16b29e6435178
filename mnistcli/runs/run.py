"""A run that can be evaluated, and the files in its folder."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnistcli.config import DataChoice, OnnxReading
from mnistcli.errors import RunError
from mnistcli.files import read_bounded
from mnistcli.results.shown import Drawable
from mnistcli.results.train import EpochMetrics
from mnistcli.runs.checkpoint import read_metrics
from mnistcli.runs.record import RunRecord, Status, read_record
from mnistcli.runs.sums import MOST, unseal
from mnistcli.runs.tensors import load_tensors
from mnistcli.runs.weights import ONNX_SUFFIX

WEIGHTS, METRICS = "model.safetensors", "metrics.jsonl"
ONNX, STABLEHLO = "model.onnx", "model.stablehlo"
START, START_SCHEMA = "start.safetensors", "mnistcli.start/1"
TEST, TEST_SCHEMA = "test.safetensors", "mnistcli.test/1"
EPOCHS = "epochs"  # the folder of the weights at the end of each epoch
BUILTIN = Path(__file__).parent / "builtin.safetensors"


@dataclass(frozen=True)
class Run(Drawable):
    """A run that can be evaluated: its name, its weights, and its folder if it has one.

    Attributes:
        reading: How to read its file if that is an ONNX file, perhaps another program's; else None.
    """

    name: str
    weights: Path
    folder: Path | None = None
    reading: OnnxReading | None = None

    @property
    def is_builtin(self) -> bool:
        """Whether it ships with the package."""
        return self.weights == BUILTIN

    @property
    def onnx(self) -> Path | None:
        """The path of its ONNX file, which may not exist yet; None if the run is only a weights file."""
        if self.reading is not None:
            return self.weights
        return self.weights.with_suffix(ONNX_SUFFIX) if self.folder or self.is_builtin else None

    @property
    def needs_jax(self) -> bool:
        """Whether only JAX can run it, because it is a class in Flax."""
        return self.folder is not None and (self.folder / STABLEHLO).exists()

    def record(self) -> RunRecord | None:
        """Return its run.json; None if it has none."""
        return read_record(self.folder) if self.folder and (self.folder / "run.json").exists() else None

    def caveats(self) -> list[str]:
        """Return clauses, to follow the run's name, that say how it differs from a full training by its recipe.

        Raises:
            RunError: run.json is damaged.
        """
        record = self.record()
        limit, unfinished = (record.config.limit, record.status != Status.FINISHED) if record else (None, False)
        few = [f"trained on the first {limit:,} images only"] if limit is not None else []
        return few + ["not trained to the end: the best weights so far are used"] * unfinished

    def data(self) -> DataChoice:
        """Return the data set that it was trained on; MNIST if it has no run.json."""
        record = self.record()
        return record.config.data if record else DataChoice()

    def history(self) -> tuple[EpochMetrics, ...]:
        """Return the metrics of its epochs; empty if it has no metrics.jsonl.

        Raises:
            RunError: metrics.jsonl is damaged, or has another number of epochs than run.json.
        """
        path = self.folder / METRICS if self.folder else None
        if path is None or not path.exists():
            return ()
        try:
            content = read_bounded(path, most=MOST)
            complete = content[: content.rfind(b"\n") + 1]  # the rest is being written, or was cut off by a kill
            history = tuple(read_metrics(unseal(json.loads(line))) for line in complete.splitlines())
        except OSError as error:
            raise RunError(f"{path} cannot be read: {error.strerror}.") from error
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise RunError(f"{path} is damaged: {error}.") from error
        record = self.record()
        epochs = record.results.get("epochs") if record else None
        if epochs not in (None, len(history)):
            raise RunError(f"{path} is damaged: expected {epochs} epochs, found {len(history)}.")
        return history

    def test_logits(self, *, data_fingerprint: str, shape: tuple[int, int]) -> np.ndarray | None:
        """Return the stored logits [n, classes] float32 of the test images; None if it has none for this data.

        Raises:
            RunError: The file is damaged.
        """
        path = self.folder / TEST if self.folder else None
        if path is None or not path.exists():
            return None
        tensors, metadata = load_tensors(path, check=lambda *_: None)
        logits = tensors.get("logits")
        same_data = metadata.get("schema") == TEST_SCHEMA and metadata.get("data_fingerprint") == data_fingerprint
        if logits is None or logits.shape != shape or not same_data:
            return None
        return logits

    def start_arrays(self) -> dict[str, np.ndarray]:
        """Return the weights that a run with --from started with, by path.

        Raises:
            RunError: The file is missing or damaged.
        """
        return read_start(self.weights.parent)

    def epochs(self) -> dict[int, Path]:
        """Return the weights files that it kept at the end of epochs, by epoch, in order."""
        return epoch_files(self.folder) if self.folder else {}


def read_start(folder: Path) -> dict[str, np.ndarray]:
    """Return the weights that a run with --from started with, by path.

    Raises:
        RunError: The file is missing or damaged.
    """
    tensors, _ = load_tensors(folder / START, check=lambda *_: None)
    return tensors


def epoch_files(folder: Path) -> dict[int, Path]:
    """Return the weights files that a run kept at the end of epochs, by epoch, in order."""
    files = (path for path in (folder / EPOCHS).glob("*.safetensors") if path.stem.isdecimal())
    return dict(sorted((int(path.stem), path) for path in files))
