"""How processes that train one run together start from the same state: the first broadcasts it, the others follow.

Only the first process has the run's folder. The others receive the configuration and the initial state from it, and
then take the same steps.
"""

import json

from safetensors.numpy import load, save

from mnistcli.commands.course import Session
from mnistcli.config import TrainConfig
from mnistcli.datasets import Dataset
from mnistcli.errors import DataError, InterruptedRunError, UsageError
from mnistcli.mesh import bytes_of_first_process, is_alone
from mnistcli.models.flax_file import loaded
from mnistcli.runs.checkpoint import checkpoint_of, figures_of
from mnistcli.training import Fit


def tell_config(config: TrainConfig, dataset: Dataset, *, checkpoint_every: int | None) -> None:
    """Send the configuration to the other processes, if there are any."""
    if is_alone():
        return
    message = {"config": config.as_dict(), "data": dataset.fingerprint, "checkpoint_every": checkpoint_every}
    bytes_of_first_process(json.dumps(message).encode())


def tell_state(fit: Fit) -> None:
    """Send the state to start from to the other processes, if there are any."""
    if is_alone():
        return
    checkpoint = fit.checkpoint(train_seconds=0)
    bytes_of_first_process(json.dumps(figures_of(checkpoint)).encode())
    bytes_of_first_process(save(checkpoint.tensors))


def follow(session: Session, *, dataset: str | None) -> None:
    """Train together with the first process until the end; `dataset` is the --dataset of this process.

    Raises:
        UsageError: The first process's data set is a path that --dataset does not name here; or its class in Flax
            differs.
        DataError: The images here differ from those of the first process.
        InterruptedRunError: A process was interrupted.
        DivergedError: The loss became infinite or NaN.
    """
    message = json.loads(bytes_of_first_process())
    config = TrainConfig.from_dict(message["config"])
    if config.data.is_path and dataset != config.data.dataset:
        raise UsageError(f"Process 0 trains on {config.data.dataset!r}: give every process the same --dataset.")
    if config.source_sha256 and loaded(config.arch)[0].sha256 != config.source_sha256:
        raise UsageError(f"{config.arch} is not the same file here as in process 0: copy it to every machine.")
    data = session.load(config.data)
    if data.fingerprint != message["data"]:
        raise DataError(
            f"The images of {config.data.dataset!r} are not the same here as in process 0: copy them to every machine."
        )
    fit = Fit(config, data, message["checkpoint_every"])
    figures, tensors = json.loads(bytes_of_first_process()), load(bytes_of_first_process())
    fit.restore(checkpoint_of(tensors, figures, steps=fit.steps_per_epoch))
    with session.interrupts() as interrupted:
        for _ in fit.run():
            if interrupted():
                raise InterruptedRunError("Interrupted.")
