"""`import mnistcli` in notebooks and scripts: what the commands do, as functions."""

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mnistcli
from tests.cli.test_imports import HEAVY
from tests.conftest import Call, MakeOnce
from tests.regenerate import ROOT

# An unguarded script that uses JAX for work of its own; in it, the same training as the workspace's linear-001.
SCRIPT = """
import json, os, signal, sys, threading, time
from pathlib import Path

import mnistcli

told = {"at first": sorted({name.split(".")[0] for name in sys.modules}), "names": dir(mnistcli)}
mnistcli.load_run("builtin")
digits = mnistcli.load_data().test.images[:150]
mnistcli.predict(digits[:1])
told["without JAX"] = sorted({name.split(".")[0] for name in sys.modules})

import jax

jax.config.update("jax_default_prng_impl", "rbg")
jax.config.update("jax_numpy_dtype_promotion", "strict")
told["labels"] = [answer.label for answer in mnistcli.predict(digits, run="builtin")]
result = mnistcli.train("linear", epochs=2, limit=3000)
told |= {"run": result.run, "figures": result.figures, "files": sorted(path.name for path in result.folder.iterdir())}
told["own"] = [str(jax.numpy.ones(1).dtype), str(jax.config.jax_default_device), os.environ["JAX_ENABLE_X64"]]

before = signal.getsignal(signal.SIGINT)
last = Path("runs/stopped/last.safetensors")

def stop():
    while not last.parent.exists() or not any(last.parent.glob("last*")):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=stop, daemon=True).start()
try:
    mnistcli.train("linear", epochs=20_000, limit=64, patience=0, name="stopped")
except KeyboardInterrupt as error:
    told["interrupted"] = str(error)
told["handler is back"] = signal.getsignal(signal.SIGINT) is before
stopped = mnistcli.load_run("stopped")
told["status"], told["stopped after"] = stopped.record().status, len(stopped.history())
beside = threading.Thread(
    target=lambda: told.update({"resumed": len(mnistcli.resume("stopped", epochs=told["stopped after"] + 1).history)})
)
beside.start()
beside.join()
print(json.dumps(told))
"""
USE = """
import numpy as np
import mnistcli

result = mnistcli.train("cnn", seed=1, epochs=2)
reveal_type(result)
reveal_type(result.figure())
reveal_type(mnistcli.evaluate(result, split="test").accuracy_ci95)
reveal_type(mnistcli.compare("dense", result).pairs[0].p_value)
reveal_type(mnistcli.predict(np.zeros((28, 28)))[0].label)
reveal_type(mnistcli.load_run("latest"))
reveal_type(mnistcli.load_data().class_names)
mnistcli.train("cnn", seed="1")
mnistcli.evaluate(result, splitt="test")
mnistcli.trian("cnn")
"""
FOUND = [
    "mnistcli.results.train.TrainResult", "matplotlib.figure.Figure", "tuple[float, float]", "float", "str",
    "mnistcli.runs.run.Run", "tuple[str, ...]",
    'Argument "seed" to "train" has incompatible type "str"; expected "int"',
    'Unexpected keyword argument "splitt" for "evaluate"', 'Module has no attribute "trian"',
]  # fmt: skip
MYPY = """
[mypy]
follow_imports = silent
[mypy-jax.*,flax.*,optax.*,scipy.*,onnx.*,onnxruntime.*,tensorflow_datasets.*,grain.*,PIL.*,rich.*,jinja2.*,filelock.*,\
safetensors.*]
follow_imports = skip
ignore_missing_imports = true
"""
UNTIMED = {"train_seconds", "compile_seconds"}


