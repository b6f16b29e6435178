"""Training networks that hold more than weights: batch statistics, random streams, layers inside residuals."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from safetensors.numpy import load_file

from mnistcli.datasets import Dataset, Split, load
from mnistcli.inference.logits import predict_logits
from mnistcli.inference.onnx_model import open_onnx
from mnistcli.metrics.scores import cross_entropy
from mnistcli.models import configure
from mnistcli.models.language import parse, plan
from mnistcli.models.network import Network, restore, scale
from mnistcli.results.train import EpochMetrics, StepMetrics
from mnistcli.runs import RunFolder, load_model
from mnistcli.runs.tensors import load_tensors, save_tensors
from mnistcli.training import Fit, feed, fit
from mnistcli.training.feed import epoch_order
from tests.conftest import Call, MakeOnce, run_in

NETWORK = "conv 4 3x3 same, norm, relu, pool 4, residual(conv 4 3x3 same, norm, dropout 0.2), dense 16, dropout 0.4"
N, BATCH = 150, 32  # the last batch is of 22 images, filled up with 10
STILL = {"epochs": 2, "batch_size": BATCH, "patience": 0, "learning_rate": 1e-12, "weight_decay": 0.0}


@pytest.fixture(scope="module")
def mnist() -> Dataset:
    data = load("mnist")
    return replace(data, validation=data.validation.first(50))


TRAIN = ("train", "--arch", NETWORK, "--limit", str(N), "--epochs", "2", "--batch-size", str(BATCH), "--no-plots",
         "--checkpoint-every", "2")  # fmt: skip


@pytest.fixture(scope="module")
def whole(make_once: MakeOnce) -> Path:
    """A run's folder, runs/whole, trained through the front door where nothing is cut. Read it only."""
    return make_once("described", lambda folder: run_in(folder, *TRAIN, "--name", "whole")) / "runs/whole"


def bits(tensors: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in tensors.items()}


def test_chunks_and_windows_change_no_bit(mnist: Dataset, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "SHARE", 0)
    monkeypatch.setattr(feed, "WINDOW_BYTES", 28 * 28 * BATCH * 3)
    monkeypatch.setattr(fit, "FIRST_CHUNK", 1)
    monkeypatch.setattr(fit, "CHUNK_SECONDS", 0)
    run = Fit(configure(NETWORK, epochs=2, batch_size=BATCH, limit=N), mnist)
    assert isinstance(run.feed, feed.Streaming)
    assert sum(isinstance(each, StepMetrics) for each in run.run()) == 10
    assert bits(run.checkpoint(train_seconds=0).tensors) == bits(load_file(whole / "last.safetensors"))


def in_training(network: str, dataset: Dataset, arrays: dict[str, np.ndarray]) -> Any:
    """Return the module in training with these arrays."""
    model: Any = Network(plan(parse(network), dataset.image_shape, 10), rngs=nnx.Rngs(0))
    for path, array in arrays.items():
        layer, _, name = path.rpartition(".")
        getattr(getattr(model, layer), name)[...] = jnp.asarray(array)
    model.train()
    return model


def test_each_image_counts_once_and_is_normalised_among_other_images_in_the_last_batch_too(mnist: Dataset) -> None:
    """A loop of single steps, by weights that stand still: filling up with one image would give other statistics."""
    network = "norm, dense 8, relu, norm"
    run = Fit(configure(network, **STILL, limit=N), mnist)
    model = in_training(network, mnist, run.weights())
    losses, correct = [], 0
    for step in epoch_order(N, batch=BATCH, seed=0, epoch=1):
        present, rows = step >= 0, np.where(step < 0, ~step, step)
        logits = model(scale(jnp.asarray(mnist.train.images[rows])))
        labels = mnist.train.labels[rows].astype(int)
        losses.append(optax.softmax_cross_entropy_with_integer_labels(logits, labels)[present])
        correct += int((np.asarray(logits).argmax(1) == labels)[present].sum())
    events = run.run()
    ended = next(event for event in events if isinstance(event, EpochMetrics))
    assert sum(map(len, losses)) == N
    assert ended.train_loss == pytest.approx(float(np.concatenate(losses).mean()), rel=1e-4)
    assert ended.train_accuracy == correct / N
    for layer in ("norm1", "norm2"):
        for name in ("mean", "variance"):
            remembered = getattr(getattr(model, layer), name)[...]
            np.testing.assert_allclose(run.weights()[f"{layer}.{name}"], remembered, rtol=1e-4, atol=1e-5)


