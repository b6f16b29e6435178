"""The folder of runs: claiming a name in it, finding a run by what a user calls it."""

import json
import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from mnistcli.config import DataChoice, OnnxReading, TrainConfig
from mnistcli.errors import RunError, UsageError, suggestion
from mnistcli.files import read_bounded, write_atomically
from mnistcli.models import RECIPES, arch_key, is_architecture, run_prefix
from mnistcli.results.lists import RunSummary
from mnistcli.results.training import EpochMetrics
from mnistcli.runs.checkpoint import Checkpoint, drop_older, read_checkpoints, read_metrics, save_checkpoint
from mnistcli.runs.record import RunRecord, Status, read_record
from mnistcli.runs.sums import MOST, seal, unseal
from mnistcli.runs.tensors import load_tensors, save_tensors
from mnistcli.runs.weights import ONNX_SUFFIX, load_model

WEIGHTS, METRICS, LOCK = "model.safetensors", "metrics.jsonl", ".lock"
ONNX, STABLEHLO = "model.onnx", "model.stablehlo"
START, START_SCHEMA = "start.safetensors", "mnistcli.start/1"
TEST, TEST_SCHEMA = "test.safetensors", "mnistcli.test/1"
GROUP = "group.json"
EPOCHS = "epochs"  # the folder of weights at epochs' ends
PATIENCE = 1.0  # seconds to wait for a run's lock, which a look at it holds for a moment
BUILTIN = Path(__file__).parent / "builtin.safetensors"
RESERVED = {"latest", "builtin", *RECIPES}


@dataclass(frozen=True)
class Run:
    """A run that can be evaluated: its name and its weights, and its folder where it has one.

    Attributes:
        reading: How to read its file where that is an ONNX file, perhaps another program's; else None.
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
        """Where its ONNX file lies, once there is one; None where it is only a file of weights."""
        if self.reading is not None:
            return self.weights
        return self.weights.with_suffix(ONNX_SUFFIX) if self.folder or self.is_builtin else None

    @property
    def needs_jax(self) -> bool:
        """Whether JAX alone can run it: it is a class in Flax."""
        return self.folder is not None and (self.folder / STABLEHLO).exists()

    def record(self) -> RunRecord | None:
        """Return its run.json, where it has one."""
        return read_record(self.folder) if self.folder and (self.folder / "run.json").exists() else None

    def data(self) -> DataChoice:
        """Return the data set that it was trained on; MNIST where it does not say."""
        record = self.record()
        return record.config.choice() if record else DataChoice()

    def history(self) -> tuple[EpochMetrics, ...]:
        """Return its epochs' metrics; none where it has no metrics.jsonl.

        Raises:
            RunError: metrics.jsonl is damaged, or of another number of epochs than a finished run had.
        """
        path = self.folder / METRICS if self.folder else None
        if path is None or not path.exists():
            return ()
        try:
            content = read_bounded(path, most=MOST)
            whole = content[: content.rfind(b"\n") + 1]  # what follows is being written, or was torn by a kill
            history = tuple(read_metrics(unseal(json.loads(line))) for line in whole.splitlines())
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
        """Return the logits [n, classes] float32 of the test images that it kept; None: it has none of this data.

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
        """Return what a run with a start began with, by path.

        Raises:
            RunError: The file is missing or damaged.
        """
        return _read_start(self.weights.parent)

    def epochs(self) -> dict[int, Path]:
        """Return the files of weights that it kept at epochs' ends, by epoch, in order."""
        return _epoch_files(self.folder) if self.folder else {}


