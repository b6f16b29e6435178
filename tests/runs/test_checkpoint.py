from pathlib import Path

import numpy as np
import pytest

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
