"""Train the network on MNIST's images and the drawn pictures, epoch by epoch; what is done stays in a file.

It has ten outputs. Beside them stands a zero, the logit of "no digit": a softmax over eleven classes of which one is
fixed loses nothing, since its logits count by their differences alone. Source of that class: A. Dhamija, M. Günther and
T. Boult, "Reducing network agnostophobia", NeurIPS 2018.

Two trainings at different rates go on from one network, and the three are averaged, weight by weight: that reads MNIST
nearly as well as the first and other hands as well as the others. Source: M. Wortsman et al., "Model soups" (ICML
2022) and "Robust fine-tuning of zero-shot models" (CVPR 2022).
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from mnistcli.analysis.onnx import make_onnx
from mnistcli.data import load
from mnistcli.files import write_atomically
from mnistcli.jax_setup import set_up
from mnistcli.models import description
from mnistcli.models.network import Parts, Tree, define, flatten, merge, restore, scale
from mnistcli.runs import Run, load_model
from mnistcli.runs.record import Status, read_record
from mnistcli.runs.run import WEIGHTS
from mnistcli.runs.tensors import save_tensors
from mnistcli.runs.weights import ONNX_SUFFIX, model_metadata
from mnistcli.training.augment import augment

ARCH = "convnet"
SHAPE, CLASSES = (28, 28, 1), 10
EPOCHS, RATES, DECAY = 10, (1e-3, 4e-4), 1e-4
OF_START = 0.25  # of the average: more reads MNIST's validation images better (up to 99.56 %), and letters as digits
REFUSED = 0.004  # of MNIST's validation images are answered by "no digit": more costs calibration and scans
TEMPERATURE = 1.0  # calibration error 0.4 % on those images; the temperature of the least loss, 1.4, gives 0.9 %
EACH = 32  # of a batch are MNIST's images, augmented, and as many are drawn pictures, which differ enough
Answer = Callable[[jax.Array], jax.Array]  # from images uint8 to logits [n, CLASSES]


def with_none(logits: jax.Array) -> jax.Array:
    """Return logits [n, CLASSES + 1] with that of "no digit"."""
    return jnp.pad(logits, ((0, 0), (0, 1)))


def read_pictures(folder: Path, part: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the drawn pictures [n, 28, 28, 1] uint8 of a part, "train" or "tune", and their labels [n], by kind."""
    found: dict[str, list[Any]] = {}
    for path in sorted(folder.glob(f"{part}-*.npz")):
        found.setdefault(path.stem.split("-")[1], []).append(np.load(path))
    return {
        kind: tuple(np.concatenate([each[key] for each in files]) for key in ("images", "labels"))
        for kind, files in found.items()
    }


def read_all(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return all pictures [n, 28, 28, 1] uint8 to train with, and their labels [n]."""
    drawn = read_pictures(folder, "train").values()
    return np.concatenate([images for images, _ in drawn]), np.concatenate([labels for _, labels in drawn])


def begin(folder: Path) -> dict[str, np.ndarray]:
    """Return the parameters of FOLDER/start, a run of the program's own command; train it, or go on, if need be."""
    start, command = folder / "start", [sys.executable, "-m", "mnistcli", "train", "--runs-dir", folder]
    if not start.exists():
        subprocess.run([*command, "--arch", ARCH, "--name", start.name], check=True)
    elif read_record(start).status is not Status.FINISHED:
        subprocess.run([*command, "--resume", start.name], check=True)
    return dict(load_model(start / WEIGHTS).arrays)


def train(folder: Path, rate: float, *, seed: int = 0) -> Tree:
    """Go on training the network, or go on where that was cut, and return its parameters."""
    path, done, drawn = folder / f"training-{rate:g}.npz", 0, read_all(folder)
    mnist = load("mnist").train
    sources = [tuple(map(jnp.asarray, each)) for each in ((mnist.images, mnist.labels), drawn)]
    steps = len(mnist.labels) // EACH
    graph, (params, rest, streams) = restore(ARCH, SHAPE, CLASSES, begin(folder))
    params = jax.tree.map(jnp.asarray, params)
    optimizer = optax.adamw(optax.cosine_decay_schedule(rate, steps * EPOCHS), weight_decay=DECAY)
    state = (params, optimizer.init(params))
    leaves, tree = jax.tree.flatten(state)
    if path.exists():
        with np.load(path) as saved:
            done = int(saved["done"])
            state = jax.tree.unflatten(tree, [jnp.asarray(saved[f"leaf{i}"]) for i in range(len(leaves))])

    def loss_fn(params: Tree, batch: jax.Array, wanted: jax.Array) -> tuple[jax.Array, jax.Array]:
        network: Any = merge(graph, Parts(params, rest, streams))
        logits = with_none(network(scale(batch)))
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, wanted).mean()
        return loss, (logits.argmax(-1) == wanted).mean()

    @jax.jit
    def epoch(state: Any, sources: Any, orders: Any, key: jax.Array) -> tuple[Any, jax.Array]:
        def step(state: Any, given: Any) -> tuple[Any, jax.Array]:
            (ours, others), i = given
            (images, labels), (pictures, picture_labels) = sources
            batch = jnp.concatenate([augment(jax.random.fold_in(key, i), images[ours]), pictures[others]])
            wanted = jnp.concatenate([labels[ours], picture_labels[others]]).astype(jnp.int32)
            params, optimizer_state = state
            (loss, right), grads = jax.value_and_grad(loss_fn, has_aux=True)(params, batch, wanted)
            updates, optimizer_state = optimizer.update(grads, optimizer_state, params)
            return (optax.apply_updates(params, updates), optimizer_state), jnp.stack([loss, right])

        state, tally = lax.scan(step, state, (orders, jnp.arange(steps)))
        return state, tally.mean(0)

    for number in range(done, EPOCHS):
        random, start = np.random.default_rng([seed, number]), time.monotonic()
        orders = tuple(
            jnp.asarray(random.permutation(len(labels))[: steps * EACH].reshape(steps, EACH).astype(np.int32))
            for _, labels in sources
        )
        state, tally = epoch(state, sources, orders, jax.random.key(1000 * seed + number, impl="rbg"))
        loss, right = (float(each) for each in tally)
        unfinished = path.with_suffix(".part.npz")
        np.savez(unfinished, done=number + 1, **{f"leaf{i}": each for i, each in enumerate(jax.tree.leaves(state))})
        unfinished.rename(path)
        seconds = time.monotonic() - start
        print(
            f"rate {rate:g}, epoch {number + 1}/{EPOCHS}: loss {loss:.4f}, right {right:.2%}, {seconds:.0f} s",
            flush=True,
        )
    return state[0]


