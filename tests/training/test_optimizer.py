import numpy as np
import pytest

from mnistcli.models import configure
from mnistcli.optimizers import OPTIMIZERS
from mnistcli.training.optimizer import make_optimizer

STEPS = 10


@pytest.mark.parametrize("decay", [0.0, 1e-4, 0.1])
@pytest.mark.parametrize(("name", "decoupled"), [("adam", False), ("adamw", True)])
def test_weight_decay_goes_through_adam_s_moments_and_past_adamw_s(name: str, decoupled: bool, decay: float) -> None:
    """Three steps are those of D. Kingma and J. Ba's algorithm, and of I. Loshchilov and F. Hutter's, in NumPy."""
    config = configure("linear", optimizer=name, weight_decay=decay, learning_rate=0.5)
    optimizer, weights = make_optimizer(config, steps=STEPS), np.array([3.0, -2.0, 0.5], np.float32)
    state, mean, square = optimizer.init(weights), np.zeros(3), np.zeros(3)
    for step, gradient in enumerate(np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32), start=1):
        updates, state = optimizer.update(gradient, state, weights)
        gradient = gradient if decoupled else gradient + decay * weights
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        adam = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        np.testing.assert_allclose(updates, -0.5 * (adam + decay * weights * decoupled), atol=1e-5)
        weights = weights + np.asarray(updates)


WAVE = (1 + np.cos(np.pi * np.arange(STEPS + 1) / STEPS)) / 2
SHARES = {
    "cosine": WAVE,
    "one-cycle": [*np.interp((1 - np.cos(np.pi * np.arange(3) / 3)) / 2, (0, 1), (1 / 25, 1)),
                  *np.interp((1 + np.cos(np.pi * np.arange(8) / 7)) / 2, (0, 1), (4e-6, 1))],
}  # fmt: skip


@pytest.mark.parametrize("schedule", SHARES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_schedule_s_rate_goes_along_half_waves_down_to_nothing(name: str, schedule: str) -> None:
    """While the gradient stays the same, an update with the schedule is its rate's share of one without."""

    def updates(schedule: str) -> np.ndarray:
        optimizer = make_optimizer(configure("linear", optimizer=name, schedule=schedule), steps=STEPS)
        weights, found = np.zeros(1, np.float32), []
        state = optimizer.init(weights)
        for _ in range(STEPS + 1):
            update, state = optimizer.update(np.ones(1, np.float32), state, weights)
            found.append(float(update[0]))
        return np.array(found)

    np.testing.assert_allclose(updates(schedule) / updates("constant"), SHARES[schedule], atol=1e-6)
