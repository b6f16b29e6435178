"""The same training by mnistcli, PyTorch or Keras in one process: seconds an epoch, as a line of JSON.

    python -m tests.benchmarks.peers mnistcli|pytorch|keras dense|cnn BATCH EPOCHS

Same architecture, optimizer, batch, 50,000 images, float32, all cores; an epoch's time is without validation. PyTorch
gets its fastest form: the data resident in memory, indexed by a permutation, no DataLoader, the last 16 images of an
epoch left out where they fill no batch.
"""

import json
import os
import sys
import time
from collections.abc import Iterator

import numpy as np

from mnistcli.data import load


def mnistcli(arch: str, batch: int, epochs: int) -> Iterator[float]:
    from mnistcli.models import use_device
    from mnistcli.recipes import configure
    from mnistcli.results import EpochMetrics
    from mnistcli.training import Fit

    use_device("cpu")
    fit = Fit(configure(arch, batch_size=batch, epochs=epochs, patience=0), load("mnist"))
    yield from (event.seconds for event in fit.run() if isinstance(event, EpochMetrics))


def pytorch(arch: str, batch: int, epochs: int) -> Iterator[float]:
    import torch
    from torch import nn

    train = load("mnist").train
    x = torch.tensor(train.images.astype(np.float32) / 255).permute(0, 3, 1, 2).contiguous()
    y = torch.tensor(train.labels.astype(np.int64))
    if arch == "dense":
        net = nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10))
        optimizer: torch.optim.Optimizer = torch.optim.RMSprop(net.parameters(), 1e-3, alpha=0.9, eps=1e-7)
    else:
        convolution = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        net = nn.Sequential(convolution, nn.Linear(5408, 100), nn.ReLU(), nn.Linear(100, 10))
        optimizer = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9)
    for _ in range(epochs):
        start, order = time.perf_counter(), torch.randperm(len(x))
        for i in range(len(x) // batch):
            rows = order[i * batch : (i + 1) * batch]
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()
        yield time.perf_counter() - start


def keras(arch: str, batch: int, epochs: int) -> Iterator[float]:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    from keras import layers

    train = load("mnist").train
    x, y = train.images.astype(np.float32) / 255, train.labels
    if arch == "dense":
        stack, optimizer = [layers.Flatten(), layers.Dense(512, activation="relu")], keras.optimizers.RMSprop()
    else:
        he = {"activation": "relu", "kernel_initializer": "he_uniform"}
        stack = [layers.Conv2D(32, 3, **he), layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(100, **he)]
        optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    model = keras.Sequential([keras.Input((28, 28, 1)), *stack, layers.Dense(10, activation="softmax")])
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    for _ in range(epochs):
        start = time.perf_counter()
        model.fit(x, y, batch_size=batch, verbose=0)
        yield time.perf_counter() - start


if __name__ == "__main__":
    peer, arch, batch, epochs = sys.argv[1:]
    trained = {"mnistcli": mnistcli, "pytorch": pytorch, "keras": keras}[peer](arch, int(batch), int(epochs))
    print(json.dumps([round(seconds, 3) for seconds in trained]))
