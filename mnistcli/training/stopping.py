"""Early stopping, by training accuracy."""

from collections.abc import Sequence

from mnistcli.results.train import EpochMetrics


def should_stop(history: Sequence[EpochMetrics], *, patience: int) -> bool:
    """Whether training accuracy has not exceeded its best for `patience` epochs; patience 0 never stops.

    The study stops this way: Keras's EarlyStopping(monitor="accuracy", patience=1).
    """
    if patience == 0 or not history:
        return False
    accuracies = [metrics.train_accuracy for metrics in history]
    best = max(range(len(accuracies)), key=accuracies.__getitem__)  # the first of equals
    return len(accuracies) - 1 - best >= patience
