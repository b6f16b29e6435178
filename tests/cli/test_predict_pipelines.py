"""predict between other programs: a thousand files with broken ones among them, pipes, files of arrays."""

import io
import json
import os
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistcli.datasets import export_images, load
from tests.conftest import Call, Measured, answers_of_builtin

N = 1000
PREDICT = f"{sys.executable} -m mnistcli predict --run builtin"


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of exported test images."""
    folder = tmp_path_factory.mktemp("exported") / "scans"
    export_images(load("mnist"), "test", folder, limit=N)
    (folder / "labels.csv").unlink()
    return folder


@pytest.fixture(scope="module")
def expected() -> list[int | str]:
    """What the built-in model says of the images themselves."""
    return answers_of_builtin(N)


def png(width: int, height: int) -> bytes:
    """A PNG file that promises so many grey pixels and holds a thousand."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0" * 1000))]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def put_bad_files(folder: Path, good: Path) -> set[str]:
    """Add twenty files that are no digit's picture, and return their names."""
    content = good.read_bytes()
    npy = io.BytesIO()
    np.save(npy, np.array([{}]), allow_pickle=True)
    blank = io.BytesIO()
    Image.new("RGB", (300, 200), "white").save(blank, "JPEG")
    files = {
        "empty.png": b"",
        "space.jpg": b" \n",
        "text.png": b"no picture at all\n",
        "page.html.png": b"<html><img src='7.png'></html>",
        "truncated.png": content[: len(content) // 2],
        "header.png": content[:30],
        "signature.png": content[:8],
        "truncated.jpg": blank.getvalue()[:400],
        "flipped.png": content[:20] + bytes(byte ^ 0xFF for byte in content[20:60]) + content[60:],
        "wrong-extension.png": b"GIF89a" + bytes(20),
        "pixels.png": png(60_000, 60_000),
        "promise.png": png(5_000, 5_000),
        "script.svg.png": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
        "objects.npy": npy.getvalue(),
        "short-ubyte": bytes((0, 0, 8, 3)) + struct.pack(">3I", 1, 28, 28) + b"123",
        "blank.jpg": blank.getvalue(),
    }
    for name, bytes_ in files.items():
        (folder / name).write_bytes(bytes_)
    (folder / "broken-link.png").symlink_to("nowhere.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "folder.png").mkdir()
    (folder / "postscript.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n")
    return {*files, "broken-link.png", "loop.png", "folder.png", "postscript.eps"}


def test_twenty_bad_files_among_a_thousand_get_an_error_each_and_the_rest_their_answers(
    scans: Path, expected: list[int | str], tmp_path: Path, spawn_measured: Measured
) -> None:
    folder = tmp_path / "scans"
    shutil.copytree(scans, folder)
    good = sorted(folder.iterdir())
    bad = put_bad_files(folder, good[0])
    assert len(bad) == 20
    (tmp_path / "list").write_text("".join(f"{path}\n" for path in sorted(folder.iterdir())))
    outcome, gigabytes = spawn_measured("predict", "--run", "builtin", "--files-from", "list", "--format", "jsonl")
    rows = [json.loads(line) for line in outcome.lines]
    assert outcome.code == 1
    assert [row["path"] for row in rows] == sorted(str(path) for path in folder.iterdir())
    assert {Path(row["path"]).name for row in rows if "error" in row} == bad
    assert [row["label"] for row in rows if "error" not in row] == expected
    *_, last = outcome.err.splitlines()
    assert last.startswith("20 pictures could not be read")
    assert "Traceback" not in outcome.err
    assert gigabytes < 1


def test_odd_files_that_are_pictures_are_read(
    scans: Path, expected: list[int | str], mnistcli: Call, tmp_path: Path
) -> None:
    with Image.open(sorted(scans.iterdir())[0]) as image:
        large = image.resize((280, 280), Image.Resampling.BICUBIC)
    deep = np.asarray(large).astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")
    Image.fromarray(deep).save(tmp_path / "deep.tif")
    large.save(tmp_path / "animated.gif", save_all=True, append_images=[Image.new("L", (280, 280))])
    large.save(tmp_path / "jpeg.bmp", "JPEG")
    large.convert("CMYK").save(tmp_path / "cmyk.jpg")
    large.convert("P").save(tmp_path / "palette.png")
    outcome = mnistcli("predict", *sorted(tmp_path.iterdir()), "--run", "builtin", "--format", "jsonl")
    assert outcome.code == 0
    assert [json.loads(line)["label"] for line in outcome.lines] == [expected[0]] * 6
    assert "animated.gif' contains several pictures" in outcome.err


@pytest.mark.parametrize(
    ("pipeline", "lines"),
    [
        (f"cat scans/test-0000-7.png | {PREDICT} -", ["-\t7\t"]),
        ("find scans -name '*-000?-*.png' -print0 | sort -z | "
         f"{PREDICT} --files-from - -0 --format jsonl | jq -r .label", list("7210414959")),
        (f"find scans -name '*.png' | sort | {PREDICT} --files-from - | head -3",
         [f"scans/test-000{i}-{label}.png\t{label}\t" for i, label in enumerate("721")]),
        (f"{PREDICT} -r scans | awk '$2 == 7' | wc -l", None),
        (f"{PREDICT} --files-from /dev/null", []),
        (f"{PREDICT} -r scans --format csv | head -1", ["path,label,confidence,run"]),
    ],
)  # fmt: skip
def test_pipelines_behave(scans: Path, expected: list[int | str], pipeline: str, lines: list[str] | None) -> None:
    command = ["bash", "-o", "pipefail", "-c", pipeline.replace("head -3", "(head -3; exit 0)")]
    done = subprocess.run(command, cwd=scans.parent, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) in ((0, ""), (0, "Reading pictures with run builtin.\n"))
    found = done.stdout.splitlines()
    if lines is None:
        assert found == [str(expected.count(7))]
    else:
        assert len(found) == len(lines)
        assert all(line.startswith(start) for line, start in zip(found, lines, strict=True))


def test_files_of_arrays_get_the_answers_of_the_images_themselves(
    expected: list[int | str], tmp_path: Path, mnistcli: Call
) -> None:
    test = load("mnist").test
    np.save(tmp_path / "a.npy", test.images[:N])
    np.savez(tmp_path / "b.npz", x_test=test.images[:50, ..., 0] / 255, y_test=test.labels[:50])
    outcome = mnistcli("predict", "a.npy", "b.npz", "--run", "builtin", "--format", "jsonl")
    rows = [json.loads(line) for line in outcome.lines]
    assert outcome.code == 0
    assert [row["path"] for row in rows] == [f"a.npy#{i}" for i in range(N)] + [f"b.npz#x_test#{i}" for i in range(50)]
    assert [row["label"] for row in rows] == expected + expected[:50]


def test_a_damaged_file_of_arrays_loses_no_picture_before_the_damage(
    expected: list[int | str], tmp_path: Path, mnistcli: Call
) -> None:
    np.save(tmp_path / "a.npy", load("mnist").test.images[:20])
    os.truncate(tmp_path / "a.npy", (tmp_path / "a.npy").stat().st_size - 784 * 2)
    outcome = mnistcli("predict", "a.npy", "--run", "builtin", "--format", "jsonl")
    *rows, last = [json.loads(line) for line in outcome.lines]
    assert outcome.code == 1
    assert [row["label"] for row in rows] == expected[:18]
    assert "cut off" in last["error"]


def test_links_below_a_folder_are_followed_and_each_folder_is_read_once(
    scans: Path, tmp_path: Path, mnistcli: Call
) -> None:
    picture = sorted(scans.iterdir())[0]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "scans/inner").mkdir(parents=True)
    shutil.copy(picture, tmp_path / "elsewhere/a.png")
    shutil.copy(picture, tmp_path / "scans/inner/b.png")
    (tmp_path / "scans/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "scans/twice").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "scans/inner/up").symlink_to(tmp_path / "scans")
    outcome = mnistcli("predict", "-r", "scans", "--run", "builtin", "--format", "jsonl")
    assert [json.loads(line)["path"] for line in outcome.lines] == ["scans/inner/b.png", "scans/linked/a.png"]
