"""All statistics: what answers score, and what two runs or two recipes can be said to differ by."""

from mnistcli.metrics.pairs import LEVEL, cochran_test, holm, paired_interval, paired_test
from mnistcli.metrics.recipes import compare_all, compare_recipes
from mnistcli.metrics.scores import (
    accuracy,
    calibration_error,
    cross_entropy,
    ensemble_logits,
    fit_temperature,
    softmax,
)
from mnistcli.metrics.welch import mean_interval

__all__ = [
    "LEVEL",
    "accuracy",
    "calibration_error",
    "cochran_test",
    "compare_all",
    "compare_recipes",
    "cross_entropy",
    "ensemble_logits",
    "fit_temperature",
    "holm",
    "mean_interval",
    "paired_interval",
    "paired_test",
    "softmax",
]
