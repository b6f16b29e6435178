"""Many pictures, drawn in as many processes as there are cores, and kept in files."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from zlib import crc32

import numpy as np

from mnistcli.datasets import load
from tests.builtin.hands import (
    SCRIPTS,
    TRAINING,
    TUNING,
    TUNING_SCRIPTS,
    TUNING_VIEWS,
    VIEWS,
    fetch,
    photographs,
    script,
    view,
)
from tests.builtin.pictures import Maker

SHARD = 1_000  # pictures of a file
SHARDS = {  # files of each kind
    "mnist": 28, "typeface": 34, "hand": 22, "scan": 14, "sheet": 2, "letter": 7, "script": 12, "turned": 7, "sign": 6,
    "word": 2, "several": 6, "half": 1, "scribble": 3, "icon": 3, "figure": 4, "blob": 3, "noise": 2, "scene": 5,
    "photo": 6, "view": 10,
}  # fmt: skip
TUNING_SHARDS = {
    "mnist": 3, "typeface": 3, "hand": 1, "scan": 1, "letter": 1, "script": 1, "turned": 1, "sign": 1, "several": 1,
    "scene": 1, "photo": 1, "view": 1,
}  # fmt: skip


def draw(folder: Path, kind: str, shard: int, *, tuning: bool = False) -> Path:
    """Draw the pictures of one file, if it is not there."""
    path = folder / f"{'tune' if tuning else 'train'}-{kind}-{shard:02}.npz"
    if not path.exists():
        mnist = load("mnist")
        own = mnist.validation if tuning else mnist.train
        faces = [face for name in (TUNING if tuning else TRAINING) if (face := fetch(name, folder / "typefaces"))]
        seed = [int(tuning), crc32(kind.encode()), shard]
        scripts = [script(name, folder / "typefaces") for name in (TUNING_SCRIPTS if tuning else SCRIPTS)]
        photos = np.array_split(photographs(folder / "typefaces"), (9_000,))[int(tuning)]
        views = [view(name, folder / "typefaces") for name in (TUNING_VIEWS if tuning else VIEWS)]
        maker = Maker(own.images, own.labels, faces, scripts, photos, views, seed=seed)
        made = [each for _ in range(SHARD) for each in maker.make(kind)]
        unfinished = path.with_suffix(".part.npz")
        np.savez(
            unfinished, images=np.stack([image for image, _ in made]), labels=np.array([n for _, n in made], np.uint8)
        )
        unfinished.rename(path)
    return path


def draw_all(folder: Path) -> None:
    """Draw all pictures, in as many processes as there are cores."""
    (folder / "typefaces").mkdir(parents=True, exist_ok=True)
    for family in (*TRAINING, *TUNING):
        fetch(family, folder / "typefaces")
    for name in (*SCRIPTS, *TUNING_SCRIPTS):
        script(name, folder / "typefaces")
    photographs(folder / "typefaces")
    for name in (*VIEWS, *TUNING_VIEWS):
        view(name, folder / "typefaces")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        jobs = [
            pool.submit(draw, folder, kind, shard, tuning=tuning)
            for tuning, shards in ((True, TUNING_SHARDS), (False, SHARDS))
            for kind, count in shards.items()
            for shard in range(count)
        ]
        for done, job in enumerate(jobs, start=1):
            print(f"{done} of {len(jobs)} files of pictures: {job.result().name}", flush=True)
