"""Optax optimizers by the names that the command line offers; `mnistcli.config` holds their defaults."""

import optax

from mnistcli.config import TrainConfig
from mnistcli.models.network import is_in, map_paths


def make_optimizer(
    config: TrainConfig, *, steps: int, rate: optax.ScalarOrSchedule | None = None
) -> optax.GradientTransformation:
    """Return the optimizer that the configuration names, for a training of that many steps; it leaves frozen layers.

    Its learning rate is `rate`, by default the configuration's with its schedule.

    One cycle is that of L. Smith and N. Topin, "Super-convergence: very fast training of neural networks using large
    learning rates" (2018), in optax's form: the rate rises from 1/25 of its peak over the first 30 % of the steps, then
    falls to 1/250,000 of it.

    AdamW's weight decay is decoupled from the gradient (I. Loshchilov and F. Hutter, "Decoupled weight decay
    regularization", ICLR 2019); the others' is L2 regularisation.
    """
    optimizer = _optimizer(config, _rate(config, steps) if rate is None else rate)
    if not config.freeze:
        return optimizer
    return optax.partition(
        {"trained": optimizer, "frozen": optax.set_to_zero()},
        lambda params: map_paths(lambda path, _: "frozen" if is_in(path, config.freeze) else "trained", params),
    )


def _rate(config: TrainConfig, steps: int) -> optax.ScalarOrSchedule:
    if config.schedule == "cosine":
        return optax.cosine_decay_schedule(config.learning_rate, steps)
    if config.schedule == "one-cycle":
        return optax.cosine_onecycle_schedule(steps, config.learning_rate)
    return config.learning_rate


def _optimizer(config: TrainConfig, rate: optax.ScalarOrSchedule) -> optax.GradientTransformation:
    if config.optimizer == "adamw":
        return optax.adamw(rate, weight_decay=config.weight_decay)
    optimizer = _without_decay(config.optimizer, rate)
    return optax.chain(optax.add_decayed_weights(config.weight_decay), optimizer) if config.weight_decay else optimizer


def _without_decay(name: str, rate: optax.ScalarOrSchedule) -> optax.GradientTransformation:
    match name:
        case "sgd":
            return optax.sgd(rate, momentum=0.9)
        case "rmsprop":
            return optax.rmsprop(rate, decay=0.9, eps=1e-7)  # Keras's defaults, epsilon under the root as there
        case "adam":
            return optax.adam(rate)
    raise AssertionError(name)