def test_dropout_draws_anew_for_each_step_epoch_and_seed_and_is_off_in_evaluation(mnist: Dataset) -> None:
    """Of copies of one image, read by weights that stand still, a step's loss tells what was dropped."""
    copies = Split(np.repeat(mnist.train.images[:1], 64, axis=0), np.repeat(mnist.train.labels[:1], 64))
    dataset, losses = replace(mnist, train=copies), []
    one, other = (Fit(configure("dropout 0.5", seed=seed, **STILL), dataset, 1) for seed in (0, 1))
    other.state = jax.tree.map(jnp.copy, one.state)
    arrays = one.weights()
    for run in (one, other):
        means = [event.loss for event in run.run() if isinstance(event, StepMetrics)]
        losses += [means[0], 2 * means[1] - means[0], means[2], 2 * means[3] - means[2]]
    assert np.diff(sorted(losses)).min() > 1e-5
    logits = predict_logits(*restore("dropout 0.5", mnist.image_shape, 10, arrays), mnist.validation.images)
    plain = mnist.validation.images.reshape(50, -1) / np.float32(255) @ arrays["output.kernel"].T
    np.testing.assert_allclose(logits, plain, atol=1e-4)
    for epoch in (*one.history, *other.history):
        assert epoch.validation_loss == pytest.approx(cross_entropy(plain, mnist.validation.labels), rel=1e-4)


def stopped_after(checkpoints: int, save: Callable[..., None]) -> Callable[..., None]:
    """Return `save`, which fails once it has saved so many checkpoints."""
    saved = 0

    def stopping(*arguments: Any) -> None:
        nonlocal saved
        save(*arguments)
        saved += 1
        if saved == checkpoints:
            raise OSError("the disk is gone")

    return stopping


def test_a_run_goes_on_inside_an_epoch_to_the_same_bits(
    whole: Path, mnistcli: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "save_checkpoint", stopped_after(4, RunFolder.save_checkpoint))
        stopped = mnistcli(*TRAIN, "--name", "cut")
    assert "the disk is gone" in stopped.err
    resumed = mnistcli("train", "--resume", "cut", "--no-plots")
    assert resumed.code == 0, resumed.err
    assert "in epoch 2, at step 2 of 5" in resumed.err
    for name in ("model.safetensors", "last.safetensors"):
        assert bits(load_file(Path("runs/cut") / name)) == bits(load_file(whole / name))


def test_the_fixed_filters_of_dct_stay_as_they_are_while_the_rest_learns(mnist: Dataset) -> None:
    run = Fit(configure("dct 6 3x3, relu, pool 4, dense 8", epochs=1, batch_size=BATCH, limit=N), mnist)
    before = run.weights()
    for _ in run.run():
        pass
    after = run.weights()
    assert {path for path in before if np.array_equal(before[path], after[path])} == {"dct1.kernel", "dct1.bias"}
    assert run.parameters == 8 * 36 * 6 + 8 + 80 + 10


def test_a_run_s_files_hold_its_statistics_which_evaluate_and_model_onnx_use(
    whole: Path, mnistcli: Call, tmp_path: Path
) -> None:
    shutil.copytree(whole.parent, tmp_path / "runs")
    model, test = load_model(whole / "model.safetensors"), load("mnist").test
    assert model.network == NETWORK
    assert np.abs(model.arrays["residual1.norm1.mean"]).min() > 0
    by_onnx = open_onnx((whole / "model.onnx").read_bytes(), name="it")
    scored = mnistcli("evaluate", "whole", "--json").json
    assert scored["loss"] == pytest.approx(cross_entropy(by_onnx.logits(test.images), test.labels), rel=1e-4)
    exported = mnistcli("export", "whole", "net.onnx", "--json")
    assert exported.code == 0, exported.err
    assert exported.json["same_answers"] == 10_000
    assert exported.json["largest_difference"] < 1e-4
    assert (tmp_path / "net.onnx").read_bytes() == (whole / "model.onnx").read_bytes()

    weights = tmp_path / "runs/whole/model.safetensors"
    tensors, metadata = load_tensors(weights, check=lambda *_: None)
    save_tensors(weights, tensors | {"norm1.variance": 100 * tensors["norm1.variance"]}, metadata)
    assert abs(mnistcli("evaluate", "whole", "--json").json["loss"] - scored["loss"]) > 0.01
