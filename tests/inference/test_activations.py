"""What layers make of images, against the same layers computed by hand."""

import numpy as np
import pytest

from mnistcli.inference.activations import activations, penultimate
from mnistcli.inference.logits import predict_logits
from mnistcli.models.network import Parts, build, flatten, restore, split
from mnistcli.models.recipes import description

SHAPE = (6, 5, 2)
RESIDUAL = "conv 3 3x3 same, norm, relu, residual(conv 3 3x3 same, relu, conv 3 1x1), pool 2 stride 1, dense 4, tanh"


def network(arch: str, shape: tuple[int, int, int] = SHAPE) -> tuple[object, Parts, dict[str, np.ndarray]]:
    """Return a network of which every array is drawn at random, statistics too."""
    _, parts = split(build(arch, shape, 3, seed=0))
    random = np.random.default_rng(0)
    arrays = {
        path: random.uniform(0.2 if "variance" in path else -0.4, 0.6, leaf.shape).astype(np.float32) / 2
        for path, leaf in (flatten(parts.params) | flatten(parts.rest)).items()
    }
    return *restore(arch, shape, 3, arrays), arrays


def images(n: int, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, *shape), dtype=np.uint8)


def conv_same(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    rows, columns, _, filters = kernel.shape
    padded = np.pad(x, ((rows // 2, rows // 2), (columns // 2, columns // 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (rows, columns), axis=(0, 1))
    return np.einsum("hwcij,ijcf->hwf", windows, kernel, dtype=np.float64).reshape(*x.shape[:2], filters) + bias


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def test_each_step_s_output_is_that_of_the_layers_called_by_hand() -> None:
    graph, parts, own = network(RESIDUAL)
    (image,) = images(1)
    expected = {"conv1": conv_same(image / 255, own["conv1.kernel"], own["conv1.bias"])}
    centred = (expected["conv1"] - own["norm1.mean"]) / np.sqrt(own["norm1.variance"] + 1e-5)
    expected["norm1"] = centred * own["norm1.scale"] + own["norm1.bias"]
    expected["relu1"] = x = relu(expected["norm1"])
    expected["residual1.conv1"] = conv_same(x, own["residual1.conv1.kernel"], own["residual1.conv1.bias"])
    expected["residual1.relu1"] = relu(expected["residual1.conv1"])
    expected["residual1.conv2"] = conv_same(
        expected["residual1.relu1"], own["residual1.conv2.kernel"], own["residual1.conv2.bias"]
    )
    expected["residual1"] = x = x + expected["residual1.conv2"]
    expected["pool1"] = np.maximum.reduce([x[:-1, :-1], x[1:, :-1], x[:-1, 1:], x[1:, 1:]])
    expected["flatten1"] = x = expected["pool1"].ravel()
    expected["dense1"] = own["dense1.kernel"] @ x + own["dense1.bias"]
    expected["tanh1"] = np.tanh(expected["dense1"])
    expected["output"] = own["output.kernel"] @ expected["tanh1"] + own["output.bias"]
    found = activations(graph, parts, image)
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, rel=1e-5, abs=1e-5), name


def test_what_the_fused_convolution_hides_is_seen_and_leads_to_the_same_logits() -> None:
    arch = description("cnn")
    graph, parts, _ = network(arch, (28, 28, 1))
    (image,) = images(1, (28, 28, 1))
    found = activations(graph, parts, image)
    assert list(found) == ["conv1", "relu1", "pool1", "flatten1", "dense1", "relu2", "output"]
    assert np.array_equal(found["relu1"], relu(found["conv1"]))
    assert np.array_equal(found["pool1"], found["relu1"].reshape(13, 2, 13, 2, 32).max((1, 3)))
    fused = predict_logits(graph, parts, image[None])[0]
    assert found["output"] == pytest.approx(fused, rel=1e-4, abs=1e-4 * float(np.abs(fused).max()))


@pytest.mark.parametrize("n", [1, 3, 260])
def test_the_last_layer_makes_the_logits_of_what_comes_before_it(n: int) -> None:
    graph, parts, own = network(RESIDUAL)
    features, logits = penultimate(graph, parts, images(n))
    assert (features.shape, logits.shape) == ((n, 4), (n, 3))
    assert features[-1] == pytest.approx(activations(graph, parts, images(n)[-1])["tanh1"], abs=1e-6)
    assert logits == pytest.approx(features @ own["output.kernel"].T + own["output.bias"], abs=1e-5)
