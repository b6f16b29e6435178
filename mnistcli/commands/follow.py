"""How the processes that train one run together begin at the same point: the first tells, the others follow.

The first process alone has the run's folder. The others get from it the configuration and the state to begin with, and
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
    """Tell the other processes, where there are any, what is trained."""
    if is_alone():
        return
    said = {"config": config.as_dict(), "data": dataset.fingerprint, "checkpoint_every": checkpoint_every}
    bytes_of_first_process(json.dumps(said).encode())


def tell_state(fit: Fit) -> None:
    """Tell the other processes, where there are any, the state that training goes on from."""
    if is_alone():
        return
    checkpoint = fit.checkpoint(train_seconds=0)
    bytes_of_first_process(json.dumps(figures_of(checkpoint)).encode())
    bytes_of_first_process(save(checkpoint.tensors))


def follow(session: Session, *, dataset: str | None) -> None:
    """Train with the first process to the end; `dataset` is what this process's command line names.

    Raises:
        UsageError: The first process's data set is a path and not named here; or its class in Flax is another one.
        DataError: The images here are not those of the first process.
        InterruptedRunError: A process was interrupted.
        DivergedError: The loss stopped being a number.
    """
    said = json.loads(bytes_of_first_process())
    config = TrainConfig.from_dict(said["config"])
    if config.data.is_path and dataset != config.data.dataset:
        raise UsageError(f"Process 0 trains on {config.data.dataset!r}: give every process the same --dataset.")
    if config.source_sha256 and loaded(config.arch)[0].sha256 != config.source_sha256:
        raise UsageError(f"{config.arch} is not the same file here as in process 0.")
    data = session.load(config.data)
    if data.fingerprint != said["data"]:
        raise DataError(f"The images of {config.data.dataset!r} are not the same here as in process 0.")
    fit = Fit(config, data, said["checkpoint_every"])
    figures, tensors = json.loads(bytes_of_first_process()), load(bytes_of_first_process())
    fit.restore(checkpoint_of(tensors, figures, steps=fit.steps_per_epoch))
    with session.interrupts() as interrupted:
        for _ in fit.run():
            if interrupted():
                raise InterruptedRunError("Interrupted.")
