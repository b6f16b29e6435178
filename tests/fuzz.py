"""Feed the program's parsers damaged input: each must refuse it in its own words, or read it, within ten seconds.

    python -m tests.fuzz [N] [PARSER …]

prints how many of N inputs (10,000) a parser crashed at, took more than ten seconds over, refused and read. A failing
input is reproduced by its number: the same number gives the same bytes.
"""

import gzip
import io
import struct
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from mnistcli.datasets.embedded import decompress
from mnistcli.errors import MnistcliError
from mnistcli.idx import parse_idx
from mnistcli.inference.onnx_file import onnx_file
from mnistcli.inference.onnx_model import _session, open_onnx
from mnistcli.models import configure
from mnistcli.models.language import canonical, describe, expected_variables, parse, plan
from mnistcli.models.settings import complete, configured, in_order, read_settings
from mnistcli.runs import RunRecord, Status, load_model
from mnistcli.runs.record import read_record
from mnistcli.runs.run import BUILTIN
from mnistcli.runs.tensors import save_tensors
from mnistcli.vision import Source, find_row, normalize, read_picture, unpack

SLOW = 10  # seconds
FOLDER = tempfile.TemporaryDirectory(prefix="mnistcli-fuzz-")  # until the process ends
SCRATCH = Path(FOLDER.name)
NETWORKS = (
    "conv 4 3x3 same, norm, relu, pool 2, mean",
    "init glorot, residual(conv 1 3x3 same groups 1, gelu, dropout 0.25), pool 3 mean stride 2 same, dense 32, tanh",
)
RECIPE = """arch = "conv 4 3x3, relu"
dataset = "mnist"
optimizer = "adam"
lr = 0.01
batch-size = 64
augment = true
freeze = ["conv1"]
from = "cnn"
"""


@dataclass(frozen=True)
class Parser:
    """What is fed, and whole inputs of which it is fed damaged ones."""

    read: Callable[[bytes], object]
    whole: list[bytes]


def damage(content: bytes, random: np.random.Generator) -> bytes:
    """Return the content with a few bits flipped, bytes set, a part cut out, doubled or overwritten, or cut short."""
    data = bytearray(content)
    for _ in range(int(random.integers(1, 5))):
        place, length = int(random.integers(0, len(data) + 1)), int(random.integers(1, 40))
        match int(random.integers(0, 6)):
            case 0 if data:
                data[place % len(data)] ^= 1 << int(random.integers(0, 8))
            case 1 if data:
                data[place % len(data)] = int(random.choice([0, 1, 127, 128, 255]))
            case 2:
                del data[place : place + length]
            case 3:
                data[place:place] = data[place : place + length]
            case 4:
                data[place : place + length] = random.bytes(length)
            case 5 if random.random() < 0.3:
                del data[place:]
    return bytes(data)


def feed(parser: Parser, number: int) -> str:
    """Feed one input, and say what came of it: "read", "refused", "slow", or the crash."""
    random = np.random.default_rng(number)
    content = damage(parser.whole[number % len(parser.whole)], random)
    started = time.monotonic()
    try:
        parser.read(content)
        outcome = "read"
    except MnistcliError:
        outcome = "refused"
    except Exception as error:  # noqa: BLE001  (whatever else comes is what is looked for)
        return f"crash at {number}: {type(error).__name__}: {error}"
    return outcome if time.monotonic() - started < SLOW else f"slow at {number}"


def _read_idx(content: bytes) -> None:
    raw = decompress(content, "fuzz") if content.startswith(b"\x1f\x8b") else content
    parse_idx(raw, source="fuzz", ndim=3)


def _read_record(content: bytes) -> None:
    (SCRATCH / "run.json").write_bytes(content)
    read_record(SCRATCH).summary()


def _read_recipe(content: bytes) -> None:
    (SCRATCH / "recipe.toml").write_bytes(content)
    settings = in_order((("default", {"arch": "dense"}), ("file", read_settings(SCRATCH / "recipe.toml"))))
    complete(configured(settings), settings)


def _read_weights(content: bytes) -> None:
    (SCRATCH / "model.safetensors").write_bytes(content)
    load_model(SCRATCH / "model.safetensors")


def _read_network(content: bytes) -> None:
    layers = parse(content.decode(errors="replace"))
    describe("fuzz", canonical(layers), (28, 28, 1), 10)