def train_beside(folder: Path, rate: float) -> None:
    """Train in a process of its own, with one XLA thread: two so get more done than one after the other."""
    set_up("cpu", one_thread=True)
    train(folder, rate)


def average(folder: Path) -> Tree:
    """Return the parameters of the average of the start and the trainings.

    A constant is taken from its logits, so that it answers REFUSED of MNIST's validation images by "no digit". That
    changes no choice between digits.
    """
    _, (start, _, _) = restore(ARCH, SHAPE, CLASSES, begin(folder))
    trained = [train(folder, rate) for rate in RATES]
    share = (1 - OF_START) / len(trained)
    params = jax.tree.map(lambda first, *others: OF_START * first + share * sum(others), start, *trained)
    logits = logits_by(answering(params), np.asarray(load("mnist").validation.images))
    params["output"]["bias"] -= np.quantile(logits.max(1), REFUSED)
    return params


def answering(params: Tree) -> Answer:
    """Return the function from images uint8 to logits of a trained network."""
    definition = define(ARCH, SHAPE, CLASSES)
    parts = Parts(params, {}, {})
    return lambda images: merge(definition.use, parts)(scale(images))  # type: ignore[operator]


def logits_by(answer: Answer, images: np.ndarray) -> np.ndarray:
    """Return logits [n, CLASSES] float32 of images [n, 28, 28, 1] uint8."""
    forward = jax.jit(answer)
    return np.concatenate([forward(block) for block in np.array_split(images, -(-len(images) // 1000))])


def choices(params: Tree, folder: Path) -> None:
    """Print how a network does on what choices are made by: MNIST's validation images, and pictures to tune with."""
    mnist = load("mnist").validation
    for kind, (images, labels) in {"MNIST": (mnist.images, mnist.labels), **read_pictures(folder, "tune")}.items():
        logits = np.asarray(with_none(logits_by(answering(params), np.asarray(images))))
        said, sure = logits.argmax(1), np.asarray(jax.nn.softmax(logits))[:, :CLASSES].max(1) >= 0.5
        right, none = np.mean(said == labels), np.mean(said == CLASSES)
        print(f"{kind:10} {len(labels):6,}: right {right:.2%}, no digit {none:.2%}, sure of a digit {sure.mean():.2%}")


def write_builtin(params: Tree, path: Path) -> None:
    """Write the network as safetensors and as ONNX."""
    mnist = load("mnist")
    arrays = {name: np.asarray(each) for name, each in flatten(params).items()}
    metadata = model_metadata(
        arch=ARCH,
        network=description(ARCH),
        image_shape=SHAPE,
        class_names=mnist.class_names,
        dataset=mnist.name,
        data_fingerprint=mnist.fingerprint,
        pictures=mnist.pictures,
        temperature=TEMPERATURE,
        trained=arrays,
        rejects=True,
    )
    save_tensors(path, arrays, metadata)
    write_atomically(path.with_suffix(ONNX_SUFFIX), make_onnx(Run("builtin", path), load_model(path)))
