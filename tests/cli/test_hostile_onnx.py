"""ONNX files that mean harm, or are none, are refused in one sentence before anything in them runs."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mnistcli.inference import onnx_model, onnx_rules
from mnistcli.runs.run import BUILTIN
from tests.conftest import Call
from tests.onnx_files import make, plain, save

FLATTEN = helper.make_node("Flatten", ["x"], ["row"])


def elsewhere(place: str) -> onnx.ModelProto:
    model = plain()
    kernel = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(kernel, place)
    kernel.ClearField("raw_data")
    kernel.data_location = TensorProto.EXTERNAL
    return model


def constant_elsewhere() -> onnx.ModelProto:
    value = numpy_helper.from_array(np.zeros(784, np.float32), "value")
    value.external_data.add(key="location", value="/etc/passwd")
    return make(
        [FLATTEN, helper.make_node("Constant", [], ["c"], value=value), helper.make_node("Add", ["row", "c"], ["y"])]
    )


def sized(*sides: int) -> onnx.ModelProto:
    """Numbers out of nowhere, as many as the sides say."""
    fill = helper.make_node("ConstantOfShape", ["sides"], ["big"])
    total = helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0)
    return make([FLATTEN, fill, total, helper.make_node("Add", ["row", "sum"], ["y"])], {"sides": np.array(sides)})


def squared() -> onnx.ModelProto:
    """Harmless for one image; for several, each of their pixels meets each of all."""
    nodes = [
        helper.make_node("Concat", ["x", "x"], ["xx"], axis=0),
        helper.make_node("Reshape", ["xx", "column"], ["c"]), helper.make_node("Reshape", ["xx", "line"], ["l"]),
        helper.make_node("Mul", ["c", "l"], ["all"]), helper.make_node("ReduceMax", ["all"], ["most"], keepdims=0),
        FLATTEN, helper.make_node("Add", ["row", "most"], ["y"]),
    ]  # fmt: skip
    return make(nodes, {"column": np.array([-1, 1]), "line": np.array([1, -1])})


def by_pixels() -> onnx.ModelProto:
    nodes = [helper.make_node("NonZero", ["x"], ["where"]), helper.make_node("Cast", ["where"], ["y"], to=1)]
    return make(nodes)


def lying() -> onnx.ModelProto:
    """By pixels, and it says a size itself."""
    model = by_pixels()
    model.graph.value_info.append(helper.make_tensor_value_info("where", TensorProto.INT64, [4, 10]))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 10]))
    return model


def einsum() -> onnx.ModelProto:
    return make([FLATTEN, helper.make_node("Einsum", ["row", "row"], ["y"], equation="ij,kl->ij")])


def loop() -> onnx.ModelProto:
    names = {"i": TensorProto.INT64, "go": TensorProto.BOOL, "a": TensorProto.FLOAT, "on": TensorProto.BOOL}
    i, go, a, on = (helper.make_tensor_value_info(name, kind, []) for name, kind in names.items())
    nodes = [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["a"], ["b"])]
    b = helper.make_tensor_value_info("b", TensorProto.FLOAT, [])
    inside = helper.make_graph(nodes, "inside", [i, go, a], [on, b])
    arrays = {"times": np.array(2**62), "true": np.array(True)}
    return make([FLATTEN, helper.make_node("Loop", ["times", "true", "row"], ["y"], body=inside)], arrays)


def sequence() -> onnx.ModelProto:
    return make([FLATTEN, helper.make_node("SequenceConstruct", ["row"], ["s"]),
                 helper.make_node("ConcatFromSequence", ["s"], ["y"], axis=0)])  # fmt: skip


def custom() -> onnx.ModelProto:
    return make([FLATTEN, helper.make_node("Shell", ["row"], ["y"], domain="evil")], opsets=("", "evil"))


def function() -> onnx.ModelProto:
    model = make([FLATTEN, helper.make_node("Twice", ["row"], ["y"], domain="own")], opsets=("", "own"))
    body = [helper.make_node("Add", ["a", "a"], ["b"])]
    model.functions.append(helper.make_function("own", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 18)]))
    return model


def sparse() -> onnx.ModelProto:
    model = plain()
    values, where = numpy_helper.from_array(np.ones(1, np.float32), "s"), numpy_helper.from_array(np.zeros(1, np.int64))
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, where, [10**6, 10**6]))
    return model


def two_inputs() -> onnx.ModelProto:
    model = plain()
    model.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1]))
    return model


def no_output() -> onnx.ModelProto:
    model = plain()
    del model.graph.output[:]
    return model


def named(name: str) -> onnx.ModelProto:
    model = plain()
    model.graph.node[0].name = name
    return model


def short_array() -> onnx.ModelProto:
    model = plain()
    model.graph.initializer[0].dims[:] = [784, 2**40]
    return model


HOSTILE: dict[str, tuple[Callable[[], onnx.ModelProto | bytes], str]] = {
    "text": (lambda: b"A file of text, not of a network.\n" * 99, "is not an ONNX file"),
    "empty": (lambda: b"", "is not an ONNX file"),
    "truncated": (lambda: BUILTIN.with_suffix(".onnx").read_bytes()[:-999], "is not an ONNX file"),
    "in ONNX Runtime's own format": (lambda: b"\x08\x00\x00\x00ORTM" + bytes(99), "is not an ONNX file"),
    "external data": (lambda: elsewhere("/etc/passwd"), "in another file"),
    "external data upwards": (lambda: elsewhere("../../secret"), "in another file"),
    "external constant": (constant_elsewhere, "in another file"),
    "custom operator": (custom, "evil.Shell"),
    "function": (function, "defines an operator, 'Twice'"),
    "unknown operator": (lambda: make([helper.make_node("Shell", ["x"], ["y"])]), "breaks the rules of ONNX"),
    "bomb": (lambda: sized(2**20, 2**20), "is too large"),
    "bomb in parts": (lambda: sized(2**28, 2), "is too large"),
    "bomb of many images": (squared, "is too large"),
    "bomb of a fixed batch": (lambda: plain(batch=2**40), "is too large"),
    "array that is not there": (short_array, "too small for the declared shape"),
    "sizes by pixels": (by_pixels, "cannot be predicted"),
    "sizes by pixels that lie": (lying, "cannot be predicted"),
    "einsum": (einsum, "uses Einsum"),
    "no output": (no_output, "has no network"),
    "loop": (loop, "uses Loop"),
    "sequence": (sequence, "cannot be predicted"),
    "sparse": (sparse, "sparse"),
    "two inputs": (two_inputs, "has 2 inputs"),
    "deep name": (lambda: named("/".join(["deep"] * 300)), "a name of 1,499 characters"),
    "name that steers": (lambda: named("red\x1b[31m"), "control characters"),
    "name that is no text": (
        lambda: named("a name").SerializeToString().replace(b"a name", b"a\xff\xfe\xfd\xfce"),
        "control characters",
    ),
    "metadata that steers": (lambda: plain(metadata={"class_names": '["\x1b[31m"]'}), "control characters"),
    "class name that steers": (
        lambda: plain(metadata={"schema": onnx_model.SCHEMA, "image_shape": "[28, 28, 1]", "pictures": "digit",
                                "temperature": "1", "class_names": '["\\u001b[31m", "1"]'}),
        "control characters",
    ),
    "our metadata on another network": (
        lambda: plain(metadata={"schema": onnx_model.SCHEMA, "image_shape": "[28, 28, 1]", "pictures": "digit",
                                "temperature": "1", "class_names": str([*map(str, range(10))]).replace("'", '"'),
                                "arch": "cnn", "data_fingerprint": ""}),
        "is not a mnistcli model",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_in_one_sentence(kind: str, tmp_path: Path, mnistcli: Call) -> None:
    content, said = HOSTILE[kind]
    made = content()
    (tmp_path / "theirs.onnx").write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    for command in (("evaluate", "theirs.onnx"), ("predict", "x.png", "--run", "theirs.onnx")):
        outcome = mnistcli(*command, "-q")
        assert (outcome.code, outcome.out) == (4, "")
        assert said in outcome.err
        assert "\x1b" not in outcome.err
        assert len(outcome.err.splitlines()) == 1


def test_a_hostile_file_in_a_run_s_place_is_refused_too(workspace: Path, tmp_path: Path, mnistcli: Call) -> None:
    shutil.copytree(workspace / "runs/linear-001", tmp_path / "runs/linear-001")
    for model, sealed, said in (
        (custom(), False, "is damaged"), (custom(), True, "evil.Shell"), (plain(), True, "not a mnistcli model"),
    ):  # fmt: skip
        onnx.helper.set_model_props(model, {"sha256": onnx_model.UNSEALED})
        content = model.SerializeToString()
        (tmp_path / "runs/linear-001/model.onnx").write_bytes(onnx_model.seal(content) if sealed else content)
        outcome = mnistcli("predict", "x.png", "--run", "linear-001", "-q")
        assert (outcome.code, outcome.out) == (4, "")
        assert said in outcome.err


def test_a_file_is_checked_once_unless_others_can_write_where_that_is_remembered(
    tmp_path: Path, mnistcli: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNISTCLI_CACHE_DIR", str(tmp_path / "cache"))
    checks, check = [], onnx_rules.check
    monkeypatch.setattr(onnx_rules, "check", lambda content: (checks.append(content), check(content)))
    save(plain(), tmp_path / "theirs.onnx")

    def count() -> int:
        checks.clear()
        assert mnistcli("predict", "x.png", "--run", "theirs.onnx").code == 1
        return len(checks)

    assert (count() > 0, count()) == (True, 0)
    [folder] = (tmp_path / "cache/harmless-onnx").iterdir()
    folder.chmod(0o777)
    assert count() > 0


def test_builtin_needs_no_check(mnistcli: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_rules, "check", lambda _: pytest.fail("checked"))
    assert mnistcli("predict", "x.png", "--run", "builtin").code == 1
