from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from mnistcli.datasets import Dataset, Split, load
from mnistcli.inference.logits import predict_logits
from mnistcli.metrics.scores import accuracy, cross_entropy
from mnistcli.models import configure
from mnistcli.models.network import build, restore, split
from mnistcli.results.train import EpochMetrics, StepMetrics, best_epoch
from mnistcli.training import Fit, feed, fit, should_stop
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


STILL = {"epochs": 2, "batch_size": 32, "patience": 0, "learning_rate": 1e-12}  # weights that do not change


@pytest.mark.parametrize("rejects", [False, True])
def test_metrics_are_means_over_an_epoch_s_own_images_so_far_and_over_the_validation_images(
    rejects: bool, mnist: Dataset
) -> None:
    train, validation = mnist.train.first(50), mnist.validation.first(40)
    config = replace(configure("linear", seed=3, **STILL), rejects=rejects)
    run = Fit(config, replace(mnist, train=train, validation=validation), 1)
    network = restore("linear", mnist.image_shape, 10, run.weights())

    def scores(images: Split) -> tuple[float, float]:
        found = predict_logits(*network, images.images)
        return cross_entropy(found, images.labels, rejects=rejects), accuracy(found, images.labels)

    events = list(run.run())
    for epoch in (1, 2):
        first, whole, ended = events[3 * epoch - 3 : 3 * epoch]
        rows = epoch_order(50, batch=32, seed=3, epoch=epoch)[0]
        assert isinstance(ended, EpochMetrics)
        for step, images in ((first, Split(train.images[rows], train.labels[rows])), (whole, train)):
            assert isinstance(step, StepMetrics)
            assert (step.loss, step.accuracy) == pytest.approx(scores(images), rel=1e-5)
        assert ended.seconds == pytest.approx(32 / first.images_per_second + 18 / whole.images_per_second)
        assert ended.images_per_second == pytest.approx(50 / ended.seconds)
        assert (ended.train_loss, ended.train_accuracy) == pytest.approx(scores(train), rel=1e-5)
        assert (ended.validation_loss, ended.validation_accuracy) == pytest.approx(scores(validation), rel=1e-5)


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


@pytest.mark.parametrize(("arch", "augment"), [("dense", True), ("cnn", False)])
def test_a_data_set_that_is_streamed_gives_the_same_bits(
    mnist: Dataset, arch: str, augment: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weights() -> tuple[str, dict[str, bytes]]:
        run = Fit(configure(arch, epochs=2, limit=1000, augment=augment), mnist)
        list(run.run())
        return type(run.feed).__name__, {name: array.tobytes() for name, array in run.weights().items()}

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
    params = split(build("linear", mnist.image_shape, 10, seed=0))[1].params
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


def test_smoothed_labels_pull_less_and_the_loss_that_is_told_is_that_of_the_labels_themselves(mnist: Dataset) -> None:
    """Where all logits are 0, the gradient by the biases is smaller by the share that is spread evenly."""
    pulls = []
    for share in (0.0, 0.25):
        config = configure("linear", epochs=1, limit=64, batch_size=64, label_smoothing=share)
        run = Fit(config, mnist)
        run.begin_with({name: np.zeros_like(each) for name, each in run.weights().items()})
        told = [event.loss for event in run.run() if isinstance(event, StepMetrics)]
        assert told == [pytest.approx(np.log(10), rel=1e-5)]
        pulls.append(run.weights()["output.bias"])
    np.testing.assert_allclose(pulls[1], 0.75 * pulls[0], atol=1e-7)
    assert np.abs(pulls[0]).max() > 1e-4


def test_each_step_of_each_epoch_of_each_seed_changes_images_in_its_own_way(mnist: Dataset) -> None:
    """Of copies of one image, read by weights that stand still, a step's loss tells what was drawn for it."""
    copies = Split(np.repeat(mnist.train.images[:1], 64, axis=0), np.repeat(mnist.train.labels[:1], 64))
    dataset = replace(mnist, train=copies, validation=mnist.validation.first(10))
    one, other = (Fit(configure("linear", augment=True, seed=seed, **STILL), dataset, 1) for seed in (0, 1))
    other.state = jax.tree.map(jnp.copy, one.state)
    losses = []
    for run in (one, other):
        means = [event.loss for event in run.run() if isinstance(event, StepMetrics)]
        losses += [means[0], 2 * means[1] - means[0], means[2], 2 * means[3] - means[2]]
    assert np.diff(sorted(losses)).min() > 1e-4


def test_a_checkpoint_is_restored_by_its_tensors_names_and_its_seconds_are_counted(mnist: Dataset) -> None:
    config = configure("linear", epochs=2, limit=100, optimizer="adam", patience=0)
    whole, half = Fit(config, mnist, 2), Fit(config, mnist)
    events = whole.run()
    next(events)  # two steps of the first epoch's four
    kept = whole.checkpoint(train_seconds=1.0)
    tensors = dict(reversed(kept.tensors.items()))
    half.restore(replace(kept, tensors=tensors, epoch_seconds=1e6, compile_seconds=1e6))
    for rest in (events, half.run()):
        list(rest)
    assert half.history[0].seconds > 1e6
    assert half.compile_seconds > 1e6
    scores = [[(each.train_loss, each.validation_loss) for each in run.history] for run in (whole, half)]
    assert scores[0] == scores[1]
    assert all(np.array_equal(half.weights()[name], array) for name, array in whole.weights().items())
