"""Train `builtin` anew, on two cores in less than three hours:

    python -m tests.builtin FOLDER

fetches the typefaces, draws the pictures, trains convnet on MNIST, goes on training it on both, twice at once, trains
a small network to answer as their average does, and writes it, builtin.safetensors and builtin.onnx. What is done stays
in FOLDER: run the command again, and it goes on.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from mnistcli.jax_setup import set_up
from tests.builtin.drawing import draw_all


def main(folder: Path) -> None:
    """Do what is not done yet."""
    draw_all(folder)
    from tests.builtin import teaching  # with JAX, which the processes that draw need not load

    teaching.begin(folder)
    with ProcessPoolExecutor(len(teaching.RATES), mp_context=get_context("spawn")) as pool:
        for job in [pool.submit(teaching.train_beside, folder, rate) for rate in teaching.RATES]:
            job.result()
    set_up("cpu")
    teacher = teaching.average(folder)
    teaching.choices(teaching.TEACHER, teacher, folder)
    params = teaching.distil(folder, teacher)
    teaching.choices(teaching.STUDENT, params, folder)
    teaching.write_builtin(params, folder / "builtin.safetensors")


if __name__ == "__main__":
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    main(Path(sys.argv[1]))
