import jax
import numpy as np
import pytest
from mnistcli.network import Layers, Params, count, flatten, logits

from mnistcli.inference import predict_logits
from mnistcli.models import RECIPES, Classifier, abstract, build, split, summarize

SHAPES = [(28, 28, 1), (32, 30, 3)]


def as_data(model: Classifier) -> tuple[Layers, Params]:
    return model.as_layers(), jax.device_get(split(model)[1])


@pytest.mark.parametrize("arch", RECIPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_numpy_jax_and_the_module_agree_on_every_logit(arch: str, shape: tuple[int, int, int]) -> None:
    model = build(arch, shape, 7, seed=0)
    layers, params = as_data(model)
    images = np.random.default_rng(0).integers(0, 256, (5, *shape), np.uint8)
    by_numpy = logits(layers, params, images)
    assert (type(by_numpy), by_numpy.dtype, by_numpy.shape) == (np.ndarray, np.float32, (5, 7))
    np.testing.assert_allclose(by_numpy, predict_logits(layers, params, images), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(by_numpy, model(jax.numpy.asarray(images)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("arch", RECIPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_summary_agrees_with_the_network(arch: str, shape: tuple[int, int, int]) -> None:
    model = build(arch, shape, 7, seed=0)
    summary = summarize(arch, shape, 7)
    assert summary.parameters == count(split(model)[1])
    assert summary.layers[-1].output_shape == (7,)
    assert predict_logits(*as_data(model), np.zeros((3, *shape), np.uint8)).shape == (3, 7)


@pytest.mark.parametrize("n", [1, 249, 250, 251])
def test_padding_changes_no_logit(n: int) -> None:
    model = as_data(build("dense", (28, 28, 1), 10, seed=0))
    images = np.random.default_rng(0).integers(0, 256, (n, 28, 28, 1), np.uint8)
    one_by_one = np.concatenate([predict_logits(*model, images[i : i + 1]) for i in {0, n // 2, n - 1}])
    together = predict_logits(*model, images)[sorted({0, n // 2, n - 1})]
    assert predict_logits(*model, images).shape == (n, 10)
    np.testing.assert_allclose(np.sort(one_by_one, 0), np.sort(together, 0), rtol=1e-5, atol=1e-6)


def assert_uniform(array: np.ndarray, bound: float) -> None:
    """The numbers look drawn from −bound to bound, evenly: 288 of them at least, so within a tenth."""
    assert 0.95 * bound < np.abs(array).max() <= bound * 1.000001
    assert abs(array.std() / (bound / np.sqrt(3)) - 1) < 0.1
    assert abs(array.mean()) < 0.1 * bound


def test_initial_weights_are_the_study_s_distributions() -> None:
    """Glorot's uniform distribution is by inputs and outputs together, He's by inputs alone."""
    fans = {
        "linear": {"output.kernel": 784 + 10},
        "dense": {"hidden.kernel": 784 + 512, "output.kernel": 512 + 10},
        "cnn": {"conv.kernel": 9, "hidden.kernel": 5408, "output.kernel": 100},
        "convnet": {
            "conv1.kernel": 25, "conv2.kernel": 25 * 32, "hidden.kernel": 16 * 64, "output.kernel": 128,
        },
    }  # fmt: skip
    for arch, fan in fans.items():
        weights = flatten(as_data(build(arch, (28, 28, 1), 10, seed=0))[1])
        for name, numbers in fan.items():
            assert_uniform(weights[name], np.sqrt(6 / numbers))
        assert not any(array.any() for name, array in weights.items() if name.endswith("bias"))


def test_the_seed_decides_every_kernel() -> None:
    one, same, other = (flatten(as_data(build("cnn", (28, 28, 1), 10, seed=seed))[1]) for seed in (1, 1, 2))
    assert all(np.array_equal(one[name], array) for name, array in same.items())
    assert not any(np.array_equal(one[name], array) for name, array in other.items() if name.endswith("kernel"))


LAYERS = {
    "linear": [("flatten", "", (784,)), ("dense", "", (10,))],
    "dense": [("flatten", "", (784,)), ("dense", "relu", (512,)), ("dense", "", (10,))],
    "cnn": [
        ("conv", "3×3, valid, relu", (26, 26, 32)), ("max-pool", "2×2", (13, 13, 32)), ("flatten", "", (5408,)),
        ("dense", "relu", (100,)), ("dense", "", (10,)),
    ],
    "convnet": [
        ("conv", "5×5, valid, relu", (24, 24, 32)), ("max-pool", "2×2", (12, 12, 32)),
        ("conv", "5×5, valid, relu", (8, 8, 64)), ("max-pool", "2×2", (4, 4, 64)), ("flatten", "", (1024,)),
        ("dense", "relu", (128,)), ("dense", "", (10,)),
    ],
}  # fmt: skip


@pytest.mark.parametrize("arch", RECIPES)
def test_each_architecture_is_made_of_its_layers(arch: str) -> None:
    _, *layers = summarize(arch, (28, 28, 1), 10).layers
    found = [(layer.kind, layer.detail, layer.output_shape) for layer in layers]
    assert found == LAYERS[arch]


def test_abstract_networks_allocate_nothing() -> None:
    params = split(abstract("dense", (4096, 4096, 3), 10))[1]
    assert all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in jax.tree.leaves(params))
