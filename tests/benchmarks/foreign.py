"""Networks of PyTorch and Keras, judged by their own programs and by `mnistcli evaluate`: a line of JSON each.

    python -m tests.benchmarks.foreign [LIMIT]

Each is a small CNN, trained for one epoch on the first LIMIT (all) training images and exported to ONNX. `theirs` is
how many of the 10,000 test images its own program reads right, `ours` how many mnistcli does from the file.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from torch import nn

from mnistcli.datasets import load

BATCH = 64
DATA = load("mnist")
Case = tuple[str, int, list[str]]  # what it is, how many images its program reads right, flags for mnistcli


class Permuted(nn.Module):
    """A network that takes channels last."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x.permute(0, 3, 1, 2))


def pytorch(file: Path, limit: int | None, *, nhwc: bool, softmax: bool, normalised: bool, dynamo: bool) -> Case:
    torch.manual_seed(0)
    convolution = nn.Sequential(nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    net = nn.Sequential(convolution, nn.Linear(2704, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10))
    model: nn.Module = Permuted(net) if nhwc else net
    mean, std = (0.1307, 0.3081) if normalised else (0.0, 1.0)

    def prepared(images: np.ndarray) -> torch.Tensor:
        x = (torch.tensor(np.asarray(images), dtype=torch.float32) / 255 - mean) / std
        return x if nhwc else x.permute(0, 3, 1, 2).contiguous()

    x, y = prepared(DATA.train.images[:limit]), torch.tensor(np.asarray(DATA.train.labels[:limit], np.int64))
    optimizer = torch.optim.Adam(model.parameters())
    for rows in torch.randperm(len(x)).split(BATCH):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    model = (nn.Sequential(model, nn.Softmax(1)) if softmax else model).eval()
    with torch.inference_mode():
        answers = torch.cat([model(part) for part in prepared(DATA.test.images).split(250)]).argmax(1).numpy()
    axes = {"dynamic_shapes": ({0: "n"},)} if dynamo else {"dynamic_axes": {"x": {0: "n"}}, "input_names": ["x"]}
    torch.onnx.export(model, (x[:2],), file, dynamo=dynamo, external_data=False, verbose=False, **axes)
    what = ["pytorch", "nhwc" if nhwc else "nchw", "softmax" if softmax else "logits", *["dynamo"] * dynamo]
    flags = ["--onnx-mean", str(mean), "--onnx-std", str(std)] if normalised else []
    return " ".join([*what, *flags]), int((answers == DATA.test.labels).sum()), flags


def in_keras(file: Path, limit: int | None) -> Case:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(16, 3, activation="relu"), keras.layers.MaxPooling2D(2), keras.layers.Flatten()]
    model = keras.Sequential([keras.Input((28, 28, 1)), *layers, keras.layers.Dense(10, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    x, y = (np.asarray(each[:limit], np.float32) for each in (DATA.train.images, DATA.train.labels))
    model.fit(x / 255, y, batch_size=BATCH, verbose=0)
    answers = model.predict(np.asarray(DATA.test.images, np.float32) / 255, verbose=0).argmax(1)
    model.export(str(file), format="onnx", verbose=False)
    return "keras nhwc softmax", int((answers == DATA.test.labels).sum()), []


def main(limit: int | None) -> None:
    kinds = ("nhwc", "softmax", "normalised", "dynamo")
    chosen: list[tuple[str, ...]] = [(), ("dynamo",), ("nhwc",), ("softmax", "dynamo"), ("normalised",)]
    cases: list[Callable[[Path], Case]] = [
        *(lambda file, on=on: pytorch(file, limit, **{kind: kind in on for kind in kinds}) for on in chosen),
        lambda file: in_keras(file, limit),
    ]
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.onnx"
            what, theirs, flags = case(file)
            command = [sys.executable, "-m", "mnistcli", "evaluate", str(file), "--json", *flags]
            done = subprocess.run(command, capture_output=True, text=True)
            ours = round(json.loads(done.stdout)["accuracy"] * 10_000) if done.returncode == 0 else None
            print(json.dumps({"model": what, "theirs": theirs, "ours": ours, "said": done.stderr.strip()}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else None)
