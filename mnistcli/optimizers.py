"""The optimizers and learning rate schedules, one entry each, in terms of Optax.

Optax is imported only to make them: help, completion and checks need only the names and the rates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import optax


@dataclass(frozen=True)
class Optimizer:
    """One of Optax's optimizers.

    Attributes:
        learning_rate: The default if neither a flag nor a recipe gives one; `weight_decay` likewise.
        transform: Makes it from the module optax, the rate and, if it `decouples`, the weight decay.
        decouples: Whether it applies weight decay apart from the gradient; the others get L2 regularisation.
    """

    learning_rate: float
    transform: Callable[..., optax.GradientTransformation]
    weight_decay: float = 0.0
    decouples: bool = False

    def make(self, rate: optax.ScalarOrSchedule, weight_decay: float) -> optax.GradientTransformation:
        """Return the transform of gradients into updates."""
        import optax

        if self.decouples:
            return self.transform(optax, rate, weight_decay)
        transform = self.transform(optax, rate)
        return optax.chain(optax.add_decayed_weights(weight_decay), transform) if weight_decay else transform


@dataclass(frozen=True)
class Schedule:
    """How the learning rate changes.

    Attributes:
        meaning: Its explanation in help; "" if the name is enough.
        rate: Makes the rate at each step from the module optax, the initial rate and the number of steps.
    """

    meaning: str
    rate: Callable[[Any, float, int], optax.ScalarOrSchedule]

    def make(self, learning_rate: float, steps: int) -> optax.ScalarOrSchedule:
        """Return the rate at each of `steps` steps."""
        import optax

        return self.rate(optax, learning_rate, steps)


OPTIMIZERS = {
    "sgd": Optimizer(0.01, lambda optax, rate: optax.sgd(rate, momentum=0.9)),
    # Keras's defaults; epsilon is under the root, as in Keras.
    "rmsprop": Optimizer(0.001, lambda optax, rate: optax.rmsprop(rate, decay=0.9, eps=1e-7)),
    "adam": Optimizer(0.001, lambda optax, rate: optax.adam(rate)),
    # I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019.
    "adamw": Optimizer(
        0.001,
        lambda optax, rate, decay: optax.adamw(rate, weight_decay=decay),
        weight_decay=1e-4,
        decouples=True,
    ),
}
SCHEDULES = {
    "constant": Schedule("", lambda _optax, rate, _steps: rate),
    "cosine": Schedule("it falls to 0", lambda optax, rate, steps: optax.cosine_decay_schedule(rate, steps)),
    # L. Smith and N. Topin, "Super-convergence: very fast training of neural networks using large learning rates"
    # (2018), in Optax's form: up from 1/25 of the rate over the first 30 % of the steps, then down to 1/250,000 of it.
    "one-cycle": Schedule(
        "it rises, then falls to 0", lambda optax, rate, steps: optax.cosine_onecycle_schedule(steps, rate)
    ),
}