@dataclass
class RunFolder:
    """A claimed folder, while its run is under way."""

    path: Path
    record: RunRecord
    lock: FileLock

    @property
    def weights(self) -> Path:
        """Where the best weights lie."""
        return self.path / WEIGHTS

    def begin_again(self, config: TrainConfig, provenance: dict[str, Any]) -> None:
        """Record that the run goes on, how often at most, and what goes on with it."""
        resumed = [*self.record.provenance.get("resumed", []), {"at": now()} | provenance]
        known = self.record.provenance | {"resumed": resumed}
        self.record = replace(self.record, status=Status.RUNNING, finished=None, config=config, provenance=known)
        self.record.write(self.path)

    def record_device(self, device: str) -> None:
        """Record on which device, or how, the run is trained."""
        self.record = replace(self.record, provenance=self.record.provenance | {"device": device})
        self.record.write(self.path)

    def append_metrics(self, metrics: EpochMetrics) -> None:
        """Add an epoch's line to metrics.jsonl."""
        with (self.path / METRICS).open("a", encoding="utf-8") as file:
            file.write(_line(metrics))

    def repair_metrics(self, history: Sequence[EpochMetrics]) -> bool:
        """Cut metrics.jsonl to these epochs' lines, and return whether it held anything else."""
        path, whole = self.path / METRICS, "".join(map(_line, history)).encode()
        try:
            found = b"" if path.is_symlink() else read_bounded(path, most=MOST)
        except FileNotFoundError:
            found = b""
        except OSError:
            found = None
        write_atomically(path, whole)  # in any case, and so in place of a link, which would lead lines elsewhere
        return found != whole

    def save_best(self, tensors: dict[str, np.ndarray], metadata: dict[str, Any]) -> None:
        """Put the best weights so far in place of those before."""
        save_tensors(self.weights, tensors, metadata)

    def save_start(self, tensors: dict[str, np.ndarray]) -> None:
        """Keep what the run begins with, for a beginning that is cut off before its first checkpoint."""
        save_tensors(self.path / START, tensors, {"schema": START_SCHEMA})

    def read_start(self) -> dict[str, np.ndarray]:
        """Return what the run began with.

        Raises:
            RunError: The file is missing or damaged.
        """
        return _read_start(self.path)

    def save_test_logits(self, logits: np.ndarray, labels: np.ndarray, data_fingerprint: str) -> None:
        """Keep the logits [n, classes] of the test images, and their labels [n], of which comparisons are made."""
        metadata = {"schema": TEST_SCHEMA, "data_fingerprint": data_fingerprint}
        save_tensors(self.path / TEST, {"logits": logits, "labels": labels}, metadata)

    def keep_epochs(self) -> None:
        """Make the folder for the weights of each epoch; a link in its place would lead them elsewhere."""
        if (self.path / EPOCHS).is_symlink():
            (self.path / EPOCHS).unlink()
        (self.path / EPOCHS).mkdir(exist_ok=True)

    @property
    def keeps_epochs(self) -> bool:
        """Whether the run keeps the weights of each epoch."""
        return (self.path / EPOCHS).is_dir() and not (self.path / EPOCHS).is_symlink()

    def save_epoch(self, epoch: int, tensors: dict[str, np.ndarray], metadata: dict[str, Any]) -> None:
        """Keep the weights at an epoch's end, in place of what an abandoned course of training left there."""
        save_tensors(self.path / EPOCHS / f"{epoch:03d}.safetensors", tensors, metadata)

    def drop_epochs(self, *, after: int) -> None:
        """Remove the weights of epochs after that one, and files that a kill cut off."""
        if self.keeps_epochs:
            late = (path for epoch, path in _epoch_files(self.path).items() if epoch > after)
            for path in (*late, *(self.path / EPOCHS).glob(".*.*.*")):
                path.unlink(missing_ok=True)

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Put the newest state, all that resuming needs, in place of the one before."""
        save_checkpoint(self.path, checkpoint)

    def read_checkpoint(self, *, expected: dict[str, np.ndarray], steps: int) -> tuple[Checkpoint | None, list[str]]:
        """Return the newest whole checkpoint, None where there is none, and what is wrong with newer files.

        `expected` are tensors of the names, dtypes and shapes that it must have, `steps` those of an epoch. A
        checkpoint stands on the best weights of its epochs: without these none is of use.
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
        """Record how the run ended, and leave its folder to others."""
        self.record = replace(self.record, status=status, finished=now(), results=results or {})
        try:
            if status == Status.FINISHED:
                drop_older(self.path)
            self.record.write(self.path)
        finally:
            self.lock.release()


