"""A page to give away computes by itself what mnistcli does: the front end, every layer, the answers."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps
from scipy.ndimage import grey_dilation

from mnistcli.commands.export import offline_network
from mnistcli.datasets import load
from mnistcli.inference.onnx_model import open_onnx
from mnistcli.inference.script import script_network
from mnistcli.models.activations import ACTIVATIONS
from mnistcli.models.language import expected_variables, parse, plan
from mnistcli.models.network import logits, restore
from mnistcli.render.offline import offline_page
from mnistcli.runs import RunsFolder
from mnistcli.runs.run import BUILTIN
from mnistcli.vision import interpretations
from tests.browser import Page, browser
from tests.conftest import Call
from tests.vision.pictures import thick_ring

SIDE = 448  # pixels of the pad
SHAPE = (13, 10, 3)
DIGITS = [
    [[(0.5, 0.1), (0.25, 0.3), (0.25, 0.7), (0.5, 0.9), (0.75, 0.7), (0.75, 0.3), (0.5, 0.1)]],
    [[(0.35, 0.3), (0.55, 0.1), (0.55, 0.9)]],
    [[(0.25, 0.3), (0.4, 0.12), (0.65, 0.15), (0.7, 0.35), (0.5, 0.6), (0.25, 0.88), (0.75, 0.88)]],
    [[(0.3, 0.2), (0.5, 0.12), (0.68, 0.25), (0.45, 0.47), (0.7, 0.7), (0.5, 0.85), (0.28, 0.78)]],
    [[(0.6, 0.1), (0.25, 0.6), (0.8, 0.6)], [(0.62, 0.35), (0.6, 0.9)]],
    [[(0.35, 0.12), (0.3, 0.45), (0.55, 0.42), (0.72, 0.6), (0.65, 0.82), (0.3, 0.86)], [(0.36, 0.13), (0.7, 0.12)]],
    [[(0.65, 0.1), (0.35, 0.4), (0.28, 0.7), (0.5, 0.9), (0.7, 0.72), (0.55, 0.55), (0.32, 0.65)]],
    [[(0.25, 0.15), (0.75, 0.15), (0.45, 0.9)], [(0.35, 0.5), (0.7, 0.5)]],
    [[(0.5, 0.5), (0.3, 0.3), (0.5, 0.1), (0.7, 0.3), (0.5, 0.5), (0.28, 0.7), (0.5, 0.9), (0.72, 0.7), (0.5, 0.5)]],
    [[(0.68, 0.3), (0.5, 0.12), (0.32, 0.3), (0.5, 0.48), (0.68, 0.3), (0.66, 0.6), (0.55, 0.9)]],
]  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page of builtin, from a file."""
    folder = tmp_path_factory.mktemp("page")
    content = offline_page(offline_network(RunsFolder(folder).find("builtin"), load("mnist")))
    (folder / "page.html").write_text(content, encoding="utf-8")
    with browser(folder / "profile") as page:
        page.resize(1280, 900)
        page.open((folder / "page.html").as_uri())
        yield page
        assert page.said == []


def test_a_page_reads_what_is_drawn_on_it_and_checks_itself(page: Page) -> None:
    checked = "document.querySelector('#checked').textContent"
    assert page.wait(checked) == "Checked: this browser answers 20 test images as mnistcli does."
    page.draw(*DIGITS[7], finger=True)
    assert page.wait("document.querySelector('#spoken').textContent").startswith("builtin: 7, ")
    captions = page.value("[...document.querySelectorAll('.steps figcaption')].map(each => each.textContent)")
    assert (captions[0], captions[-1]) == ("ink", "fitted and centred")
    assert page.value("document.querySelectorAll('.bars li').length") == 11
    for width, dark in ((360, True), (1280, False)):
        page.resize(width, 900, dark=dark)
        assert page.value("document.documentElement.scrollWidth") <= width
        assert page.barriers() == []
    page.press("z", "z")
    page.wait("document.querySelector('.label').textContent", until=lambda label: label == "–")


def test_a_page_that_computes_something_else_says_so(page: Page) -> None:
    page.value("network.temperature = 2; check()")
    said = page.value("document.querySelector('#trouble').textContent")
    page.value("network.temperature = 1; find('trouble').textContent = ''")
    assert said.startswith("Do not trust this page here: this browser's answers to test images differ from mnistcli's")


def text(pixels: np.ndarray) -> str:
    """Return bytes as the page's `decode` takes them."""
    return json.dumps(b64encode(pixels.astype(np.uint8).tobytes()).decode())


def answers(page: Page, images: np.ndarray, network: str = "network") -> np.ndarray:
    """Return the page's probabilities for images [n, height, width, channels] uint8."""
    size = images[0].size
    return np.array(
        page.value(
            f"(pixels => [...Array({len(images)}).keys()].map(i =>"
            f" probabilities({network}, pixels.subarray(i * {size}, (i + 1) * {size}))))(decode({text(images)}))"
        )
    )


