import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistcli.commands.classifier import logits_of
from mnistcli.commands.explain import explain
from mnistcli.commands.predict import predict
from mnistcli.datasets import load
from mnistcli.inference.saliency import integrated_gradients
from mnistcli.models.network import restore
from mnistcli.runs import RunsFolder, load_model
from mnistcli.vision import Source, interpretations
from tests.conftest import DARK, Call, paper_of, svg_texts
from tests.vision.pictures import photograph, sheet_on_a_desk, thick_ring

BUILTIN = RunsFolder(Path("runs")).find("builtin")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photograph of a 5."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(photograph(load("mnist").test.images[8, ..., 0], seed=8))
    return path


@pytest.mark.parametrize("arch", ["builtin", "dense"])
def test_attributions_add_up_to_the_rise_of_the_lead_from_black(arch: str, workspace: Path) -> None:
    model = load_model(RunsFolder(workspace / "runs").find(arch).weights)
    network = restore(model.network, model.image_shape, 10, model.arrays)
    for image in load("mnist").test.images[:5]:
        values = logits_of(model, np.stack([image, 0 * image]))
        values -= values.mean(1, keepdims=True)
        label = int(values[0].argmax())
        saliency = integrated_gradients(*network, image, label=label)
        assert saliency.shape == image.shape
        assert saliency.sum() == pytest.approx(values[0, label] - values[1, label], rel=0.01)
        assert not saliency[image == 0].any()


def test_an_explanation_holds_each_step_and_the_answer_s_saliency(photo: Path) -> None:
    (answer,) = predict([Source(str(photo))], [BUILTIN])
    explained = explain(Source(str(photo)), answer, BUILTIN)
    names, pictures = zip(*explained.steps, strict=True)
    assert names[0] == "the picture"
    assert pictures[0].shape[2] == 3
    assert len(names) == 7
    assert np.array_equal(pictures[-1], answer.picture)
    assert explained.saliency.shape == (28, 28)
    model = load_model(BUILTIN.weights)
    seen, black = logits_of(model, np.stack([pictures[-1], 0 * pictures[-1]]))
    rise = seen - black
    assert explained.saliency.sum() == pytest.approx(rise[int(answer.top[0][0])] - rise.mean(), rel=0.01)


@pytest.mark.parametrize("picture", [thick_ring(), sheet_on_a_desk()], ids=["ring", "sheet"])
def test_of_two_interpretations_the_one_that_was_answered_is_explained(picture: np.ndarray) -> None:
    assert len(interpretations(picture[..., None])) == 2
    (answer,) = predict([Source("it", picture)], [BUILTIN])
    explained = explain(Source("it", picture), answer, BUILTIN)
    assert np.array_equal(explained.steps[-1][1], answer.picture)


def test_what_is_kept_shrinks_from_step_to_step_and_a_mnist_like_image_needs_none() -> None:
    page = np.full((200, 300, 1), 230, np.uint8)
    page[60:140, 145:155] = 20
    page[150:152] = 90
    page[20:24, 20:24] = 20
    kept = dict(interpretations(page)[0])
    ink = [np.count_nonzero(kept[name] > 0.5) for name in ("ink", "without rules", "the digit alone")]
    assert ink[0] > ink[1] > ink[2] == 800
    image = load("mnist").test.images[0]
    (((_, same),),) = interpretations(image)
    assert np.array_equal(same, image)


def test_the_figure_is_drawn_beside_the_answer(photo: Path, mnistcli: Call, tmp_path: Path) -> None:
    asked = ("predict", photo, "--run", "builtin", "--format", "jsonl")
    alone = mnistcli(*asked)
    outcome = mnistcli(*asked, "--explain", "why.svg", "--theme", "dark")
    assert (outcome.code, outcome.out) == (0, alone.out)
    answer, said = json.loads(outcome.out), svg_texts(tmp_path / "why.svg")
    assert answer["label"] == 5
    assert any(text.endswith(f" is read as 5 with {100 * answer['confidence']:.1f} % confidence") for text in said)
    assert paper_of(tmp_path / "why.svg") == DARK
    assert {f"{100 * share:.1f}" for share in answer["probabilities"]} <= set(said)
    assert {"the picture", "fitted and centred", "what the network saw"} <= set(said)
    assert "Sundararajan" in said[-1]


def test_one_picture_from_stdin_is_explained(photo: Path, spawn: Call, tmp_path: Path) -> None:
    options = {"stdin": None, "input": photo.read_bytes()}
    outcome = spawn("predict", "-", "--run", "builtin", "--explain", "why.png", **options)
    assert (outcome.code, outcome.out[:4]) == (0, "-\t5\t")
    assert (tmp_path / "why.png").exists()


@pytest.mark.parametrize(
    "arguments",
    [("photo.jpg", "photo.jpg"), ("-r", "photo.jpg"), ("--split-digits", "photo.jpg"), ("--files-from", "photo.jpg"),
     ("many.npy",)],
    ids=" ".join,
)  # fmt: skip
def test_more_than_one_digit_is_refused(
    arguments: tuple[str, ...], photo: Path, mnistcli: Call, tmp_path: Path
) -> None:
    np.save(tmp_path / "many.npy", load("mnist").test.images[:2])
    outcome = mnistcli("predict", *arguments, "--explain", "why.png")
    assert (outcome.code, outcome.out) == (2, "")
    assert not (tmp_path / "why.png").exists()


def test_a_file_without_pictures_has_nothing_to_explain(mnistcli: Call, tmp_path: Path) -> None:
    np.save(tmp_path / "none.npy", np.zeros((0, 28, 28), np.uint8))
    outcome = mnistcli("predict", "none.npy", "--run", "builtin", "--explain", "why.png")
    assert outcome.code == 2
    assert "--explain takes one picture, and the file contains none." in outcome.err
    assert not (tmp_path / "why.png").exists()


@pytest.mark.parametrize("name", ["why", "why.gif", "nowhere/why.png"])
def test_a_figure_that_cannot_be_is_refused_before_the_picture_is_read(name: str, photo: Path, mnistcli: Call) -> None:
    outcome = mnistcli("predict", photo, "--explain", name)
    assert (outcome.code, outcome.out) == (2, "")
    assert "--explain" in outcome.err


def test_a_picture_that_cannot_be_read_leaves_no_figure(mnistcli: Call, tmp_path: Path) -> None:
    blank = io.BytesIO()
    Image.new("L", (100, 100), 255).save(blank, "PNG")
    (tmp_path / "blank.png").write_bytes(blank.getvalue())
    outcome = mnistcli("predict", "blank.png", "--run", "builtin", "--explain", "why.png")
    assert outcome.code == 1
    assert "is blank" in outcome.err
    assert not (tmp_path / "why.png").exists()
