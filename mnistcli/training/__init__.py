"""Training: the jitted steps, the optimizer, early stopping, several seeds at once."""

from mnistcli.training.fit import Fit
from mnistcli.training.stopping import should_stop
from mnistcli.training.together import can_train_together, train_together

__all__ = ["Fit", "can_train_together", "should_stop", "train_together"]