def strokes(digit: int, random: np.random.Generator) -> list[dict[str, Any]]:
    """Return somebody's strokes of a digit, as the pad has them."""
    angle, size, width = random.uniform(-0.25, 0.25), random.uniform(0.4, 1.1), float(random.integers(8, 97))
    cosine, sine = np.cos(angle), np.sin(angle)
    turn, middle = size * np.array([[cosine, sine], [-sine, cosine]]), 0.5 + random.uniform(-0.1, 0.1, 2)
    shaky = [np.array(stroke) + random.normal(0, 0.025, (len(stroke), 2)) for stroke in DIGITS[digit]]
    return [{"width": width, "points": (SIDE * ((each - 0.5) @ turn + middle)).tolist()} for each in shaky]


def test_a_thousand_test_images_are_answered_as_by_mnistcli(page: Page) -> None:
    images = np.asarray(load("mnist").test.images[:1000])
    expected = open_onnx(BUILTIN.with_suffix(".onnx").read_bytes(), name="builtin").probabilities(images)
    found = answers(page, images)
    assert found.shape == (1000, 11)
    np.testing.assert_allclose(found.sum(1), 1)
    np.testing.assert_allclose(found[:, :10], expected, atol=1e-5)


def test_forty_drawings_are_answered_as_by_predict(page: Page, tmp_path: Path, mnistcli: Call) -> None:
    random, found = np.random.default_rng(0), []
    for i in range(40):
        png, shares = page.value(
            f"strokes = {json.dumps(strokes(i % 10, random))}; answer().then(({{ answers: [{{ shares }}] }}) =>"
            " [pad.toDataURL().split(',')[1], shares])"
        )
        (tmp_path / f"{i:02}.png").write_bytes(b64decode(png))
        found.append(shares)
    files = sorted(tmp_path.glob("*.png"))
    said = mnistcli("predict", *files, "--run", "builtin", "--json").json["predictions"]
    expected = np.array([[*each["probabilities"], 1 - sum(each["probabilities"])] for each in said])
    assert (expected.max(1) > 0.5).mean() > 0.9
    np.testing.assert_allclose(found, expected, atol=1e-4)