@pytest.fixture(scope="module")
def script(make_once: MakeOnce) -> Path:
    """The folder in which SCRIPT ran, and what it printed in said.json."""

    def fill(folder: Path) -> None:
        (folder / "script.py").write_text(SCRIPT)
        command, environment = [sys.executable, "script.py"], os.environ | {"JAX_ENABLE_X64": "1"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
        assert (done.returncode, done.stderr) == (0, "")
        (folder / "said.json").write_text(done.stdout)

    return make_once("api-script", fill)


@pytest.fixture(scope="module")
def said(script: Path) -> Any:
    return json.loads((script / "said.json").read_text())


@pytest.fixture
def runs(workspace: Path) -> Path:
    return workspace / "runs"


@pytest.fixture
def call(request: pytest.FixtureRequest) -> Call:
    """The program's front door, under a name that leaves `mnistcli` to the package."""
    front_door: Call = request.getfixturevalue("mnistcli")
    return front_door


@pytest.fixture
def own(tmp_path: Path) -> mnistcli.Dataset:
    """A few digits in a file."""
    data = mnistcli.load_data()
    part = {"x_train": data.train.images[:60], "y_train": data.train.labels[:60]}
    np.savez(tmp_path / "own.npz", x_test=data.test.images[:9], y_test=data.test.labels[:9], **part)
    return mnistcli.load_data(tmp_path / "own.npz")


@pytest.fixture
def linear(runs: Path) -> mnistcli.Evaluation:
    return mnistcli.evaluate("linear", runs_dir=runs)


def test_importing_the_package_imports_nothing_but_what_python_has(said: Any) -> None:
    assert not (HEAVY | {"rich", "typer", "jinja2"}) & {*said["at first"]}
    assert {*mnistcli.__all__} <= {*said["names"]}


def test_loading_and_predicting_import_no_jax(said: Any) -> None:
    assert HEAVY & {*said["without JAX"]} == {"numpy", "PIL", "onnxruntime"}


def test_many_pictures_in_a_script_without_a_guard_are_read_in_order(said: Any) -> None:
    expected = mnistcli.load_data().test.labels[:150].astype(str).tolist()
    assert sum(a == b for a, b in zip(said["labels"], expected, strict=True)) > 140


def test_a_training_is_the_command_s_to_the_bit_whatever_a_notebook_sets_in_jax(
    script: Path, said: Any, workspace: Path
) -> None:
    ours, theirs = (folder / "runs/linear-001" for folder in (script, workspace))
    for file in ("model.safetensors", "model.onnx", "test.safetensors"):
        assert (ours / file).read_bytes() == (theirs / file).read_bytes()
    record = json.loads((theirs / "run.json").read_text())
    assert {*said["figures"]} == {*record["results"]}
    assert [said["figures"][key] for key in said["figures"].keys() - UNTIMED] == [
        record["results"][key] for key in said["figures"].keys() - UNTIMED
    ]
    assert json.loads((ours / "run.json").read_text())["config"] == record["config"]


def test_a_notebook_s_own_jax_stays_as_it_was(said: Any) -> None:
    assert said["own"] == ["float64", "None", "1"]


def test_an_interrupt_leaves_a_run_that_goes_on_and_the_handler_as_it_was(said: Any) -> None:
    assert "--resume stopped" in said["interrupted"]
    assert said["handler is back"]
    assert said["status"] == "interrupted"
    assert said["resumed"] == said["stopped after"] + 1


def test_an_evaluation_is_the_command_s(call: Call, runs: Path, linear: mnistcli.Evaluation) -> None:
    told = call("evaluate", "linear", "--runs-dir", runs, "--json").json
    assert (told["run"], told["n"], told["accuracy"]) == (linear.run, linear.n, linear.accuracy)
    assert (told["loss"], tuple(told["accuracy_ci95"])) == (linear.loss, linear.accuracy_ci95)
    assert told["confusion"] == [list(row) for row in linear.confusion]
    assert linear == mnistcli.evaluate(mnistcli.load_run(runs / "linear-001"))


def test_a_comparison_is_the_command_s(call: Call, runs: Path, linear: mnistcli.Evaluation) -> None:
    told = call("compare", "linear", "dense", "--runs-dir", runs, "--json").json
    found = mnistcli.compare("linear", mnistcli.load_run("dense", runs_dir=runs), runs_dir=runs)
    assert [run["accuracy"] for run in told["runs"]] == [run.evaluation.accuracy for run in found.runs]
    assert told["pairs"][0]["p_value"] == found.pairs[0].p_value
    assert found.runs[0].evaluation.accuracy == linear.accuracy


def test_pictures_from_arrays_and_files_get_the_command_s_answers(call: Call, runs: Path, tmp_path: Path) -> None:
    digits = mnistcli.load_data().test.images[:4]
    np.save(tmp_path / "digits.npy", digits)
    told = call("predict", "digits.npy", "--run", "linear", "--runs-dir", runs, "--format", "jsonl").lines
    expected = [tuple(json.loads(line)["probabilities"]) for line in told]
    Image.fromarray(digits[0, ..., 0]).save("digit.png")
    for images in (
        digits,
        digits[..., 0],
        digits.reshape(4, -1),
        digits[..., 0] / 255,
        (digits / 255).astype(np.float32),
        [Path("digit.png"), digits[1:3], digits[3, ..., 0]],
        "digits.npy",
    ):
        found = mnistcli.predict(images, run="linear", runs_dir=runs)
        assert [answer.probabilities for answer in found] == expected
    assert (found[0].path, found[0].label) == ("digits.npy#0", found[0].top[0][0])
    one = mnistcli.predict(digits[0], run="linear", runs_dir=runs)
    assert [(each.path, each.probabilities) for each in one] == [("images", expected[0])]


def test_errors_are_the_program_s_and_name_the_thing(runs: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for call, kind, text in (
        (lambda: mnistcli.train("cnn", epoch=3), mnistcli.UsageError, "did you mean 'epochs'"),
        (lambda: mnistcli.train("cnn", epochs="3"), mnistcli.UsageError, "epochs must be a whole number, not '3'"),
        (lambda: mnistcli.train("cnn", lr=-1), mnistcli.UsageError, "above 0"),
        (lambda: mnistcli.train("cn"), mnistcli.UsageError, "did you mean 'cnn'"),
        (lambda: mnistcli.train(dataset="nowhere/at all"), mnistcli.DataError, "nowhere"),
        (lambda: mnistcli.resume("dense-001", runs_dir=runs), mnistcli.RunError, "is finished"),
        (lambda: mnistcli.evaluate("dense"), mnistcli.RunError, "no finished run"),
        (lambda: mnistcli.evaluate("builtin", split="tset"), mnistcli.UsageError, "did you mean 'test'"),
        (lambda: mnistcli.compare("builtin"), mnistcli.UsageError, "needs two or more runs"),
        (lambda: mnistcli.compare("builtin", "builtin"), mnistcli.UsageError, "twice"),
        (lambda: mnistcli.predict("no.png"), mnistcli.ImageError, "'no.png' cannot be read: No such file"),
        (lambda: mnistcli.predict(np.zeros(5)), mnistcli.ImageError, r"an array \[5\]"),
        (lambda: mnistcli.predict(np.full((9, 9), np.nan)), mnistcli.ImageError, "'images' contains numbers"),
        (lambda: mnistcli.predict(np.array([["a"]])), mnistcli.ImageError, "an array of numbers"),
        (lambda: mnistcli.predict([], invert="maybe"), mnistcli.UsageError, "auto, yes, no"),
        (lambda: mnistcli.load_data("nothing.npz"), mnistcli.DataError, "nothing.npz"),
    ):
        with pytest.raises(kind, match=text):
            call()
    assert issubclass(mnistcli.ImageError, mnistcli.MnistcliError)
    assert not Path("runs").exists()
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        getattr(mnistcli, "trian")  # noqa: B009


def test_without_strict_an_unreadable_picture_keeps_its_place_and_refuses_a_label() -> None:
    digit = mnistcli.load_data().test.images[0]
    good, bad = mnistcli.predict([digit, "no.png"], run="builtin", strict=False)
    assert (good.label, good.error) == ("7", None)
    assert bad.error is not None
    with pytest.raises(mnistcli.ImageError, match=r"'no\.png' cannot be read"):
        _ = bad.label


def test_a_file_that_was_trained_on_is_not_opened_unless_it_is_named(own: mnistcli.Dataset, tmp_path: Path) -> None:
    result = mnistcli.train("linear", dataset=own, epochs=1, runs_dir=tmp_path)
    assert (result.dataset, result.evaluation.n) == (str(tmp_path / "own.npz"), 9)
    with pytest.raises(mnistcli.UsageError, match="name a data set"):
        mnistcli.evaluate(result)
    for named in (own, tmp_path / "own.npz"):
        assert mnistcli.evaluate(result, dataset=named).confusion == result.evaluation.confusion


def test_progress_goes_to_stderr_and_nothing_else_is_said(
    own: mnistcli.Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mnistcli.train("linear", dataset=own, epochs=1, runs_dir=tmp_path)
    assert capfd.readouterr() == ("", "")
    mnistcli.train("linear", dataset=own, epochs=1, runs_dir=tmp_path, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "linear-002" in err
    assert "epoch 1/1" in err


def test_a_notebook_shows_each_result_as_a_table_with_the_accuracy_first(
    runs: Path, linear: mnistcli.Evaluation
) -> None:
    comparison = mnistcli.compare("linear", "dense", runs_dir=runs)
    percent = f"{linear.accuracy:.2%}".replace("%", " %")
    low, high = (f"{bound * 100:.2f}" for bound in linear.accuracy_ci95)
    run = mnistcli.load_run("linear", runs_dir=runs)
    for result, texts in (
        (linear, ["accuracy", f"{percent} of 10,000 test images (95 % interval {low}–{high} %)"]),
        (comparison, ["accuracy", percent, f"{comparison.runs[1].evaluation.accuracy:.2%}".replace("%", " %")]),
        (run, ["test accuracy", percent]),
        (mnistcli.load_data(), ["all", "50,000", "10,000", "10,000"]),
    ):
        shown = result._repr_html_()
        cells = re.findall(r"<(?:td|th scope=\"row\")[^>]*>(.*?)</t[dh]>", shown)
        assert cells[: len(texts)] == texts
    assert f"{low}–{high} %" in comparison._repr_html_()
    assert "McNemar" in comparison._repr_html_()
    assert all(len(repr(result)) < 2000 for result in (linear, comparison)), "a console shows what is readable"


def test_names_in_a_notebook_s_table_are_text(linear: mnistcli.Evaluation) -> None:
    names = ("<script>alert(1)</script>", "\x1b[2Jtwo", *linear.class_names[2:])
    confusion = tuple(tuple(90 if i != j else 1 for j in range(10)) for i in range(10))
    shown = replace(linear, class_names=names, run="<img src=x>", confusion=confusion)._repr_html_()
    assert "<script" not in shown
    assert "<img" not in shown
    assert "\x1b" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    answers = mnistcli.predict([mnistcli.load_data().test.images[0], "<b>.png"], run="builtin", strict=False)
    shown = answers._repr_html_()
    assert "&lt;b&gt;.png" in shown
    assert len(re.findall('<img alt="" width="28" src="data:image/png;base64,[A-Za-z0-9+/=]+">', shown)) == 1


def test_figures_show_themselves_without_pyplot_whatever_the_classes_are_called(
    runs: Path, linear: mnistcli.Evaluation
) -> None:
    named = replace(linear, class_names=("$\\frac$", *linear.class_names[1:]))
    figure: Any = named.figure()
    figure.savefig(io.BytesIO())
    content, shown = figure._repr_png_()
    assert content.startswith(b"\x89PNG")
    assert int.from_bytes(content[16:20]) == 2 * shown["width"], "twice as sharp as it is large"
    assert len(mnistcli.load_data().figure().axes) == 9
    for drawable in (mnistcli.load_run("linear", runs_dir=runs), mnistcli.compare("linear", "dense", runs_dir=runs)):
        assert hasattr(drawable.figure(), "_repr_png_")
    assert "matplotlib.pyplot" not in sys.modules


def test_a_type_checker_sees_the_types(tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(USE)
    (tmp_path / "mypy.ini").write_text(MYPY)
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "use.py"]
    environment = {"MYPYPATH": str(ROOT)}
    lines = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True).stdout.splitlines()
    told = [line for line in lines if line.startswith("use.py") and "defined in" not in line]
    for line, expected in zip(told, FOUND, strict=True):
        assert expected in line


def test_the_manual_s_page_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "mnistcli/manual/python.md").read_text()
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)  # noqa: S102
    assert len(names["accuracies"]) == 2
    assert {"runs", "curves.pdf", "mine.npz"} <= {path.name for path in tmp_path.iterdir()}
    assert "did you mean 'epochs'?" in capfd.readouterr().out
    assert set(re.findall(r"^\| `(\w+)\(", page, re.MULTILINE)) == set(filter(str.islower, mnistcli.__all__))
