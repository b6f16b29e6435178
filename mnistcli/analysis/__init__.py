"""Runs and data → results: train and score, evaluate, compare, predict, diagnose."""

from mnistcli.analysis.compare import compare
from mnistcli.analysis.diagnose import diagnose
from mnistcli.analysis.evaluate import evaluate
from mnistcli.analysis.predict import predict
from mnistcli.analysis.study import train

__all__ = ["compare", "diagnose", "evaluate", "predict", "train"]