def around(kind: str) -> Image.Image:
    """Return a 3 among what a front end must drop, as large as the pad."""
    image = Image.new("L", (SIDE, SIDE), 255)
    draw = ImageDraw.Draw(image)
    points = [(SIDE * (0.25 + x / 2), SIDE * (0.25 + y / 2)) for x, y in DIGITS[3][0]]
    draw.line(points, 0, 24 if kind != "thin" else 6, joint="curve")
    match kind:
        case "rules":
            for at in range(30, SIDE, 90):
                draw.line([(0, at), (SIDE, at + 5)], 60, 3)
        case "squared":
            for at in range(30, SIDE, 60):
                draw.line([(0, at), (SIDE, at)], 90, 3)
                draw.line([(at, 0), (at, SIDE)], 90, 3)
        case "frame":
            draw.rectangle((40, 30, 400, 420), outline=20, width=9)
        case "edge":
            draw.rectangle((0, 0, 30, SIDE), 10)
        case "sheet":
            image = ImageOps.expand(image.resize((348, 298)), (40, 60, 60, 90), 30)
        case "small sheet":
            image = ImageOps.expand(image.resize((190, 200)), (120, 130, 138, 118), 30)
        case "scan":
            image = Image.new("L", (30, 40), 255)
            for box, grey in (((4, 0, 25, 4), 0), ((19, 5, 23, 8), 153), ((17, 9, 21, 37), 0)):
                ImageDraw.Draw(image).rectangle(box, grey)  # a 7 whose bar lies along the edge, with a faint part
            image = image.resize((SIDE, SIDE), Image.Resampling.NEAREST)
        case "ring":
            image = Image.fromarray(thick_ring()).resize((SIDE, SIDE))
        case "specks":
            for x, y in np.random.default_rng(0).integers(10, 430, (40, 2)).tolist():
                draw.ellipse((x, y, x + 5, y + 5), 30)
        case "grey":
            image = image.point([90 + level // 2 for level in range(256)])
        case "shaded":
            shade = np.linspace(0.5, 1, SIDE)[:, None] * np.linspace(0.8, 1, SIDE)
            image = Image.fromarray((np.asarray(image) * shade).round().astype(np.uint8))
    return image


@pytest.mark.parametrize(
    "kind",
    [
        "thin",
        "rules",
        "squared",
        "frame",
        "edge",
        "specks",
        "grey",
        "shaded",
        "sheet",
        "small sheet",
        "cut off",
        "scan",
        "ring",
    ],
)
def test_the_front_end_takes_the_same_steps(kind: str, page: Page) -> None:
    pixels = np.asarray(around(kind))
    expected = interpretations(pixels[..., None])
    found = page.value(
        f"interpretations(image({SIDE}, {SIDE}, Float64Array.from(decode({text(pixels)}))))"
        ".map(steps => steps.map(([name, { height, width, data }]) => [name, height, width, [...data]]))"
    )
    assert len(found) == len(expected) == (2 if kind in ("edge", "sheet", "small sheet", "scan", "ring") else 1)
    assert [[name for name, *_ in steps] for steps in found] == [[name for name, _ in steps] for steps in expected]
    for (_, height, width, data), (name, step) in zip(chain(*found), chain(*expected), strict=True):
        tolerance = 1 if step.dtype == np.uint8 else 1e-4
        np.testing.assert_allclose(np.reshape(data, (height, width)), step.squeeze(), atol=tolerance, err_msg=name)


def test_a_blank_drawing_is_told(page: Page) -> None:
    blank = f"interpretations(map(image({SIDE}, {SIDE}), () => 200))"
    said = page.value(f"(() => {{ try {{ {blank} }} catch (error) {{ return error.message }} }})()")
    assert said == "The drawing is blank: no ink was found on it."


@pytest.mark.parametrize("reach", [1, 4, 30])
def test_levels_grow_as_by_scipy_up_to_the_edges(reach: int, page: Page) -> None:
    levels = np.random.default_rng(reach).integers(1, 255, (13, 17), np.uint8)
    grown = page.value(f"[...growBySquare(image(13, 17, Float64Array.from(decode({text(levels)}))), {reach}).data]")
    expected = grey_dilation(levels, size=(2 * reach + 1,) * 2, mode="constant", cval=0)
    assert np.array_equal(np.reshape(grown, levels.shape), expected)


@pytest.mark.parametrize("size", [(28, 28), (7, 30), (60, 5), (SIDE, 20)])
def test_pictures_are_scaled_as_by_pillow(size: tuple[int, int], page: Page) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 60), np.uint8)
    image = Image.fromarray(pixels)
    for step in ((size[0], 64), size):
        image = image.resize(step, Image.Resampling.LANCZOS)
    found = page.value(
        f"[...resize(image(64, 60, Float64Array.from(decode({text(pixels)}))), {size[1]}, {size[0]}).data]"
    )
    np.testing.assert_array_equal(np.reshape(found, size[::-1]), np.asarray(image))


@pytest.mark.parametrize(
    "network",
    ["conv 4 3x3", "conv 4 3x2 same", "conv 4 2x5 stride 3 same", "conv 4 1x1 stride 6 same", "conv 6 3x3 groups 3",
     "conv 4 1x1, conv 8 3x3 stride 2 same groups 2", "dct 4 3x2 stride 2 same", "pool 2", "pool 3x2 stride 1",
     "pool 2 mean", "pool 4 stride 3 same", "pool 4 mean stride 3 same", "norm, mean",
     "dense 20, norm, relu, dropout 0.3, dense 7",
     "conv 6 3x3, norm, relu, residual(conv 6 3x3 same, silu, residual(norm)), pool 2, gelu"],
)  # fmt: skip
@pytest.mark.parametrize("rejects", [False, True])
def test_every_layer_is_computed(network: str, rejects: bool, page: Page) -> None:
    random, steps = np.random.default_rng(1), plan(parse(network), SHAPE, 5)
    arrays = {
        path: random.uniform(0.5, 2, each.shape).astype(np.float32) - (0 if path.endswith("variance") else 1)
        for path, each in expected_variables(steps).items()
    }
    images = random.integers(0, 256, (4, *SHAPE), np.uint8)
    scores = logits(*restore(network, SHAPE, 5, arrays), jnp.asarray(images)) / 2
    expected = jax.nn.softmax(jnp.pad(scores, ((0, 0), (0, 1))) if rejects else scores)
    made = script_network(steps, arrays) | {"temperature": 2, "rejects": rejects}
    page.value(f"it = {json.dumps(made)}; bind(it.layers, new Float32Array(decode(it.numbers).buffer))")
    np.testing.assert_allclose(answers(page, images, "it"), expected, atol=1e-5)


def test_every_activation_is_jax_nn_s(page: Page) -> None:
    numbers = np.linspace(-40, 40, 401)
    each = f"([name, of]) => [name, {numbers.tolist()}.map(x => of(x))]"
    found = page.value(f"Object.fromEntries(Object.entries(ACTIVATIONS).map({each}))")
    assert found.keys() == {*ACTIVATIONS}
    for name, values in found.items():
        expected = getattr(jax.nn, name)(jnp.asarray(numbers, jnp.float32))
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5, err_msg=name)
