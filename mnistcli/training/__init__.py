"""Fitting: the jitted steps, optimizers, early stopping."""

from mnistcli.training.fit import Fit
from mnistcli.training.metrics import accuracy, cross_entropy
from mnistcli.training.stopping import best_epoch, should_stop

__all__ = ["Fit", "accuracy", "best_epoch", "cross_entropy", "should_stop"]
