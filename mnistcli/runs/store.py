"""The runs folder: find a run by what the user calls it, and claim a folder for training."""

import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mnistcli.config import DataChoice, OnnxReading, TrainConfig
from mnistcli.errors import RunError, UsageError, suggestion
from mnistcli.models import arch_key, is_architecture, run_prefix
from mnistcli.results.lists import RunSummary
from mnistcli.runs.folder import RunFolder
from mnistcli.runs.places import LOCK, RESERVED, claim_folder, is_locked, is_plain_name, lock_folder, now, unwritable
from mnistcli.runs.record import RunRecord, Status, read_record
from mnistcli.runs.run import BUILTIN, WEIGHTS, Run
from mnistcli.runs.weights import ONNX_SUFFIX

GROUP, SEARCH = "group.json", "search.json"


@dataclass(frozen=True)
class RunsFolder:
    """The folder that contains the runs, one folder each; it may not exist yet.

    Attributes:
        path: Its path.
        shared: Whether several processes may create a run of the same name.
    """

    path: Path
    shared: bool = False

    def __post_init__(self) -> None:
        try:
            is_file = self.path.exists() and not self.path.is_dir()
        except OSError as error:
            raise UsageError(f"The runs folder {str(self.path)!r} cannot be used: {error.strerror}.") from error
        if is_file:
            raise UsageError(f"The runs folder {str(self.path)!r} is a file: give a folder with --runs-dir.")

    def claim(self, config: TrainConfig, provenance: dict[str, Any], *, name: str | None = None) -> RunFolder:
        """Create a new run, called `name` or by the architecture's next number.

        Raises:
            UsageError: The name is not allowed or is taken, or the folder cannot be created.
        """
        with self.claiming():
            folder = claim_folder(self.path, prefix=run_prefix(config.arch), name=name)
            try:
                lock = lock_folder(folder)
                record = RunRecord(folder.name, Status.RUNNING, now(), config, provenance)
                record.write(folder)
            except OSError as error:
                shutil.rmtree(folder, ignore_errors=True)
                raise unwritable(self.path, error) from error
        return RunFolder(folder, record, lock)

    @contextmanager
    def claiming(self) -> Iterator[None]:
        """Keep other processes that share the folder from creating or removing a run."""
        with FileLock(self.path / LOCK) if self.shared else nullcontext():
            yield

    def reopen(self, text: str) -> RunFolder:
        """Lock the folder of an unfinished run to resume it; "latest" or an architecture means the newest.

        Raises:
            RunError: The run does not exist, is finished, or is being trained by another process.
        """
        run, record = self.find_unfinished(text)
        if run.folder is None or record.status == Status.FINISHED:
            raise RunError(f"The run {run.name!r} is finished: 'mnistcli evaluate {run.name}' scores it.")
        try:
            lock = lock_folder(run.folder)
        except Timeout as error:
            raise RunError(f"The run {run.name!r} is in use: another process is training it.") from error
        except OSError as error:
            raise RunError(f"The run {run.name!r} cannot be written: {error.strerror}.") from error
        for leftover in run.folder.glob(".*.*.*"):  # incomplete files of a killed process
            leftover.unlink(missing_ok=True)
        return RunFolder(run.folder, record, lock)

    def find_unfinished(self, text: str) -> tuple[Run, RunRecord]:
        """Return a run and its record; "latest" or an architecture means the newest unfinished run if there is one.

        Raises:
            RunError: The run does not exist.
        """
        by_arch = text == "latest" or is_architecture(text)
        folder = self._unfinished(None if text == "latest" else arch_key(text)) if by_arch else None
        return self.find_record(str(folder) if folder else text)

    def _unfinished(self, arch: str | None) -> Path | None:
        rows = [each for each in self.summaries() if each.status not in (Status.FINISHED, "damaged")]
        return next((self.path / each.run for each in reversed(rows) if arch in (None, each.arch)), None)

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

        An architecture means its newest finished run, trained on `data` if given.

        Raises:
            RunError: The run does not exist, or has no weights.
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
            RunError: The run does not exist, or has no run.json.
        """
        folder = None if text in RESERVED else self._by_name(text) or _run_at(Path(text))
        if folder is not None:
            return Run(folder.resolve().name, folder / WEIGHTS, folder), read_record(folder)
        run = self.find(text)
        record = run.record()
        if record is None:
            raise RunError(f"The run {run.name!r} has no run.json, so how it was trained is unknown.")
        return run, record

    def has_finished(self, arch: str | None = None, *, data: DataChoice | None = None) -> bool:
        """Whether there is a finished run, of that architecture and trained on that data set if given."""
        return any(self.finished(arch, data))

    def default(self) -> str:
        """Return "latest" if there is a finished run, else "builtin"."""
        return "latest" if self.has_finished() else "builtin"

    def _newest(self, arch: str | None, data: DataChoice | None) -> Run:
        finished = sorted((record.created, record.run) for record in self.finished(arch, data))
        if not finished:
            kind = (f"finished run of {arch!r}" if arch else "finished run") + (f" on {data.dataset}" if data else "")
            train = f"mnistcli train --arch {shlex.quote(arch)}" if arch else "mnistcli train"
            raise RunError(f"There is no {kind} in {str(self.path)!r}; to train one, run: {train}")
        _, newest = finished[-1]
        return _with_weights(self.path / newest)

    def finished(self, arch: str | None = None, data: DataChoice | None = None) -> Iterator[RunRecord]:
        """Yield the record of each finished run, of that architecture and trained on that data set if given."""
        for folder in self._folders():
            try:
                record = read_record(folder)
            except RunError:
                continue
            wanted = arch in (None, record.config.arch) and (data is None or data.same_images(record.config.data))
            if record.status == Status.FINISHED and wanted:
                yield replace(record, run=folder.name)

    def _by_name(self, text: str) -> Path | None:
        """Return the folder of the run with that name; None if there is none.

        Raises:
            RunError: It is a link to another place, a group or a search; or the name is empty.
        """
        if not text:
            raise RunError("The name of the run is empty: 'mnistcli runs list' shows the runs.")
        folder = self.path / text
        if not is_plain_name(text) or not folder.is_dir():
            return None
        if not self._holds(folder):
            raise RunError(f"The run {text!r} is a link out of {str(self.path)!r}: give the path it leads to instead.")
        _refuse_groups_and_searches(folder)
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
            f"There is no run {text!r} in {str(self.path)!r}: 'mnistcli runs list' shows the runs"
            f"{suggestion(text, [*names, *RESERVED])}"
        )

    def _folders(self) -> list[Path]:
        if not self.path.is_dir():
            return []
        return [entry for entry in sorted(self.path.iterdir()) if _run_at(entry) and self._holds(entry)]


def _summary(folder: Path) -> RunSummary:
    """Return a row of `runs list`; a "running" run without a process that holds its lock was interrupted."""
    row = replace(read_record(folder).summary(), run=folder.name)
    is_lost = row.status == Status.RUNNING and not is_locked(folder / LOCK)
    return replace(row, status=Status.INTERRUPTED) if is_lost else row


def _run_at(folder: Path) -> Path | None:
    """Return the folder if it contains a run, else None."""
    return folder if os.path.exists(folder / "run.json") else None  # noqa: PTH110  (Path.exists may raise)


def _refuse_groups_and_searches(folder: Path) -> None:
    if (folder / GROUP).exists():
        raise RunError(f"{folder.name!r} is a group: name one of its runs, which 'mnistcli runs list -v' shows.")
    if (folder / SEARCH).exists():
        raise RunError(f"{folder.name!r} is a search, not a run: 'mnistcli tune --resume {folder.name}' shows it.")


def _with_weights(folder: Path) -> Run:
    _refuse_groups_and_searches(folder)
    weights = folder / WEIGHTS
    if not weights.exists():
        raise RunError(
            f"The run {str(folder)!r} has no {WEIGHTS}: it ended before its first epoch, or the file was removed."
        )
    return Run(folder.resolve().name, weights, folder)
