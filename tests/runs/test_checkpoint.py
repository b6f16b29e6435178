from pathlib import Path

import numpy as np
import pytest

from mnistcli.errors import RunError
from mnistcli.results.train import EpochMetrics
from mnistcli.runs import Checkpoint
from mnistcli.runs.checkpoint import read_checkpoints, save_checkpoint

TENSORS = {
    "weights": np.arange(6, dtype=np.float32).reshape(2, 3),
    "count": np.array(7, np.int32),
    "moments": -np.arange(6, dtype=np.float32).reshape(3, 2),
    "amount": np.array(0.5, np.float32),
}


@pytest.mark.parametrize("names", [sorted(TENSORS), sorted(TENSORS, reverse=True), list(TENSORS)], ids=" ".join)
def test_tensors_are_read_back_by_name_whatever_order_they_were_in(names: list[str], tmp_path: Path) -> None:
    save_checkpoint(tmp_path, Checkpoint({name: TENSORS[name] for name in names}, (), 3, 1.5, 2.5, 0.5))
    (found,) = read_checkpoints(tmp_path, expected=TENSORS, steps=10)
    assert isinstance(found, Checkpoint), found
    assert {name: array.tolist() for name, array in found.tensors.items()} == {
        name: array.tolist() for name, array in TENSORS.items()
    }
    assert (found.step, found.epoch_seconds, found.train_seconds, found.compile_seconds) == (3, 1.5, 2.5, 0.5)


def epoch(number: int) -> EpochMetrics:
    return EpochMetrics(
        epoch=number,
        train_loss=0.5,
        train_accuracy=0.5,
        validation_loss=0.5,
        validation_accuracy=0.5,
        seconds=1.0,
        images_per_second=1.0,
    )


@pytest.mark.parametrize(
    ("epochs", "step", "reason"),
    [((1, 3), 0, "not in order"), ((2,), 0, "not in order"), ((1,), 11, "11 of 10"), ((1,), -1, "-1 of 10")],
)
def test_epochs_out_of_order_and_a_step_outside_the_epoch_are_damage(
    epochs: tuple[int, ...], step: int, reason: str, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path, Checkpoint(TENSORS, tuple(map(epoch, epochs)), step, 1.5, 2.5, 0.5))
    (found,) = read_checkpoints(tmp_path, expected=TENSORS, steps=10)
    assert isinstance(found, RunError)
    assert reason in str(found)
