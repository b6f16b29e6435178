"""Train the networks on MNIST's images and the drawn pictures, epoch by epoch; what is done stays in a file.

They have ten outputs. Beside them stands a zero, the logit of "no digit": a softmax over eleven classes of which one is
fixed loses nothing, since its logits count by their differences alone. Source of that class: A. Dhamija, M. Günther and
T. Boult, "Reducing network agnostophobia", NeurIPS 2018.

The teacher is an average: two trainings at different rates go on from one network, and the three are averaged, weight
by weight. That reads MNIST nearly as well as the first and other hands as well as the others. Source: M. Wortsman et
al., "Model soups" (ICML 2022) and "Robust fine-tuning of zero-shot models" (CVPR 2022).

`builtin` is its student, a quarter of its size, which learns what the teacher answers to the same augmented images.
Sources: G. Hinton, O. Vinyals and J. Dean, "Distilling the knowledge in a neural network" (2015); L. Beyer et al.,
"Knowledge distillation: a good teacher is patient and consistent" (CVPR 2022).
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

from mnistcli.commands.onnx import make_onnx
from mnistcli.datasets import load
from mnistcli.files import write_atomically
from mnistcli.jax_setup import set_up
from mnistcli.models import description
from mnistcli.models.network import Parts, Tree, build, define, flatten, merge, restore, scale, split
from mnistcli.runs import Run, load_model
from mnistcli.runs.record import Status, read_record
from mnistcli.runs.run import WEIGHTS
from mnistcli.runs.tensors import save_tensors
from mnistcli.runs.weights import ONNX_SUFFIX, model_metadata
from mnistcli.training.augment import augment

TEACHER = "convnet"
STUDENT = "conv 10 5x5, relu, pool 2, conv 24 3x3, relu, conv 40 3x3, relu, pool 2, dense 100, relu"
SHAPE, CLASSES = (28, 28, 1), 10
EPOCHS, RATES, DECAY = 10, (1e-3, 4e-4), 1e-4
OF_START = 0.25  # of the average: more reads MNIST's validation images better (up to 99.56 %), and letters as digits
REFUSED = 0.0033  # of MNIST's validation images are answered by "no digit": more costs calibration and scans
TEMPERATURE = 1.0  # 1.2 is the likeliest on those images, but calibrates no better: 0.42 % against 0.43 %
EACH = 32  # of the teacher's batch are MNIST's images, augmented, and as many are drawn pictures, which differ enough
STUDENT_EPOCHS, STUDENT_RATE, STUDENT_EACH = 18, 2e-3, 64
WARM_UP = 500  # steps
SOFTER = 2.0  # the temperature at which the teacher and the student are compared
OF_LABELS = 0.2  # what the labels of digits weigh beside the teacher's answers; those of no digit stand alone
Answer = Callable[[jax.Array], jax.Array]  # from images uint8 to logits [n, CLASSES]
Loss = Callable[[Tree, jax.Array, tuple[jax.Array, ...], tuple[jax.Array, ...]], jax.Array]


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
        subprocess.run([*command, "--arch", TEACHER, "--name", start.name], check=True)
    elif read_record(start).status is not Status.FINISHED:
        subprocess.run([*command, "--resume", start.name], check=True)
    return dict(load_model(start / WEIGHTS).arrays)


def fit(path: Path, params: Tree, loss: Loss, rate: optax.Schedule, *, each: int, steps: int, epochs: int) -> Tree:
    """Minimise a loss of parameters, a key, MNIST's images with their labels, and drawn pictures with theirs.

    An epoch is `steps` batches of `each` images and `each` pictures. Goes on where it was cut, from a file.
    """
    done, drawn, mnist = 0, read_all(path.parent), load("mnist").train
    sources = [tuple(map(jnp.asarray, pair)) for pair in ((mnist.images, mnist.labels), drawn)]
    optimizer = optax.adamw(rate, weight_decay=DECAY)
    params = jax.tree.map(jnp.asarray, params)
    state = (params, optimizer.init(params))
    leaves, tree = jax.tree.flatten(state)
    if path.exists():
        with np.load(path) as saved:
            done = int(saved["done"])
            state = jax.tree.unflatten(tree, [jnp.asarray(saved[f"leaf{i}"]) for i in range(len(leaves))])

    @jax.jit
    def epoch(state: Any, sources: Any, orders: Any, key: jax.Array) -> tuple[Any, jax.Array]:
        def step(state: Any, given: Any) -> tuple[Any, jax.Array]:
            chosen, i = given
            batch = [(images[at], labels[at]) for (images, labels), at in zip(sources, chosen, strict=True)]
            params, optimizer_state = state
            value, grads = jax.value_and_grad(loss)(params, jax.random.fold_in(key, i), *batch)
            updates, optimizer_state = optimizer.update(grads, optimizer_state, params)
            return (optax.apply_updates(params, updates), optimizer_state), value

        state, values = lax.scan(step, state, (orders, jnp.arange(steps)))
        return state, values.mean()

    for number in range(done, epochs):
        random, start = np.random.default_rng([0, number]), time.monotonic()
        orders = tuple(jnp.asarray(_order(random, len(labels), steps, each)) for _, labels in sources)
        state, value = epoch(state, sources, orders, jax.random.key(number, impl="rbg"))
        unfinished = path.with_suffix(".part.npz")
        np.savez(unfinished, done=number + 1, **{f"leaf{i}": leaf for i, leaf in enumerate(jax.tree.leaves(state))})
        unfinished.rename(path)
        seconds = time.monotonic() - start
        print(f"{path.stem}, epoch {number + 1}/{epochs}: loss {float(value):.4f}, {seconds:.0f} s", flush=True)
    return state[0]


def _order(random: np.random.Generator, n: int, steps: int, each: int) -> np.ndarray:
    """Return indices [steps, each] int32 of n examples: each once before any comes again."""
    rounds = [random.permutation(n) for _ in range(-(-steps * each // n))]
    return np.concatenate(rounds)[: steps * each].reshape(steps, each).astype(np.int32)


def train(folder: Path, rate: float) -> Tree:
    """Go on training the network, and return its parameters."""
    graph, (params, rest, streams) = restore(TEACHER, SHAPE, CLASSES, begin(folder))

    def loss(params: Tree, key: jax.Array, ours: tuple[jax.Array, ...], others: tuple[jax.Array, ...]) -> jax.Array:
        network: Any = merge(graph, Parts(params, rest, streams))
        logits = with_none(network(scale(jnp.concatenate([augment(key, ours[0]), others[0]]))))
        return optax.softmax_cross_entropy_with_integer_labels(logits, _labels(ours, others)).mean()

    steps = len(load("mnist").train.labels) // EACH
    schedule = optax.cosine_decay_schedule(rate, steps * EPOCHS)
    path = folder / f"training-{rate:g}.npz"
    return fit(path, params, loss, schedule, each=EACH, steps=steps, epochs=EPOCHS)


def _labels(*batch: tuple[jax.Array, ...]) -> jax.Array:
    return jnp.concatenate([labels for _, labels in batch]).astype(jnp.int32)


def train_beside(folder: Path, rate: float) -> None:
    """Train in a process of its own, with one XLA thread: two so get more done than one after the other."""
    set_up("cpu", one_thread=True)
    train(folder, rate)


def average(folder: Path) -> Tree:
    """Return the parameters of the teacher: the average of the start and the trainings."""
    _, (start, _, _) = restore(TEACHER, SHAPE, CLASSES, begin(folder))
    trained = [train(folder, rate) for rate in RATES]
    share = (1 - OF_START) / len(trained)
    return settled(
        TEACHER, jax.tree.map(lambda first, *others: OF_START * first + share * sum(others), start, *trained)
    )


def distil(folder: Path, teacher: Tree) -> Tree:
    """Train the student, and return its parameters.

    Of a batch, MNIST's images and half of the pictures are augmented. Where a picture shows no digit, the label alone
    counts: the teacher takes more of what is drawn for digits.
    """
    module = build(STUDENT, SHAPE, CLASSES, seed=0)
    module.train()
    graph, (params, rest, streams) = split(module)
    answer = answering(TEACHER, jax.tree.map(jnp.asarray, teacher))

    def loss(params: Tree, key: jax.Array, ours: tuple[jax.Array, ...], others: tuple[jax.Array, ...]) -> jax.Array:
        first, second = jax.random.split(key)
        plain, changed = jnp.array_split(others[0], 2)
        batch = jnp.concatenate([augment(first, ours[0]), plain, augment(second, changed)])
        labels, network = _labels(ours, others), merge(graph, Parts(params, rest, streams))
        logits, wanted = with_none(network(scale(batch))), jax.nn.softmax(with_none(answer(batch)) / SOFTER)
        of_labels = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        of_teacher = SOFTER**2 * optax.softmax_cross_entropy(logits / SOFTER, wanted)
        return jnp.where(labels == CLASSES, of_labels, of_teacher + OF_LABELS * of_labels).mean()

    steps = len(read_all(folder)[1]) // STUDENT_EACH
    schedule = optax.warmup_cosine_decay_schedule(0, STUDENT_RATE, WARM_UP, steps * STUDENT_EPOCHS)
    params = fit(folder / "student.npz", params, loss, schedule, each=STUDENT_EACH, steps=steps, epochs=STUDENT_EPOCHS)
    return settled(STUDENT, params)


def settled(arch: str, params: Tree) -> Tree:
    """Return parameters whose network answers REFUSED of MNIST's validation images by "no digit".

    A constant is taken from its logits: that changes no choice between digits.
    """
    logits = logits_by(answering(arch, params), np.asarray(load("mnist").validation.images))
    params["output"]["bias"] -= np.quantile(logits.max(1), REFUSED)
    return params


def answering(arch: str, params: Tree) -> Answer:
    """Return the function from images uint8 to logits of a trained network."""
    definition = define(arch, SHAPE, CLASSES)
    parts = Parts(params, {}, {})
    return lambda images: merge(definition.use, parts)(scale(images))


def logits_by(answer: Answer, images: np.ndarray) -> np.ndarray:
    """Return logits [n, CLASSES] float32 of images [n, 28, 28, 1] uint8."""
    forward = jax.jit(answer)
    return np.concatenate([forward(block) for block in np.array_split(images, -(-len(images) // 1000))])


def choices(arch: str, params: Tree, folder: Path) -> None:
    """Print how a network does on what choices are made by: MNIST's validation images, and pictures to tune with."""
    mnist = load("mnist").validation
    for kind, (images, labels) in {"MNIST": (mnist.images, mnist.labels), **read_pictures(folder, "tune")}.items():
        logits = np.asarray(with_none(logits_by(answering(arch, params), np.asarray(images))))
        said, sure = logits.argmax(1), np.asarray(jax.nn.softmax(logits))[:, :CLASSES].max(1) >= 0.5
        right, none = np.mean(said == labels), np.mean(said == CLASSES)
        print(f"{kind:10} {len(labels):6,}: right {right:.2%}, no digit {none:.2%}, sure of a digit {sure.mean():.2%}")


def write_builtin(params: Tree, path: Path) -> None:
    """Write the student as safetensors and as ONNX."""
    mnist = load("mnist")
    arrays = {name: np.asarray(each) for name, each in flatten(params).items()}
    metadata = model_metadata(
        arch=STUDENT,
        network=description(STUDENT),
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
