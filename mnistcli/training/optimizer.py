"""Make the optimizer of a configuration."""

import optax

from mnistcli.config import TrainConfig
from mnistcli.models.network import is_in, map_paths
from mnistcli.optimizers import OPTIMIZERS, SCHEDULES


def make_optimizer(
    config: TrainConfig, *, steps: int, rate: optax.ScalarOrSchedule | None = None
) -> optax.GradientTransformation:
    """Return the configuration's optimizer for a training of `steps` steps; frozen layers do not change.

    Its learning rate is `rate`, by default the configuration's with its schedule.
    """
    hyper = config.hyper
    if rate is None:
        rate = SCHEDULES[hyper.schedule].make(hyper.learning_rate, steps)
    optimizer = OPTIMIZERS[hyper.optimizer].make(rate, hyper.weight_decay)
    if not config.freeze:
        return optimizer
    return optax.partition(
        {"trained": optimizer, "frozen": optax.set_to_zero()},
        lambda params: map_paths(lambda path, _: "frozen" if is_in(path, config.freeze) else "trained", params),
    )
