import csv
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from mnistcli.commands.classifier import logits_of
from mnistcli.datasets import load
from mnistcli.runs import load_model
from tests.conftest import Call, answers_of_builtin

N = 60


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of exported test images."""
    from mnistcli.datasets import export_images

    folder = tmp_path_factory.mktemp("exported") / "digits"
    export_images(load("mnist"), "test", folder, limit=N)
    return folder


def answers(mnistcli: Call, files: list[Path]) -> list[int]:
    outcome = mnistcli("predict", *files, "--run", "builtin", "--format", "jsonl")
    assert outcome.code == 0
    return [json.loads(line)["label"] for line in outcome.lines]


@pytest.fixture(scope="module")
def expected() -> list[int | str]:
    """What the built-in model says of the images themselves."""
    return answers_of_builtin(N)


def test_exported_files_get_the_answers_of_the_images_themselves(
    mnistcli: Call, digits: Path, expected: list[int | str]
) -> None:
    assert answers(mnistcli, sorted(digits.glob("*.png"))) == expected


def test_negatives_get_the_same_answers(
    mnistcli: Call, digits: Path, expected: list[int | str], tmp_path: Path
) -> None:
    for file in digits.glob("*.png"):
        ImageOps.invert(Image.open(file)).save(tmp_path / file.name)
    assert answers(mnistcli, sorted(tmp_path.glob("*.png"))) == expected


@pytest.mark.parametrize(("suffix", "mode"), [(".png", "RGB"), (".jpg", "RGB"), (".webp", "RGBA"), (".tif", "L")])
def test_enlarged_copies_on_white_get_the_same_answers(
    mnistcli: Call, digits: Path, expected: list[int | str], tmp_path: Path, suffix: str, mode: str
) -> None:
    for file in digits.glob("*.png"):
        page = Image.new("L", (640, 480), 255)
        page.paste(ImageOps.invert(Image.open(file)).resize((280, 280), Image.Resampling.BICUBIC), (300, 30))
        page.convert(mode).save(tmp_path / f"{file.stem}{suffix}")
    found = answers(mnistcli, sorted(tmp_path.glob(f"*{suffix}")))
    assert sum(a != b for a, b in zip(found, expected, strict=True)) <= 2  # of 60


def test_confidence_is_calibrated_by_the_run_s_temperature(mnistcli: Call, digits: Path, workspace: Path) -> None:
    model = load_model(workspace / "runs/dense-001/model.safetensors")
    assert model.temperature != 1
    files = sorted(digits.glob("*.png"))
    lines = mnistcli("predict", *files, "--run", "dense", "--format", "jsonl", cwd=workspace).lines
    found = [json.loads(line)["probabilities"] for line in lines]
    scores = logits_of(model, load("mnist").test.images[:N]) / model.temperature
    expected = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_file_given_twice_is_answered_twice_alike_and_in_order(mnistcli: Call, digits: Path) -> None:
    one, two = sorted(digits.glob("*.png"))[:2]
    rows = [line.split("\t") for line in mnistcli("predict", one, two, one, "--run", "builtin").lines]
    assert [path for path, _, _ in rows] == [str(one), str(two), str(one)]
    assert rows[0][1] == rows[2][1] != rows[1][1]
    assert float(rows[0][2]) == pytest.approx(float(rows[2][2]), abs=1e-6)  # where in a batch it is rounds otherwise


def test_a_broken_file_gets_its_own_error_and_the_rest_go_on(mnistcli: Call, digits: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello")
    good = min(digits.glob("*.png"))
    outcome = mnistcli("predict", good, "text.png", "missing.png", good, "--format", "jsonl")
    assert outcome.code == 1
    records = [json.loads(line) for line in outcome.lines]
    assert [set(record) >= {"path", "error"} for record in records] == [False, True, True, False]
    assert set(records[0]) >= {"path", "label", "confidence", "probabilities"}
    assert len(records[0]["probabilities"]) == 10
    assert 0.99 < sum(records[0]["probabilities"]) <= 1 + 1e-6
    assert "2 pictures could not be read." in outcome.err


def test_stdin_gives_one_picture_or_a_list_of_paths(spawn: Call, digits: Path) -> None:
    file = min(digits.glob("*.png"))
    one = spawn("predict", "-", "--json", stdin=None, input=file.read_bytes())
    assert one.json["predictions"][0]["path"] == "-"
    assert one.json["predictions"][0]["label"] == 7
    many = spawn("predict", "--files-from", "-", stdin=None, input=f"{file}\n{file}\n".encode())
    assert [line.split("\t")[1] for line in many.lines] == ["7", "7"]


def test_top_gives_the_most_probable_answers_first(mnistcli: Call, digits: Path) -> None:
    file = min(digits.glob("*.png"))
    record = mnistcli("predict", file, "--top", "3", "--json").json["predictions"][0]
    assert record["top"][0]["label"] == record["label"]
    shares = [answer["confidence"] for answer in record["top"]]
    every = [*record["probabilities"], 1 - sum(record["probabilities"])]  # the last of no digit
    assert shares == sorted(every, reverse=True)[:3]


def test_the_terminal_s_table_shows_what_the_network_saw(mnistcli: Call, digits: Path) -> None:
    out = mnistcli("predict", min(digits.glob("*.png")), "--format", "table").out
    assert "▓" in out
    assert "7 (" in out


def test_the_newest_run_is_used_where_something_was_trained(mnistcli: Call, digits: Path, workspace: Path) -> None:
    file = min(digits.glob("*.png"))
    assert "builtin" in mnistcli("predict", file).err
    assert mnistcli("predict", file, "--json", cwd=workspace).json["run"] == "dense-001"


def test_csv_has_a_header_and_a_line_a_picture(mnistcli: Call, digits: Path) -> None:
    rows = list(csv.DictReader(mnistcli("predict", *sorted(digits.glob("*.png"))[:3], "--format", "csv").lines))
    assert [row["label"] for row in rows] == ["7", "2", "1"]


def test_odd_names_are_escaped_not_obeyed(mnistcli: Call, digits: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a\x1b[31m\tb\n.png"
    shutil.copy(min(digits.glob("*.png")), odd)
    outcome = mnistcli("predict", odd)
    assert outcome.code == 0
    assert len(outcome.lines) == 1
    assert "\x1b" not in outcome.out


def test_many_files_are_answered_in_order_by_several_processes(spawn: Call, digits: Path, tmp_path: Path) -> None:
    files = sorted(digits.glob("*.png"))
    paths = [str(files[i % 7]) for i in range(1500)]  # more batches than are read ahead, more bytes than a block
    paths[333] = "nowhere.png"
    (tmp_path / "list.txt").write_text("\r\n".join(paths) + "\n")
    outcome = spawn("predict", "--files-from", "list.txt", "--run", "builtin", "--format", "jsonl")
    rows = [json.loads(line) for line in outcome.lines]
    assert outcome.code == 1
    assert [row["path"] for row in rows] == paths
    assert "error" in rows.pop(333)
    assert all(row["label"] == int(row["path"][-5]) for row in rows)


def test_all_shards_together_give_the_lines_of_one_process(mnistcli: Call, digits: Path) -> None:
    np.save(digits.parent / "two.npy", load("mnist").test.images[:2, ..., 0])
    command = ("predict", "-r", digits, digits.parent / "two.npy", "no.png", "--run", "builtin")
    whole = mnistcli(*command)
    shards = [mnistcli(*command, "--shard", f"{i}/4") for i in (1, 2, 3, 4)]
    found = [shard.lines for shard in shards]
    total = N + 4  # labels.csv, which is not a picture, two images of an array, and a file that is missing
    assert len(whole.lines) == total
    for i, line in enumerate(whole.lines):
        (*same, confidence), (*of_shard, its_confidence) = (each.split("\t") for each in (line, found[i % 4][i // 4]))
        assert same == of_shard
        assert float(confidence or 0) == pytest.approx(float(its_confidence or 0), abs=1e-6)  # by its place in a batch
    assert sum(map(len, found)) == total
    assert [shard.code for shard in shards] == [1, 0, 0, 1]


def test_a_shard_that_gets_no_picture_says_nothing(mnistcli: Call, digits: Path) -> None:
    picture = next(digits.glob("*.png"))
    outcome = mnistcli("predict", picture, "--run", "builtin", "--shard", "2/2", "--json")
    assert (outcome.code, outcome.json["predictions"]) == (0, [])
    assert mnistcli("predict", picture, "--run", "builtin", "--shard", "2/2", "--format", "csv").lines == []


def test_numpy_and_jax_give_the_same_answers(mnistcli: Call, digits: Path) -> None:
    files = sorted(digits.glob("*.png"))
    numpy, jax = (
        mnistcli("predict", *files, "--run", "builtin", "--json", *device) for device in ((), ("--device", "cpu"))
    )
    for ours, theirs in zip(numpy.json["predictions"], jax.json["predictions"], strict=True):
        assert ours["label"] == theirs["label"]
        assert ours["probabilities"] == pytest.approx(theirs["probabilities"], abs=1e-5)


def test_paths_are_read_while_they_come(digits: Path, tmp_path: Path) -> None:
    """A first batch is answered before the list ends."""
    path = str(sorted(digits.glob("*.png"))[0])
    command = [sys.executable, "-m", "mnistcli", "predict", "--files-from", "-"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{path}\n".encode() * 200)
        process.stdin.flush()
        threading.Timer(60, process.kill).start()  # else a program that waits for the list's end would hang the test
        assert process.stdout.readline().startswith(os.fsencode(path))
        process.stdin.close()
        assert len(process.stdout.readlines()) == 199


@pytest.mark.parametrize("name", ["a b.png", "line\nbreak.png", "ends in a return\r", "ü.png"])
def test_paths_that_end_in_nul_may_have_any_name(spawn: Call, digits: Path, tmp_path: Path, name: str) -> None:
    shutil.copy(sorted(digits.glob("*.png"))[0], tmp_path / name)
    command = ("predict", "--files-from", "-", "-0", "--format", "jsonl", "--run", "builtin")
    outcome = spawn(*command, stdin=None, input=os.fsencode(name) + b"\0")
    assert (outcome.code, json.loads(outcome.out)["path"]) == (0, name)


def test_folders_are_read_to_the_bottom_and_what_is_no_picture_is_told(
    mnistcli: Call, digits: Path, tmp_path: Path
) -> None:
    files = sorted(digits.glob("*.png"))
    (tmp_path / "scans/inner/.hidden").mkdir(parents=True)
    for place in ("scans/b.png", "scans/inner/a", "scans/.c.png", "scans/inner/.hidden/d.png"):
        shutil.copy(files[0], tmp_path / place)
    (tmp_path / "scans/notes.txt").write_text("no picture")
    (tmp_path / "scans/gone.png").symlink_to("nowhere")
    outcome = mnistcli("predict", "-r", "scans", files[1], "--run", "builtin", "--format", "jsonl")
    rows = [json.loads(line) for line in outcome.lines]
    assert outcome.code == 1
    assert [row["path"] for row in rows] == [
        "scans/b.png",
        "scans/gone.png",
        "scans/notes.txt",
        "scans/inner/a",
        str(files[1]),
    ]
    assert ["error" in row for row in rows] == [False, True, True, False, False]
    assert mnistcli("predict", "scans", "--run", "builtin").code == 1


def test_strict_stops_at_the_first_failure(mnistcli: Call, digits: Path) -> None:
    files = sorted(digits.glob("*.png"))
    outcome = mnistcli("predict", files[0], "nowhere.png", files[1], "--strict", "--run", "builtin")
    assert (outcome.code, len(outcome.lines)) == (1, 1)
    assert "nowhere.png" in outcome.err


def test_below_the_least_confidence_there_is_no_label(mnistcli: Call, digits: Path) -> None:
    files = sorted(digits.glob("*.png"))
    sure = mnistcli("predict", *files, "--run", "builtin", "--json").json["predictions"]
    least = sorted(row["confidence"] for row in sure)[5]
    command = ("predict", *files, "--run", "builtin", "--min-confidence", repr(least))
    rows = mnistcli(*command, "--json").json["predictions"]
    assert [row["label"] for row in rows] == [row["label"] if row["confidence"] >= least else None for row in sure]
    assert sum(row["label"] is None for row in rows) == 5
    plain = [line.split("\t") for line in mnistcli(*command).lines]
    assert sum(label == "" for _, label, _ in plain) == 5
    assert "no answer" in mnistcli(*command, "--format", "table").out


def test_what_the_network_saw_is_written(mnistcli: Call, digits: Path, tmp_path: Path) -> None:
    files = sorted(digits.glob("*.png"))[:3]
    outcome = mnistcli("predict", *files, "nowhere.png", "--run", "builtin", "--save-preprocessed", "seen/deep")
    assert outcome.code == 1
    seen = sorted((tmp_path / "seen/deep").iterdir())
    assert [file.name for file in seen] == [f"{i:06d}-{file.stem}.png" for i, file in enumerate(files, start=1)]
    for file, original in zip(seen, files, strict=True):
        with Image.open(file) as one, Image.open(original) as other:
            assert one.tobytes() == other.tobytes()
    again = mnistcli("predict", files[0], "--run", "builtin", "--save-preprocessed", "seen/deep")
    assert (again.code, again.out) == (2, "")
    assert sorted((tmp_path / "seen/deep").iterdir()) == seen


def test_long_names_are_cut_where_pictures_are_written(mnistcli: Call, digits: Path, tmp_path: Path) -> None:
    long = tmp_path / ("ü" * 120 + ".png")
    shutil.copy(sorted(digits.glob("*.png"))[0], long)
    assert mnistcli("predict", long, "--run", "builtin", "--save-preprocessed", "seen").code == 0
    assert len(list((tmp_path / "seen").iterdir())) == 1


@pytest.mark.parametrize(
    "arguments",
    [("-0", "x.png"), ("--min-confidence", "1.5", "x.png"), ("--min-confidence", "nan", "x.png"),
     ("--files-from", "nowhere.txt"), ("--save-preprocessed", "/dev/null/x", "x.png"),
     *(("--shard", shard, "x.png") for shard in ("0/2", "3/2", "1", "1/0", "a/b", "-1/2", "1/2/3", "")),
     ("--explain", "why.png", "--shard", "1/1", "x.png")],
    ids=" ".join,
)  # fmt: skip
def test_flags_that_cannot_be_are_refused_before_anything_is_read(mnistcli: Call, arguments: tuple[str, ...]) -> None:
    outcome = mnistcli("predict", *arguments, "-q")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("mnistcli: ")
    assert len(outcome.err.splitlines()) == 1


def test_split_digits_gives_the_string_with_each_digit_s_confidence_and_box(
    mnistcli: Call, digits: Path, tmp_path: Path
) -> None:
    page = Image.new("L", (900, 300), 255)
    places = [100, 300, 500, 700]
    for x, file in zip(places, sorted(digits.glob("*.png")), strict=False):
        page.paste(ImageOps.invert(Image.open(file)).resize((140, 140), Image.Resampling.BICUBIC), (x, 80))
    page.save(tmp_path / "row.png")
    record = mnistcli("predict", "row.png", "--split-digits", "--json").json["predictions"][0]
    assert record["label"] == "7210"
    shares = [digit["confidence"] for digit in record["digits"]]
    assert record["confidence"] == pytest.approx(shares[0] * shares[1] * shares[2] * shares[3])
    for x, digit in zip(places, record["digits"], strict=True):
        left, top, right, bottom = digit["box"]
        assert x <= left < right <= x + 140
        assert 80 <= top < bottom <= 220
    row = mnistcli("predict", "row.png", "--split-digits").lines[0].split("\t")
    assert row[1] == "7210"
    assert len(row[3].split(" ")) == 4


def test_a_digit_of_a_row_is_surer_than_alone(mnistcli: Call, tmp_path: Path) -> None:
    page = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(page).line([(60, 40), (60, 160), (130, 160)], fill=0, width=9)
    page.save(tmp_path / "z.png")
    alone, among = (
        mnistcli("predict", "z.png", "--run", "builtin", "--json", *flags).json["predictions"][0]
        for flags in ((), ("--split-digits",))
    )
    probabilities = among["digits"][0]["probabilities"]
    odds = [sum(each) / (1 - sum(each)) for each in (alone["probabilities"], probabilities)]
    assert 1e-3 < odds[0] < 1e3
    assert odds[1] == pytest.approx(5 * odds[0], rel=0.2)


def test_split_digits_and_top_and_an_unknown_choice_of_invert_are_refused(mnistcli: Call, digits: Path) -> None:
    file = min(digits.glob("*.png"))
    assert mnistcli("predict", file, "--split-digits", "--top", "2").code == 2
    assert mnistcli("predict", file, "--invert", "maybe").code == 2


@pytest.mark.parametrize("options", [(), ("--split-digits",)])
def test_an_animation_is_read_by_its_first_frame_and_said_so(
    mnistcli: Call, digits: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    frames = [Image.open(file).resize((140, 140)) for file in sorted(digits.glob("*.png"))[:2]]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    outcome = mnistcli("predict", "two.gif", "--json", *options)
    record = outcome.json["predictions"][0]
    assert str(record["label"]) == "7"
    assert "first" in record["note"]
    assert "'two.gif' contains several pictures: only the first was read." in outcome.err


def test_invert_decides_what_is_ink(mnistcli: Call, digits: Path) -> None:
    seven = min(digits.glob("*.png"))
    right = mnistcli("predict", seven, "--invert", "no")
    assert (right.code, right.lines[0].split("\t")[1]) == (0, "7")
    assert mnistcli("predict", seven, "--invert", "yes").lines != right.lines


def test_each_digit_of_a_row_is_saved_as_the_network_saw_it(mnistcli: Call, digits: Path, tmp_path: Path) -> None:
    page = Image.new("L", (400, 200), 0)
    for x, file in zip((20, 220), sorted(digits.glob("*.png")), strict=False):
        page.paste(Image.open(file).resize((140, 140)), (x, 30))
    page.save(tmp_path / "row.png")
    assert mnistcli("predict", "row.png", "--split-digits", "--save-preprocessed", "seen").code == 0
    assert sorted(file.name for file in (tmp_path / "seen").iterdir()) == ["000001-row-1.png", "000001-row-2.png"]
