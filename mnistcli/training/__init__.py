"""Fitting: the jitted steps, optimizers, early stopping."""

from mnistcli.training.fit import Fit
from mnistcli.training.stopping import best_epoch, should_stop

__all__ = ["Fit", "best_epoch", "should_stop"]