@dataclass(frozen=True)
class RunsFolder:
    """The folder in which runs lie, one folder each; it need not exist yet."""

    path: Path

    def __post_init__(self) -> None:
        try:
            is_file = self.path.exists() and not self.path.is_dir()
        except OSError as error:
            raise UsageError(f"The runs folder {str(self.path)!r} cannot be used: {error.strerror}.") from error
        if is_file:
            raise UsageError(f"The runs folder {str(self.path)!r} is a file: name a folder with --runs-dir.")

    def claim(self, config: TrainConfig, provenance: dict[str, Any], *, name: str | None = None) -> RunFolder:
        """Make a new run's folder: `name`, or the architecture's next number.

        mkdir decides between processes that want the same name.

        Raises:
            UsageError: The name cannot be used or is taken, or the folder cannot be made.
        """
        if name is not None:
            check_name(name)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            folder = self._claim_next(config.arch) if name is None else self._claim_named(name)
            try:
                lock = lock_folder(folder)
                record = RunRecord(folder.name, Status.RUNNING, now(), config, provenance)
                record.write(folder)
            except OSError:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        except OSError as error:
            raise UsageError(
                f"No run can be made in {str(self.path)!r} ({error.strerror}): name another folder with --runs-dir."
            ) from error
        return RunFolder(folder, record, lock)

    def reopen(self, text: str) -> RunFolder:
        """Take an unfinished run's folder to go on in it; "latest" or an architecture is the newest of them.

        Raises:
            RunError: There is no such run, it is finished, or another process is at work in it.
        """
        run, record = self.find_unfinished(text)
        if run.folder is None or record.status == Status.FINISHED:
            raise RunError(f"The run {run.name!r} is finished: 'mnistcli evaluate {run.name}' scores it.")
        try:
            lock = lock_folder(run.folder)
        except Timeout as error:
            raise RunError(f"The run {run.name!r} is in use: another process trains it.") from error
        except OSError as error:
            raise RunError(f"The run {run.name!r} cannot be written: {error.strerror}.") from error
        for leftover in run.folder.glob(".*.*.*"):  # files that a kill cut off
            leftover.unlink(missing_ok=True)
        return RunFolder(run.folder, record, lock)

    def find_unfinished(self, text: str) -> tuple[Run, RunRecord]:
        """Return a run and its record; "latest" or an architecture is the newest that is not finished, if there is one.

        Raises:
            RunError: There is no such run.
        """
        by_arch = text == "latest" or is_architecture(text)
        folder = self._unfinished(None if text == "latest" else arch_key(text)) if by_arch else None
        return self.find_record(str(folder) if folder else text)

    def _unfinished(self, arch: str | None) -> Path | None:
        rows = [each for each in self.summaries() if each.status not in (Status.FINISHED, "damaged")]
        return next((self.path / each.run for each in reversed(rows) if arch in (None, each.arch)), None)

    def _claim_named(self, name: str) -> Path:
        folder = self.path / name
        try:
            folder.mkdir()
        except FileExistsError as error:
            raise UsageError(f"There is a run {name!r} in {self.path} already: choose another --name.") from error
        return folder

    def _claim_next(self, arch: str) -> Path:
        prefix = f"{run_prefix(arch)}-"
        numbers = [entry.name.removeprefix(prefix) for entry in self.path.glob(f"{prefix}*")]
        taken = [int(number) for number in numbers if number.isdecimal()]
        for number in count(max(taken, default=0) + 1):
            folder = self.path / f"{prefix}{number:03d}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
        raise AssertionError("numbers do not end")

    def summaries(self) -> list[RunSummary]:
        """List every run, oldest first; one whose run.json cannot be read is listed as damaged."""
        rows = []
        for folder in self._folders():
            try:
                rows.append(_summary(folder))
            except RunError:
                rows.append(RunSummary(folder.name, "", "", "damaged", None, None, None, ""))
        return sorted(rows, key=lambda row: (row.created, row.run))

    def find(self, text: str, *, data: DataChoice | None = None) -> Run:
        """Return the run that `text` names: a path, a run's name, an architecture, "latest" or "builtin".

        Of an architecture the newest that finished, trained on `data` where that is given.

        Raises:
            RunError: There is none, or it has no weights.
        """
        if text == "builtin":
            return Run("builtin", BUILTIN)
        if text in RESERVED:
            return self._newest(None if text == "latest" else text, data)
        if (folder := self._by_name(text)) is not None:
            return _with_weights(folder)
        return self._newest(arch_key(text), data) if is_architecture(text) else self._by_path(text)

    def find_record(self, text: str) -> tuple[Run, RunRecord]:
        """Return a run, finished or not, and its run.json.

        Raises:
            RunError: There is no such run, or no run.json in it.
        """
        folder = None if text in RESERVED else self._by_name(text) or _run_at(Path(text))
        if folder is not None:
            return Run(folder.resolve().name, folder / WEIGHTS, folder), read_record(folder)
        run = self.find(text)
        record = run.record()
        if record is None:
            raise RunError(
                f"The run {run.name!r} has weights alone: there is no run.json that says how it was trained."
            )
        return run, record

    def has_finished(self, arch: str | None = None, *, data: DataChoice | None = None) -> bool:
        """Whether there is a finished run (of that architecture, trained on that data set)."""
        return any(self.finished(arch, data))

    def _newest(self, arch: str | None, data: DataChoice | None) -> Run:
        finished = sorted((record.created, record.run) for record in self.finished(arch, data))
        if not finished:
            kind = (f"finished run of {arch!r}" if arch else "finished run") + (f" on {data.dataset}" if data else "")
            train = f"mnistcli train --arch {shlex.quote(arch)}" if arch else "mnistcli train"
            raise RunError(f"There is no {kind} in {str(self.path)!r}; this trains one: {train}")
        _, newest = finished[-1]
        return _with_weights(self.path / newest)

    def finished(self, arch: str | None = None, data: DataChoice | None = None) -> Iterator[RunRecord]:
        """Yield the record of each finished run (of that architecture, trained on that data set)."""
        for folder in self._folders():
            try:
                record = read_record(folder)
            except RunError:
                continue
            wanted = arch in (None, record.config.arch) and (data is None or data.same_images(record.config))
            if record.status == Status.FINISHED and wanted:
                yield replace(record, run=folder.name)

    def _by_name(self, text: str) -> Path | None:
        """Return the run's folder, None where no folder in this one is called so.

        Raises:
            RunError: It is a link that leads elsewhere: whoever means that place names it.
        """
        folder = self.path / text
        if not _is_plain_name(text) or not folder.is_dir():
            return None
        if not self._holds(folder):
            raise RunError(f"The run {text!r} is a link that leads out of {str(self.path)!r}: name its place instead.")
        _refuse_group(folder)
        return folder

    def _holds(self, folder: Path) -> bool:
        return folder.resolve().parent == self.path.resolve()

    def _by_path(self, text: str) -> Run:
        path = Path(text)
        try:
            if path.is_dir():
                return _with_weights(path)
            if path.is_file() and path.suffix.lower() == ONNX_SUFFIX:
                return Run(path.name, path, reading=OnnxReading())
            if path.is_file():
                return Run(path.stem if path.name != WEIGHTS else path.parent.name, path)
        except (OSError, ValueError):
            pass
        names = [folder.name for folder in self._folders()]
        raise RunError(
            f"There is no run {text!r} in {str(self.path)!r}: 'mnistcli runs list' names those there are"
            f"{suggestion(text, [*names, *RESERVED])}"
        )

    def _folders(self) -> list[Path]:
        if not self.path.is_dir():
            return []
        return [entry for entry in sorted(self.path.iterdir()) if _run_at(entry) and self._holds(entry)]