def _read_onnx(content: bytes) -> None:
    try:
        open_onnx(content, name="fuzz").logits(np.zeros((1, 13, 10, 3), np.uint8))
    finally:
        _session.cache_clear()


def _read_picture(content: bytes) -> None:
    with warnings.catch_warnings(action="ignore"):  # as predict does
        for source in islice(unpack(Source("fuzz", content)), 5):
            picture = read_picture(source)
            normalize(picture.pixels)
            find_row(picture)


def _pictures() -> list[bytes]:
    page = Image.new("L", (48, 40), 230)
    page.paste(30, (20, 8, 26, 32))
    files = []
    for mode, format_ in [("L", "PNG"), ("RGB", "JPEG"), ("L", "BMP"), ("P", "GIF"), ("RGB", "TIFF"), ("RGBA", "WEBP"),
                          ("RGBA", "PNG"), ("P", "PNG"), ("CMYK", "JPEG"), ("1", "TIFF"), ("I;16", "PNG")]:  # fmt: skip
        file = io.BytesIO()
        page.convert(mode).save(file, format_)
        files.append(file.getvalue())
    images = np.zeros((2, 28, 28), np.uint8)
    images[:, 4:24, 12:16] = 255
    npy, npz = io.BytesIO(), io.BytesIO()
    np.save(npy, images)
    np.savez_compressed(npz, x=images)
    return [*files, npy.getvalue(), npz.getvalue(), _idx(images), gzip.compress(_idx(images), mtime=0)]


def _idx(images: np.ndarray) -> bytes:
    return bytes((0, 0, 8, images.ndim)) + struct.pack(f">{images.ndim}I", *images.shape) + images.tobytes()


def _record() -> bytes:
    record = RunRecord("dense-001", Status.FINISHED, "2026-01-01T00:00:00+00:00", configure("dense"), {"argv": ["a"]})
    record.write(SCRATCH)
    return (SCRATCH / "run.json").read_bytes()


def _weights() -> bytes:
    small = SCRATCH / "small.safetensors"
    save_tensors(small, {"a": np.zeros(3, np.float32)}, {"schema": "mnistcli.model/2"})
    return small.read_bytes()


def _onnx() -> bytes:
    metadata = {
        "image_shape": (13, 10, 3),
        "class_names": ["a", "b"],
        "pictures": "whole",
        "arch": "it",
        "data_fingerprint": "",
        "temperature": 1.0,
    }
    steps = plan(parse(NETWORKS[0]), (13, 10, 3), 2)
    arrays = {path: np.ones(each.shape, np.float32) for path, each in expected_variables(steps).items()}
    return onnx_file(steps, arrays, metadata)


def parsers() -> dict[str, Parser]:
    """Return every parser with its inputs."""
    images = np.arange(2 * 28 * 28, dtype=np.uint64).astype(np.uint8).reshape(2, 28, 28)
    return {
        "idx": Parser(_read_idx, [_idx(images), gzip.compress(_idx(images), mtime=0), zlib.compress(_idx(images))]),
        "run.json": Parser(_read_record, [_record()]),
        "networks": Parser(_read_network, [each.encode() for each in NETWORKS]),
        "model.onnx": Parser(_read_onnx, [_onnx()]),
        "pictures": Parser(_read_picture, _pictures()),
        "recipe.toml": Parser(_read_recipe, [RECIPE.encode()]),
        "weights": Parser(_read_weights, [BUILTIN.read_bytes()[:4000], BUILTIN.read_bytes(), _weights()]),
    }


def main(n: int, names: list[str]) -> int:
    """Feed each parser n inputs, print what came of it, and return how many went wrong."""
    wrong = 0
    for name, parser in parsers().items():
        if not names or name in names:
            outcomes: Counter[str] = Counter()
            for number in range(n):
                outcomes[feed(parser, number)] += 1
                if number % 1000 == 999:
                    print(
                        f"{name}: {outcomes['read'] + outcomes['refused']} of {number + 1}", end="\r", file=sys.stderr
                    )
            bad = {outcome: count for outcome, count in outcomes.items() if outcome not in ("read", "refused")}
            print(f"{name}: {outcomes['read']} read, {outcomes['refused']} refused, {sum(bad.values())} wrong of {n}")
            print("".join(f"  {outcome}\n" for outcome in bad), end="")
            wrong += sum(bad.values())
    return wrong


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, sys.argv[2:]) > 0)
