"""Networks of the catalogue as they are built: their layers, their first weights, their answers."""

import jax
import numpy as np
import pytest

from mnistcli.inference.logits import predict_logits
from mnistcli.models import RECIPES, description
from mnistcli.models.language import describe
from mnistcli.models.network import build, count, define, flatten, logits, restore, scale, split

MNIST = (28, 28, 1)
SHAPES = [MNIST, (32, 30, 3)]


def first_weights(arch: str, *, seed: int) -> dict[str, np.ndarray]:
    params = split(build(arch, MNIST, 10, seed=seed))[1].params
    return {path: np.asarray(array) for path, array in flatten(params).items()}


@pytest.mark.parametrize("arch", RECIPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_network_restored_from_its_arrays_answers_as_the_module_and_is_as_its_summary_says(
    arch: str, shape: tuple[int, int, int]
) -> None:
    model = build(arch, shape, 7, seed=0)
    _, parts = split(model)
    images = np.random.default_rng(0).integers(0, 256, (5, *shape), np.uint8)
    found = predict_logits(*restore(arch, shape, 7, flatten(parts.params) | flatten(parts.rest)), images)
    assert (found.dtype, found.shape) == (np.float32, (5, 7))
    np.testing.assert_allclose(found, model(scale(images)), rtol=1e-4, atol=1e-4)
    summary = describe(arch, description(arch), shape, 7)
    assert summary.parameters == count(parts.params)
    assert summary.layers[-1].output_shape == (7,)


@pytest.mark.parametrize("n", [1, 249, 250, 251])
def test_padding_changes_no_logit(n: int) -> None:
    model = split(build("dense", MNIST, 10, seed=0))
    images = np.random.default_rng(0).integers(0, 256, (n, *MNIST), np.uint8)
    chosen = sorted({0, n // 2, n - 1})
    one_by_one = np.concatenate([predict_logits(*model, images[i : i + 1]) for i in chosen])
    together = predict_logits(*model, images)
    assert together.shape == (n, 10)
    np.testing.assert_allclose(one_by_one, together[chosen], rtol=1e-5, atol=1e-6)


def assert_uniform(array: np.ndarray, bound: float) -> None:
    """The numbers look drawn from −bound to bound, evenly: 288 of them at least, so within a tenth."""
    assert 0.95 * bound < np.abs(array).max() <= bound * 1.000001
    assert abs(array.std() / (bound / np.sqrt(3)) - 1) < 0.1
    assert abs(array.mean()) < 0.1 * bound


HE = "conv 32 3x3, residual(init glorot, conv 32 3x3 same), init lecun, dense 50"
FANS = {
    "linear": {"output.kernel": 6 / (784 + 10)},
    "dense": {"dense1.kernel": 6 / (784 + 512), "output.kernel": 6 / (512 + 10)},
    "cnn": {"conv1.kernel": 6 / 9, "dense1.kernel": 6 / 5408, "output.kernel": 6 / 100},
    "convnet": {
        "conv1.kernel": 6 / 25, "conv2.kernel": 6 / (25 * 32), "dense1.kernel": 6 / (16 * 64), "output.kernel": 6 / 128,
    },
    HE: {
        "conv1.kernel": 6 / 9, "residual1.conv1.kernel": 6 / (9 * 32 + 9 * 32), "dense1.kernel": 3 / (26 * 26 * 32),
        "output.kernel": 3 / 50,
    },
}  # fmt: skip


@pytest.mark.parametrize("arch", FANS)
def test_kernels_begin_uniform_by_inputs_and_outputs_glorot_or_by_inputs_alone(arch: str) -> None:
    """The bounds' squares: Glorot's 6 / (inputs + outputs), He's 6 / inputs, LeCun's 3 / inputs."""
    weights = first_weights(arch, seed=0)
    for name, square in FANS[arch].items():
        assert_uniform(weights[name], np.sqrt(square))
    assert not any(array.any() for name, array in weights.items() if name.endswith("bias"))
    assert {name for name in weights if name.endswith("kernel")} == FANS[arch].keys()


def test_the_seed_decides_every_kernel() -> None:
    one, same, other = (first_weights("cnn", seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(one[name], array) for name, array in same.items())
    assert not any(np.array_equal(one[name], array) for name, array in other.items() if name.endswith("kernel"))


LAYERS = {
    "linear": [("flatten", "", (784,)), ("dense", "", (10,))],
    "dense": [("flatten", "", (784,)), ("dense", "relu", (512,)), ("dense", "", (10,))],
    "cnn": [
        ("conv", "3×3, valid, relu", (26, 26, 32)), ("max-pool", "2×2", (13, 13, 32)), ("flatten", "", (5408,)),
        ("dense", "relu", (100,)), ("dense", "", (10,)),
    ],
    "fast": [
        ("dct", "5×5, valid, stride 2, relu", (12, 12, 24)), ("conv", "3×3, valid, stride 2, relu", (5, 5, 32)),
        ("flatten", "", (800,)), ("dense", "relu", (128,)), ("dense", "", (10,)),
    ],
    "convnet": [
        ("conv", "5×5, valid, relu", (24, 24, 32)), ("max-pool", "2×2", (12, 12, 32)),
        ("conv", "5×5, valid, relu", (8, 8, 64)), ("max-pool", "2×2", (4, 4, 64)), ("flatten", "", (1024,)),
        ("dense", "relu", (128,)), ("dense", "", (10,)),
    ],
}  # fmt: skip


@pytest.mark.parametrize("arch", RECIPES)
def test_each_architecture_is_made_of_its_layers(arch: str) -> None:
    _, *layers = describe(arch, description(arch), MNIST, 10).layers
    assert [(layer.kind, layer.detail, layer.output_shape) for layer in layers] == LAYERS[arch]


def test_a_network_is_defined_without_allocating_anything() -> None:
    parts = define("pool 16, dense 640", (2048, 2048, 3), 10).parts
    assert all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in jax.tree.leaves(parts))


def test_a_large_pool_makes_no_large_program() -> None:
    module = build("conv 2 3x3, relu, pool 26", (28, 28, 1), 10, seed=0)
    graph, parts = split(module)
    program = jax.make_jaxpr(lambda parts, images: logits(graph, parts, images))(
        parts, np.zeros((1, 28, 28, 1), np.uint8)
    )
    assert len(str(program)) < 20_000