def _read_start(folder: Path) -> dict[str, np.ndarray]:
    tensors, _ = load_tensors(folder / START, check=lambda *_: None)
    return tensors


def _epoch_files(folder: Path) -> dict[int, Path]:
    files = (path for path in (folder / EPOCHS).glob("*.safetensors") if path.stem.isdecimal())
    return dict(sorted((int(path.stem), path) for path in files))


def _line(metrics: EpochMetrics) -> str:
    return json.dumps(seal(asdict(metrics)), allow_nan=False) + "\n"


def lock_folder(folder: Path) -> FileLock:
    """Take the folder's lock, which the system gives back when the process ends, however it does.

    Raises:
        Timeout: Another process holds it.
        OSError: The folder cannot be written.
    """
    lock = FileLock(folder / LOCK, timeout=PATIENCE)
    lock.acquire()
    return lock


def _summary(folder: Path) -> RunSummary:
    """Return a line of `runs list`; a run said to be running in which no process works was killed."""
    row = replace(read_record(folder).summary(), run=folder.name)
    if row.status == Status.RUNNING:
        with suppress(Timeout, OSError), FileLock(folder / LOCK, timeout=0):
            return replace(row, status=Status.INTERRUPTED)
    return row


def claim_folder(runs: Path, *, prefix: str, name: str | None) -> Path:
    """Make the folder of something that takes several runs: `name`, or the prefix with the next number.

    Raises:
        UsageError: The name cannot be used or is taken, or the folder cannot be made.
    """
    if name is not None:
        check_name(name)
    try:
        runs.mkdir(parents=True, exist_ok=True)
        for path in map(runs.joinpath, [name] if name else (f"{prefix}-{number:03d}" for number in count(1))):
            with suppress(FileExistsError):
                path.mkdir()
                return path
    except OSError as error:
        raise UsageError(
            f"No folder can be made in {str(runs)!r} ({error.strerror}): name another one with --runs-dir."
        ) from error
    raise UsageError(f"There is {name!r} in {runs} already: choose another --name, or go on with --resume {name}.")


