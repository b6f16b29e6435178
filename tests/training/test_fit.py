import jax
import numpy as np
import optax
import pytest

from mnistcli.data import Dataset, load
from mnistcli.models import build, split
from mnistcli.network import accuracy, cross_entropy
from mnistcli.recipes import configure
from mnistcli.results import EpochMetrics
from mnistcli.training import Fit, best_epoch, feed, fit, should_stop
from mnistcli.training.feed import epoch_order


def metrics(epoch: int, train: float, validation: float, loss: float) -> EpochMetrics:
    return EpochMetrics(epoch, 0.1, train, loss, validation, 1.0, 1.0)


def test_stopping_follows_training_accuracy_and_patience() -> None:
    risen = [metrics(1, 0.5, 0.5, 1), metrics(2, 0.6, 0.4, 1)]
    equal = [*risen, metrics(3, 0.6, 0.9, 1)]
    fallen = [*equal, metrics(4, 0.55, 0.9, 1)]
    assert not should_stop([], patience=1)
    assert not should_stop(risen, patience=1)
    assert should_stop(equal, patience=1)
    assert not should_stop(equal, patience=2)
    assert should_stop(fallen, patience=2)
    assert not should_stop(fallen, patience=0)


def test_the_best_epoch_has_the_best_validation_accuracy_and_then_the_lower_loss() -> None:
    assert best_epoch([metrics(1, 0, 0.9, 0.3), metrics(2, 0, 0.95, 0.4), metrics(3, 0, 0.95, 0.2)]) == 3
    assert best_epoch([metrics(1, 0, 0.9, 0.3), metrics(2, 0, 0.9, 0.3)]) == 1


def test_cross_entropy_is_optax_s() -> None:
    generator = np.random.default_rng(0)
    logits, labels = generator.normal(size=(50, 10)).astype(np.float32) * 30, generator.integers(0, 10, 50)
    expected = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
    assert cross_entropy(logits, labels) == pytest.approx(float(expected), rel=1e-5)
    assert accuracy(np.eye(10)[labels], labels) == 1


@pytest.fixture(scope="module")
def mnist() -> Dataset:
    return load("mnist")


@pytest.mark.parametrize(("chunk", "augment"), [(1, False), (3, False), (1000, False), (3, True)])
def test_where_an_epoch_is_cut_into_chunks_changes_no_bit(
    mnist: Dataset, chunk: int, augment: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weights() -> dict[str, bytes]:
        run = Fit(configure("cnn", epochs=1, limit=300, augment=augment), mnist)
        list(run.run())
        return {name: array.tobytes() for name, array in run.weights().items()}

    expected = weights()
    monkeypatch.setattr(fit, "FIRST_CHUNK", chunk)
    monkeypatch.setattr(fit, "CHUNK_SECONDS", 0 if chunk < 1000 else 1e9)
    assert weights() == expected


@pytest.mark.parametrize("arch", ["dense", "cnn"])
def test_a_data_set_that_is_streamed_gives_the_same_bits(
    mnist: Dataset, arch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weights() -> tuple[str, dict[str, bytes]]:
        run = Fit(configure(arch, epochs=2, limit=1000, augment=True), mnist)
        list(run.run())
        return type(run._feed).__name__, {name: array.tobytes() for name, array in run.weights().items()}

    resident, expected = weights()
    monkeypatch.setattr(feed, "SHARE", 0)
    monkeypatch.setattr(feed, "WINDOW_BYTES", 28 * 28 * 32 * 7)
    assert (resident, *weights()) == ("Resident", "Streaming", expected)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_an_epoch_is_keras_s_every_image_once_the_last_batch_by_its_own_mean(mnist: Dataset, decay: float) -> None:
    """Plain NumPy steps over the same order reach the same weights, for softmax regression with SGD and momentum."""
    n, batch = 50, 32
    config = configure("linear", epochs=1, limit=n, batch_size=batch, weight_decay=decay)
    run = Fit(config, mnist)
    order = epoch_order(n, batch=batch, seed=0, epoch=1)
    assert sorted(order[order >= 0].tolist()) == list(range(n))
    list(run.run())
    params = split(build("linear", mnist.image_shape, 10, seed=0))[1]
    kernel, bias = (np.asarray(params["output"][name], np.float64) for name in ("kernel", "bias"))
    speeds = np.zeros_like(kernel), np.zeros_like(bias)
    images = mnist.train.images[:n].reshape(n, -1) / 255.0
    for rows in (order[0], order[1][order[1] >= 0]):
        x, y = images[rows], np.eye(10)[mnist.train.labels[rows]]
        scores = np.exp(x @ kernel.T + bias)
        error = (scores / scores.sum(1, keepdims=True) - y) / len(rows)
        gradients = error.T @ x + decay * kernel, error.sum(0) + decay * bias
        speeds = 0.9 * speeds[0] + gradients[0], 0.9 * speeds[1] + gradients[1]
        kernel, bias = kernel - 0.01 * speeds[0], bias - 0.01 * speeds[1]
    np.testing.assert_allclose(run.weights()["output.kernel"], kernel, atol=1e-6)
    np.testing.assert_allclose(run.weights()["output.bias"], bias, atol=1e-6)


def test_rmsprop_is_keras_s_formula(mnist: Dataset) -> None:
    run = Fit(configure("linear", epochs=1, limit=32, optimizer="rmsprop"), mnist)
    before, rows = run.weights(), epoch_order(32, batch=32, seed=0, epoch=1)[0]

    def loss(bias: jax.Array) -> jax.Array:
        x = mnist.train.images[rows].reshape(32, -1) / np.float32(255)
        logits = x @ before["output.kernel"].T + bias
        return optax.softmax_cross_entropy_with_integer_labels(logits, mnist.train.labels[rows].astype(int)).mean()

    gradient = np.asarray(jax.grad(loss)(before["output.bias"]))
    list(run.run())
    expected = before["output.bias"] - 0.001 * gradient / np.sqrt(0.1 * gradient**2 + 1e-7)
    np.testing.assert_allclose(run.weights()["output.bias"], expected, atol=1e-6)


def test_the_cosine_schedule_ends_at_no_change(mnist: Dataset) -> None:
    """Steps grow smaller along a half cosine: for a constant gradient direction their sum is half the constant's."""
    rates = []
    for schedule in ("constant", "cosine"):
        config = configure("linear", epochs=2, limit=320, schedule=schedule, patience=0, learning_rate=1e-6)
        run = Fit(config, mnist)
        before = run.weights()["output.kernel"]
        list(run.run())
        rates.append(np.abs(run.weights()["output.kernel"].astype(np.float64) - before).sum())
    assert rates[1] / rates[0] == pytest.approx(0.5, abs=0.2)


def test_augmentation_changes_what_is_learnt_and_the_seed_decides_how(mnist: Dataset) -> None:
    def bias(**changes: int | bool) -> bytes:
        run = Fit(configure("linear", epochs=1, limit=320, **changes), mnist)
        list(run.run())
        return run.weights()["output.bias"].tobytes()

    plain, changed, again, other = bias(), bias(augment=True), bias(augment=True), bias(augment=True, seed=1)
    assert len({plain, changed, other}) == 3
    assert changed == again
