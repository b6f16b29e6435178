"""Fitting: the jitted steps, optimizers, early stopping."""

from mnistcli.training.fit import Fit
from mnistcli.training.interrupts import held_interrupts
from mnistcli.training.metrics import accuracy, cross_entropy
from mnistcli.training.stopping import best_epoch, should_stop

__all__ = ["Fit", "accuracy", "best_epoch", "cross_entropy", "held_interrupts", "should_stop"]