def check_name(name: str) -> None:
    """Raise UsageError where a run cannot be called so."""
    if name in RESERVED:
        raise UsageError(f"A run cannot be called {name!r}, which stands for something else: choose another --name.")
    if not _is_plain_name(name):
        raise UsageError(
            f"A run cannot be called {name!r}: --name takes letters, digits, '.', '_' and '-', and begins with a "
            "letter or a digit."
        )


def _is_plain_name(name: str) -> bool:
    return name[:1].isalnum() and all(c.isalnum() or c in "._-" for c in name) and name.isascii() and len(name) <= 100


def _run_at(folder: Path) -> Path | None:
    """Return the folder where it holds a run."""
    return folder if os.path.exists(folder / "run.json") else None  # noqa: PTH110  (Path.exists may raise)


def _refuse_group(folder: Path) -> None:
    if (folder / GROUP).exists():
        raise RunError(f"{folder.name!r} is a group: name one of its runs, which 'mnistcli runs list -v' shows.")


def _with_weights(folder: Path) -> Run:
    _refuse_group(folder)
    weights = folder / WEIGHTS
    if not weights.exists():
        raise RunError(
            f"The run {str(folder)!r} has no {WEIGHTS}: it ended before its first epoch did, or the file was removed."
        )
    return Run(folder.resolve().name, weights, folder)


def now() -> str:
    """Return the time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
