"""Fitting: the jitted steps, optimizers, early stopping."""

from mnistcli.training.fit import Fit
from mnistcli.training.interrupts import held_interrupts
from mnistcli.training.stopping import best_epoch, should_stop

__all__ = ["Fit", "best_epoch", "held_interrupts", "should_stop"]
