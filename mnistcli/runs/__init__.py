"""Runs on disk: folders, records and weights."""

from mnistcli.runs.checkpoint import Checkpoint
from mnistcli.runs.provenance import provenance
from mnistcli.runs.record import RunRecord, Status
from mnistcli.runs.store import ONNX, STABLEHLO, Run, RunFolder, RunsFolder
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
