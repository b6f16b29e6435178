"""What a stranger's ONNX file may do: be answered, or be refused in one sentence."""

import json
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from mnistcli.errors import RunError
from mnistcli.inference.onnx_file import onnx_file
from mnistcli.inference.onnx_model import open_onnx
from mnistcli.models.language import expected_variables, parse, plan

SHAPE = (4, 3, 1)
METADATA = {
    "image_shape": SHAPE,
    "class_names": ["cat", "dog"],
    "pictures": "whole",
    "arch": "it",
    "data_fingerprint": "",
    "temperature": 2.0,
}
STEPS = plan(parse("flatten"), SHAPE, 2)
ARRAYS = {path: np.ones(each.shape, np.float32) for path, each in expected_variables(STEPS).items()}


def content() -> bytes:
    return onnx_file(STEPS, ARRAYS, METADATA)


def changed(change: Callable[[onnx.ModelProto], None]) -> bytes:
    model = onnx.load_from_string(content())
    change(model)
    return model.SerializeToString()


def test_a_whole_file_says_what_it_is_and_answers() -> None:
    model = open_onnx(content(), name="it")
    assert (model.image_shape, model.class_names, model.temperature) == (SHAPE, ("cat", "dog"), 2.0)
    assert model.probabilities(np.zeros((501, *SHAPE), np.uint8)) == pytest.approx(np.full((501, 2), 0.5))


@pytest.mark.parametrize(
    "change",
    [{"schema": "other/1"}, {"image_shape": [4, 3]}, {"image_shape": "all"}, {"image_shape": [3, 4, 1]},
     {"class_names": ["cat"]}, {"class_names": ["cat", "\x1b[31m"]}, {"class_names": 7}, {"pictures": "none"},
     {"temperature": 0}, {"temperature": float("nan")}, {"temperature": "hot"}],
    ids=str,
)  # fmt: skip
def test_metadata_that_does_not_fit_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(RunError, match=r"^it is not a mnistcli model: its metadata is wrong: .*\.$"):
        open_onnx(changed(lambda model: tell(model, change)), name="it")


def tell(model: onnx.ModelProto, change: dict[str, object]) -> None:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in change.items()}
    helper.set_model_props(model, {each.key: each.value for each in model.metadata_props} | texts)


def retype(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT8


def rename(model: onnx.ModelProto) -> None:
    model.graph.output[0].name = "scores"
    next(node for node in model.graph.node if "logits" in node.output).output[0] = "scores"
    next(node for node in model.graph.node if "logits" in node.input).input[0] = "scores"


def break_node(model: onnx.ModelProto) -> None:
    model.graph.node[1].op_type = "Frobnicate"


def ask_for_more(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, ["n"]))


@pytest.mark.parametrize("change", [retype, rename, break_node, ask_for_more])
def test_another_network_than_the_metadata_tells_is_refused(
    change: Callable[[onnx.ModelProto], None], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RunError, match=r"^it "):
        open_onnx(changed(change), name="it")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("damaged", [b"", b"x" * 100, content()[:300], content().replace(b"cat", b"c\xfft")], ids=len)
def test_a_damaged_file_is_refused_and_nothing_is_printed(damaged: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RunError, match=r"^it "):
        open_onnx(damaged, name="it")
    assert capfd.readouterr() == ("", "")
