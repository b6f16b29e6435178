"""Commands on data sets beside MNIST."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistcli.commands.classifier import logits_of
from mnistcli.config import DataChoice
from mnistcli.datasets import load
from mnistcli.models import configure
from mnistcli.render.matrix import MOST_COUNTS
from mnistcli.runs import RunsFolder, Status, load_model
from tests.conftest import Call, MakeOnce, run_in, svg_texts

QUICK = ("--arch", "linear", "--epochs", "1", "--no-plots")
COLOURS = {"red": (220, 40, 40), "green": (40, 200, 60), "blue": (50, 60, 220)}


@pytest.fixture(scope="module")
def shapes(make_once: MakeOnce) -> Path:
    """A folder of small pictures in colour by class, with no split of their own."""

    def fill(folder: Path) -> None:
        random = np.random.default_rng(0)
        for name, colour in COLOURS.items():
            (folder / name).mkdir()
            for i in range(60):
                pixels = np.clip(np.array(colour) + random.integers(-40, 40, (12, 10, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / name / f"{i}.png")

    return make_once("shapes", fill)


@pytest.fixture(scope="module")
def coloured(shapes: Path, make_once: MakeOnce) -> Path:
    """A workspace with a run on them, trained through the front door. Read it only."""
    command = ("train", "--arch", "cnn", "--epochs", 3, "--no-plots", "--dataset", shapes)
    return make_once("coloured", lambda folder: run_in(folder, *command))


def test_shape_and_classes_travel_with_the_data(coloured: Path, shapes: Path, mnistcli: Call) -> None:
    outcome = mnistcli("evaluate", "cnn", "--dataset", shapes, "--json", cwd=coloured)
    assert outcome.code == 0, outcome.err
    assert [each["label"] for each in outcome.json["per_class"]] == ["blue", "green", "red"]
    assert outcome.json["accuracy"] > 0.9
    assert np.array(outcome.json["confusion"]).shape == (3, 3)
    table = mnistcli("evaluate", "cnn", "--dataset", shapes, "--format", "table", cwd=coloured).out
    assert all(name in table for name in COLOURS)
    layers = mnistcli("summary", "cnn-001", "--json", cwd=coloured).json["layers"]
    assert layers[0]["output_shape"] == [12, 10, 3]


def test_predict_reads_whole_pictures_for_a_network_that_did_not_learn_digits(
    coloured: Path, shapes: Path, mnistcli: Call, tmp_path: Path
) -> None:
    Image.new("RGB", (300, 200), COLOURS["green"]).save(tmp_path / "large.png")
    Image.new("RGB", (300, 200), tuple(255 - level for level in COLOURS["green"])).save(tmp_path / "negative.png")
    pictures = (shapes / "red" / "7.png", tmp_path / "large.png")
    outcome = mnistcli("predict", *pictures, "--format", "jsonl", cwd=coloured)
    rows = [json.loads(line) for line in outcome.lines]
    assert [row["label"] for row in rows] == ["red", "green"]
    assert len(rows[0]["probabilities"]) == 3
    negative = mnistcli("predict", tmp_path / "negative.png", "--invert", "yes", "--json", cwd=coloured)
    assert negative.json["predictions"][0]["label"] == "green"
    plain = mnistcli("predict", pictures[0], "--top", "5", "--format", "csv", cwd=coloured)
    assert plain.lines[0].count("label") == 5
    refused = mnistcli("predict", pictures[0], "--split-digits", cwd=coloured)
    assert (refused.code, "reads digits" in refused.err) == (2, True)
    explained = mnistcli("predict", pictures[0], "--explain", tmp_path / "why.png", cwd=coloured)
    assert explained.code == 0, explained.err
    with Image.open(tmp_path / "why.png") as figure:
        assert figure.format == "PNG"


@pytest.mark.parametrize("arch", ["linear", "dense", "cnn", "convnet"])
def test_every_architecture_takes_colours_and_other_sizes(arch: str, shapes: Path, mnistcli: Call) -> None:
    data = ("--dataset", shapes, "--image-size", "20")
    outcome = mnistcli("train", "--arch", arch, "--epochs", "1", "--no-plots", *data, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["test_accuracy"] > 0.5


def test_images_too_small_for_an_architecture_are_refused(shapes: Path, mnistcli: Call, tmp_path: Path) -> None:
    outcome = mnistcli("train", "--arch", "convnet", "--dataset", shapes)
    assert (outcome.code, outcome.out) == (2, "")
    assert "Layer 4, 'conv 64 5x5': its 5×5 window is larger than the image, which is 4×3 here" in outcome.err
    assert not (tmp_path / "runs").exists()


def test_the_learning_rate_stays_as_the_study_has_it_on_mnist_and_falls_elsewhere(shapes: Path) -> None:
    elsewhere = DataChoice(dataset=str(shapes))
    assert (
        configure("dense").hyper.schedule
        == configure("dense", data=DataChoice(image_size=14)).hyper.schedule
        == "constant"
    )
    assert configure("dense", data=elsewhere).hyper.schedule == "cosine"
    assert configure("dense", data=elsewhere, schedule="constant").hyper.schedule == "constant"


@pytest.mark.parametrize(
    "arguments",
    [("evaluate", "cnn"), ("data", "audit", "--run", "cnn"), ("data", "show", "--wrong", "cnn")],
    ids=" ".join,
)
def test_a_path_that_a_run_names_is_not_opened_unless_the_user_names_it(
    arguments: tuple[str, ...], coloured: Path, mnistcli: Call
) -> None:
    outcome = mnistcli(*arguments, cwd=coloured)
    assert (outcome.code, outcome.out) == (2, "")
    assert "name a data set with --dataset" in outcome.err


def test_the_commands_to_try_next_name_the_data_set_of_a_path_and_the_run(shapes: Path, mnistcli: Call) -> None:
    flags = ("--arch", "linear", "--epochs", "1", "--no-plots", "--format", "table")
    shown = mnistcli("train", "--dataset", shapes, *flags).out
    commands = [shlex.split(line) for line in shown.splitlines() if line.strip().startswith("mnistcli ")]
    assert [words[1] for words in commands] == ["evaluate", "predict", "compare"]
    assert mnistcli(*commands[0][1:]).code == 0
    assert f"There is no finished cnn run on {shapes}" in mnistcli(*commands[2][1:], "--no-train").err
    assert "linear-001" in commands[2]


def test_resuming_a_run_on_a_path_needs_the_path(shapes: Path, mnistcli: Call, tmp_path: Path) -> None:
    config = configure("linear", data=DataChoice(dataset=str(shapes)), epochs=1)
    fingerprint = {"data_fingerprint": load(str(shapes)).fingerprint}
    RunsFolder(tmp_path / "runs").claim(config, fingerprint, name="half").close(Status.INTERRUPTED)
    refused = mnistcli("train", "--resume", "half")
    assert (refused.code, refused.out) == (2, "")
    assert f"add --dataset {shapes}" in refused.err
    other = mnistcli("train", "--resume", "half", "--dataset", "mnist")
    assert (other.code, "--dataset mnist contradicts --resume" in other.err) == (2, True)
    assert mnistcli("train", "--resume", "half", "--dataset", shapes, "--no-plots").code == 0


def test_a_run_does_not_go_on_with_other_images_than_it_was_begun_on(mnistcli: Call, tmp_path: Path) -> None:
    config = configure("linear", epochs=1)
    RunsFolder(tmp_path / "runs").claim(config, {"data_fingerprint": "another"}, name="half").close(Status.INTERRUPTED)
    refused = mnistcli("train", "--resume", "half")
    assert (refused.code, refused.out) == (3, "")
    assert "'half' was started on images that differ" in refused.err


def test_a_model_is_refused_on_images_of_another_shape_or_classes(
    coloured: Path, shapes: Path, mnistcli: Call, tmp_path: Path
) -> None:
    shape = mnistcli("evaluate", "cnn", "--dataset", "mnist", cwd=coloured)
    assert (shape.code, shape.out) == (4, "")
    assert "12 × 10 × 3" in shape.err
    assert "28 × 28 × 1" in shape.err
    own = ("--dataset", shapes)
    assert "trained on different data" not in mnistcli("evaluate", "cnn", *own, cwd=coloured).err
    larger = mnistcli("evaluate", "cnn", *own, "--image-size", "12", cwd=coloured)
    assert (larger.code, "trained on different data" in larger.err) == (4, True)
    long = ",".join(f"{i}{'x' * 99}" for i in range(3))
    assert mnistcli("data", "info", *own, "--class-names", long, cwd=coloured).code == 0
    names = mnistcli("evaluate", "cnn", *own, "--class-names", "a,b,c", cwd=coloured)
    assert (names.code, "has the class 'blue'" in names.err) == (4, True)
    arguments = ("--dataset", shapes, "--image-size", "28", "--grayscale")
    classes = mnistcli("evaluate", "builtin", *arguments)
    assert (classes.code, "of 10 classes" in classes.err) == (4, True)


def test_compare_refuses_runs_of_other_data(shapes: Path, mnistcli: Call, tmp_path: Path) -> None:
    for name, limit in (("a", "100"), ("b", "90")):
        assert mnistcli("train", *QUICK, "--dataset", shapes, "--limit", limit, "--name", name).code == 0
    same = mnistcli("compare", "a", "b", "--dataset", shapes, "--json")
    assert same.code == 0, same.err
    assert len(same.json["pairs"]) == 1
    fewer = tmp_path / "fewer"
    for file in shapes.glob("*/*[0-4].png"):
        (fewer / file.parent.name).mkdir(parents=True, exist_ok=True)
        (fewer / file.parent.name / file.name).symlink_to(file)
    different = mnistcli("compare", "a", "b", "--dataset", fewer)
    assert (different.code, different.out) == (4, "")
    assert "--allow-different-data" in different.err
    assert mnistcli("compare", "a", "b", "--dataset", fewer, "--allow-different-data").code == 0
    none = mnistcli("compare", "linear", "dense", "--dataset", fewer, "--no-train")
    assert (none.code, f"no finished linear run on {fewer}" in none.err) == (4, True)


def test_pictures_exported_by_class_are_answered_as_the_embedded_ones(mnistcli: Call, tmp_path: Path) -> None:
    assert mnistcli("data", "export", "--split", "test", "--limit", "600", "--by-class", "digits/test").code == 0
    outcome = mnistcli("evaluate", "builtin", "--dataset", "digits", "--json")
    assert outcome.json["n"] == 600
    model, test = load_model(RunsFolder(tmp_path).find("builtin").weights), load("mnist").test.first(600)
    answers = logits_of(model, test.images).argmax(1)
    expected = np.zeros((10, 10), int)
    np.add.at(expected, (test.labels, answers), 1)
    assert outcome.json["confusion"] == expected.tolist()


def test_show_chooses_by_class_range_and_mistakes(mnistcli: Call, tmp_path: Path) -> None:
    test = load("mnist").test
    chosen = mnistcli("data", "show", "--split", "test", "--label", "7", "--index", "10:90", "--count", "5", "--json")
    expected = [i for i in range(10, 90) if test.labels[i] == 7][:5]
    assert [each["index"] for each in chosen.json["samples"]] == expected
    wrong = mnistcli(
        "data", "show", "--split", "test", "--wrong", "builtin", "--count", "99", "--plot", "wrong.svg", "--json"
    )
    samples = wrong.json["samples"]
    assert len(samples) == 44
    assert all(each["predicted"] != each["label"] == test.labels[each["index"]] for each in samples)
    confidences = [each["confidence"] for each in samples]
    assert confidences == sorted(confidences, reverse=True)
    captions = [text for each in samples for text in (str(each["label"]), f"read as {each['predicted']}")]
    assert svg_texts(tmp_path / "wrong.svg") == [*captions, "44 test images of mnist that builtin misreads"]
    table = mnistcli("data", "show", "--split", "test", "--wrong", "builtin", "--format", "table").out
    assert f"{samples[0]['label']}  #{samples[0]['index']}" in table
    assert f"read as {samples[0]['predicted']}, " in table
    for arguments in (("--index", "x"), ("--index", "5:5"), ("--label", "11")):
        assert mnistcli("data", "show", *arguments).code == 2
    assert mnistcli("data", "show", "--index", "60000:60010").code == 3


def test_audit_finds_repeated_images_and_doubted_labels(mnistcli: Call, tmp_path: Path) -> None:
    test, digits = load("mnist").test, tmp_path / "digits"
    for i in range(120):
        folder = digits / ("test" if i < 60 else "train") / str(test.labels[i])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(test.images[i, ..., 0]).save(folder / f"{i}.png")
    seven = (digits / "test/7/0.png").read_bytes()
    for copy in ("train/7/again.png", "train/7/thrice.png", "test/7/again.png", "test/1/wrong.png"):
        (digits / copy).write_bytes(seven)
    outcome = mnistcli("data", "audit", "--dataset", digits, "--run", "builtin", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["counts"] == {"duplicate": 1, "leak": 2, "conflict": 1, "doubt": 1}
    (doubt,) = [each for each in outcome.json["findings"] if each["kind"] == "doubt"]
    assert (doubt["label"], doubt["other_label"], doubt["split"]) == (1, 7, "test")
    lines = mnistcli("data", "audit", "--dataset", digits, "--format", "jsonl").lines
    assert {json.loads(line)["kind"] for line in lines} == {"duplicate", "leak", "conflict"}
    assert "2 leaks" in mnistcli("data", "audit", "--dataset", digits, "--format", "table").out


def test_list_path_prepare_and_clean(
    mnistcli: Call, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNISTCLI_CACHE_DIR", str(tmp_path / "cache"))
    assert mnistcli("data", "prepare", shapes, "--json").json["image_shape"] == [12, 10, 3]
    rows = {each["name"]: each for each in mnistcli("data", "list", "--json").json["datasets"]}
    assert {name for name, row in rows.items() if row["prepared"]} == {"mnist", str(shapes)}
    assert rows["emnist/byclass"]["classes"] == 62
    assert rows[str(shapes)]["train_images"] + rows[str(shapes)]["test_images"] == 180
    folder = Path(mnistcli("data", "path").out.strip())
    assert len([each for each in folder.iterdir() if each.is_dir()]) == 1
    assert mnistcli("data", "clean", shapes, "--json").json["freed_bytes"] > 180 * 360
    assert not [each for each in folder.iterdir() if each.is_dir()]
    again = mnistcli("data", "clean", shapes)
    assert (again.code, again.err) == (3, f"mnistcli: The cache has no data set {str(shapes)!r}.\n")


def test_many_classes_stay_readable(mnistcli: Call, tmp_path: Path) -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    random = np.random.default_rng(0)
    for split, n in (("train", 3), ("test", 2)):
        for name in letters:
            folder = tmp_path / "letters" / split / name
            folder.mkdir(parents=True)
            for i in range(n):
                Image.fromarray(random.integers(0, 255, (9, 9), dtype=np.uint8)).save(folder / f"{i}.png")
    assert len(letters) > MOST_COUNTS
    data = ("--dataset", tmp_path / "letters")
    assert mnistcli("train", *QUICK, *data).code == 0
    outcome = mnistcli("evaluate", "linear", *data, "--format", "table", "--plot", "cm.svg")
    assert outcome.code == 0, outcome.err
    assert "A B C D E F" in outcome.out
    assert max(len(line) for line in outcome.lines if str(tmp_path) not in line) <= 120
    assert [text for text in svg_texts(tmp_path / "cm.svg") if text.isalpha() and len(text) == 1] == [*letters] * 4


def test_the_data_of_a_run_is_what_evaluate_takes_by_default(mnistcli: Call) -> None:
    assert mnistcli("train", *QUICK, "--image-size", "14", "--limit", "500").code == 0
    outcome = mnistcli("evaluate", "linear", "--json")
    assert (outcome.code, outcome.json["n"]) == (0, 10_000)
    for size, missing in (("14", "dense"), ("28", "linear")):
        outcome = mnistcli("compare", "linear", "dense", "--image-size", size, "--no-train")
        assert outcome.code == 4
        assert f"no finished {missing} run" in outcome.err
