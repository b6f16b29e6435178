"""Runs on disk: folders, records and weights."""

from mnistcli.runs.checkpoint import Checkpoint
from mnistcli.runs.folder import RunFolder
from mnistcli.runs.provenance import provenance
from mnistcli.runs.record import RunRecord, Status
from mnistcli.runs.run import ONNX, STABLEHLO, Run
from mnistcli.runs.store import RunsFolder
from mnistcli.runs.weights import StoredModel, load_model, model_metadata

__all__ = [
    "ONNX",
    "STABLEHLO",
    "Checkpoint",
    "Run",
    "RunFolder",
    "RunRecord",
    "RunsFolder",
    "Status",
    "StoredModel",
    "load_model",
    "model_metadata",
    "provenance",
]
