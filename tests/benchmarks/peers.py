"""The same work by mnistcli, PyTorch or Keras in one process: seconds each time, as a line of JSON.

    python -m tests.benchmarks.peers mnistcli|pytorch|keras dense|cnn train|evaluate BATCH TIMES
    python -m tests.benchmarks.peers mnistcli|pytorch fast train BATCH TIMES

Same architecture, optimizer, batch, images, float32, all cores. `train`: an epoch of 50,000 images without validation.
`evaluate`: the logits of the 10,000 test images. `fast` is trained by its recipe, over that many epochs. PyTorch gets
its fastest form: the data resident in memory, indexed by a permutation, no DataLoader, channels last in training, the
last images of an epoch left out where they fill no batch.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mnistcli.datasets import load

STUDY = {"dense": {}, "cnn": {"learning_rate": 0.01, "weight_decay": 0.0, "schedule": "constant"}}  # as the peers train


def mnistcli(arch: str, work: str, batch: int, times: int) -> Iterator[float]:
    from mnistcli.jax_setup import set_up

    set_up("cpu")

    import jax

    from mnistcli.inference.logits import batched_logits
    from mnistcli.mesh import local_mesh
    from mnistcli.models import configure
    from mnistcli.models.network import build, split
    from mnistcli.results.train import EpochMetrics
    from mnistcli.training import Fit

    data = load("mnist")
    if work == "train":
        fit = Fit(configure(arch, batch_size=batch, epochs=times, patience=0, **STUDY.get(arch, {})), data)
        yield from (event.seconds for event in fit.run() if isinstance(event, EpochMetrics))
    else:
        graph, parts = split(build(arch, (28, 28, 1), 10, seed=0))
        mesh, images = local_mesh(), jax.numpy.asarray(data.test.images)
        yield from _timed(times, lambda: jax.block_until_ready(batched_logits(graph, mesh, parts, images)))


def pytorch(arch: str, work: str, batch: int, times: int) -> Iterator[float]:
    import torch
    from torch import nn

    data, smoothing = load("mnist"), 0.0
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None
    if arch == "dense":
        net = nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10))
        optimizer: torch.optim.Optimizer = torch.optim.RMSprop(net.parameters(), 1e-3, alpha=0.9, eps=1e-7)
    elif arch == "fast":
        convolutions = nn.Sequential(
            nn.Conv2d(1, 24, 5, 2), nn.ReLU(), nn.Conv2d(24, 32, 3, 2), nn.ReLU(), nn.Flatten()
        )
        convolutions[0].requires_grad_(False)
        net = nn.Sequential(convolutions, nn.Linear(800, 128), nn.ReLU(), nn.Linear(128, 10))
        trained = [each for each in net.parameters() if each.requires_grad]
        optimizer = torch.optim.RMSprop(trained, 0.007, alpha=0.9, eps=1e-7)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 0.007, epochs=times, steps_per_epoch=50_000 // batch, cycle_momentum=False
        )
        smoothing = 0.1
    else:
        convolution = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        net = nn.Sequential(convolution, nn.Linear(5408, 100), nn.ReLU(), nn.Linear(100, 10))
        optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9)

    if work == "train":
        net = net.to(memory_format=torch.channels_last)  # as fast as the default, or faster

    def prepared(images: np.ndarray) -> torch.Tensor:
        return torch.tensor(images.astype(np.float32) / 255).permute(0, 3, 1, 2).contiguous()

    def train_epoch() -> None:
        order = torch.randperm(len(x))
        for i in range(len(x) // batch):
            rows = order[i * batch : (i + 1) * batch]
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows], label_smoothing=smoothing).backward()
            optimizer.step()
            if schedule:
                schedule.step()

    def evaluate() -> None:
        with torch.inference_mode():
            torch.cat([net(part) for part in x.split(batch)])

    x = prepared((data.train if work == "train" else data.test).images)
    y = torch.tensor(data.train.labels.astype(np.int64))
    net(x[:batch]).sum().backward()  # its kernels are chosen now, as ours are compiled before
    yield from _timed(times, train_epoch if work == "train" else evaluate)


def keras(arch: str, work: str, batch: int, times: int) -> Iterator[float]:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    from keras import layers

    data = load("mnist")
    part = data.train if work == "train" else data.test
    x, y = part.images.astype(np.float32) / 255, part.labels
    if arch == "dense":
        stack, optimizer = [layers.Flatten(), layers.Dense(512, activation="relu")], keras.optimizers.RMSprop()
    else:
        he = {"activation": "relu", "kernel_initializer": "he_uniform"}
        stack = [layers.Conv2D(32, 3, **he), layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(100, **he)]
        optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    model = keras.Sequential([keras.Input((28, 28, 1)), *stack, layers.Dense(10, activation="softmax")])
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    if work == "train":
        yield from _timed(times, lambda: model.fit(x, y, batch_size=batch, verbose=0))
    else:
        yield from _timed(times, lambda: model.predict(x, batch_size=batch, verbose=0))


def _timed(times: int, work: Callable[[], Any]) -> Iterator[float]:
    for _ in range(times):
        started = time.perf_counter()
        work()
        yield time.perf_counter() - started


if __name__ == "__main__":
    peer, arch, work, batch, times = sys.argv[1:]
    contender = {"mnistcli": mnistcli, "pytorch": pytorch, "keras": keras}[peer]
    print(json.dumps([round(seconds, 4) for seconds in contender(arch, work, int(batch), int(times))]))
