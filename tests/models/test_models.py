import jax
import numpy as np
import pytest

from mnistcli.device import predict_logits
from mnistcli.models import Classifier, abstract, build, split, summarize
from mnistcli.network import Layers, Params, count, flatten, logits
from mnistcli.recipes import RECIPES

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
    dense = flatten(as_data(build("dense", (28, 28, 1), 10, seed=0))[1])
    assert_uniform(dense["hidden.kernel"], np.sqrt(6 / (784 + 512)))
    assert_uniform(dense["output.kernel"], np.sqrt(6 / (512 + 10)))
    cnn = flatten(as_data(build("cnn", (28, 28, 1), 10, seed=0))[1])
    for name, fan_in in (("conv.kernel", 9), ("hidden.kernel", 5408), ("output.kernel", 100)):
        assert_uniform(cnn[name], np.sqrt(6 / fan_in))
    assert not any(array.any() for name, array in (dense | cnn).items() if name.endswith("bias"))


def test_abstract_networks_allocate_nothing() -> None:
    params = split(abstract("dense", (4096, 4096, 3), 10))[1]
    assert all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in jax.tree.leaves(params))
