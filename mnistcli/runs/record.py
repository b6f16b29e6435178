"""run.json: a run's configuration, provenance, status and results."""

from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from mnistcli.config import PARTS, TrainConfig
from mnistcli.results.lists import RunSummary
from mnistcli.runs.sums import read_sealed, write_sealed

SCHEMA = "mnistcli.run/1"
KINDS: dict[str, Any] = {
    "class_names": tuple | None,
    "freeze": tuple,
}  # field types that isinstance cannot check


class Status(StrEnum):
    """The state of a run."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True)
class RunRecord:
    """The content of run.json; times are ISO 8601 in UTC."""

    run: str
    status: Status
    created: str
    config: TrainConfig
    provenance: dict[str, Any]
    finished: str | None = None
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """The device that it was trained on, as `jax_setup.set_up` names it."""
        return str(self.provenance.get("device"))

    def summary(self) -> RunSummary:
        """Return the record as a row of `runs list`."""
        return RunSummary(
            run=self.run,
            arch=self.config.arch,
            dataset=self.config.data.dataset,
            status=self.status,
            test_accuracy=self.results.get("test_accuracy"),
            epochs=self.results.get("epochs"),
            train_seconds=self.results.get("train_seconds"),
            created=self.created,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the content of run.json without its schema."""
        return asdict(self) | {"config": self.config.as_dict()}

    def write(self, folder: Path) -> None:
        """Write run.json into the folder."""
        write_sealed(folder / "run.json", {"schema": SCHEMA, **self.as_dict()})


def read_record(folder: Path) -> RunRecord:
    """Read a folder's run.json.

    Raises:
        RunError: It is missing, damaged, or of another version.
    """
    return read_sealed(folder / "run.json", SCHEMA, _make)


def _make(content: dict[str, Any]) -> RunRecord:
    config = TrainConfig.from_dict(content.pop("config"))
    record = RunRecord(status=Status(content.pop("status")), config=config, **content)
    _check_types(record)
    return record


def _check_types(record: RunRecord) -> None:
    if not all(isinstance(text, str) for text in (record.run, record.created)):
        raise ValueError("a name or a time is not text")
    values = record.config.as_dict()
    for each in (each for part in (TrainConfig, *PARTS.values()) for each in fields(part) if each.name in values):
        kind: Any = KINDS.get(each.name) or (float | int if each.type is float else each.type)
        if not isinstance(values[each.name], kind):
            raise ValueError(f"{each.name} has the wrong type")
    if not all(isinstance(name, str) for name in (*(values["class_names"] or ()), *values["freeze"])):
        raise ValueError("a class's name is not text")
    if not isinstance(record.results, dict) or not isinstance(record.provenance, dict):
        raise ValueError("results and provenance must be objects")
    if not all(isinstance(value, int | float) for value in record.results.values()):
        raise ValueError("a result is not a number")
    if not isinstance(record.provenance.get("argv", []), list):
        raise ValueError("argv is not a list")
